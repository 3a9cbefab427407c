"""Which venues get an order and how much of it each: a pure choice over facts and books.

Called with frozen facts, books and terms; the same ones always give the same decision. It keeps
nothing, sends nothing and reads no clock.
"""

from venues.smart_routing.deciding import URGENCIES, decide
from venues.smart_routing.facts import Decision, Score, Slice, VenueFacts
from venues.smart_routing.splitting import Ladder, Split, split

__all__ = [
    "URGENCIES",
    "Decision",
    "Ladder",
    "Score",
    "Slice",
    "Split",
    "VenueFacts",
    "decide",
    "split",
]
