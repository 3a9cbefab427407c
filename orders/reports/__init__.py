"""Applying what venues report: the only thing that moves an order at a venue.

`apply(venue_id, rows)` takes inbox rows in the venue's order, in one transaction. Nothing is
refused and nothing invented: what does not fit is kept, flagged, and opens a break.
"""

from orders.reports.applying import apply, apply_one, trouble, unreadable
from orders.reports.resending import ask_all

__all__ = ["apply", "apply_one", "ask_all", "trouble", "unreadable"]
