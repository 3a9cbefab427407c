"""Tables of the gate."""

from controls.models.breaker import Breaker, PriceMark
from controls.models.control import Control
from controls.models.decision import ListingDecision
from controls.models.halt import Halt
from controls.models.history import ControlChange, Simulation
from controls.models.listing import ControlList, Mandate
from controls.models.order_group import OrderGroup
from controls.models.override import Override
from controls.models.review import Review
from controls.models.screening import Screening
from controls.models.vote import ReviewDecision, ReviewVote

__all__ = [
    "Breaker",
    "Control",
    "ControlChange",
    "ControlList",
    "Halt",
    "ListingDecision",
    "Mandate",
    "OrderGroup",
    "Override",
    "PriceMark",
    "Review",
    "ReviewDecision",
    "ReviewVote",
    "Screening",
    "Simulation",
]
