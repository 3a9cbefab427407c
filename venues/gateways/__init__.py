"""Our side of a venue's wire: one port, one package per kind of venue."""
