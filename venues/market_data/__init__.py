"""What the market says: the latest price of every instrument, and the books of all venues.

`prices` are durable rows that controls and triggers measure by; `shelf` holds whole books and
tapes, a cache; `shadow` and `recorder` keep one venue's in the gateway process.
"""

from venues.market_data.prices import Price, forget, reference, take
from venues.market_data.shelf import composite, shelf, tape_shelf, tapes

__all__ = [
    "Price",
    "composite",
    "forget",
    "reference",
    "shelf",
    "take",
    "tape_shelf",
    "tapes",
]
