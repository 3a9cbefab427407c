"""Plain Python that every floor may use: time, identifiers, numbers, errors. Never Django."""
