"""The simulated venue: a party outside the firm, with its own process, clock and journal.

It shares the wire values with us and nothing else: never Django, never our database.
"""
