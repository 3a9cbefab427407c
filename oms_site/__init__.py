"""The ground floor: wiring, and the journal, the firm and the kit that every floor stands on."""
