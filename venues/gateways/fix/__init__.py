"""Our side of a FIX session: numbers and messages in PostgreSQL, the session rules, no orders."""
