"""The simulated custodian: a party outside the firm, with its own process and journal.

It knows our wire and nothing else: never Django, never our database.
"""
