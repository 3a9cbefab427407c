"""How often users, keys and organizations may ask: tiers, shared windows, strikes.

The entrances ask the gate before they do anything; it knows requests by lane and never by content.
"""
