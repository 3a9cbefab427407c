"""Internal crosses: opposite open orders of one organization trade with each other first.

`routing` rings it before anything goes to a venue. It never crosses two organizations, nor an
account with itself, and never without a fresh market on both sides and every control.
"""

from orders.crossing.draining import drain

__all__ = ["drain"]
