"""Lists of orders: staged together, and legs of which one depends on another.

`submitting` makes a list, `settling` draws the consequences of whatever has happened to its orders,
by the rules in `planning`. Nothing here speaks to a venue: it lets orders go and asks them to stop.
"""
