"""Tables of the gate."""

from controls.models.control import Control, RestrictedInstrument
from controls.models.halt import Halt
from controls.models.history import ControlChange, Simulation
from controls.models.listing import ControlList, Mandate
from controls.models.review import Review
from controls.models.screening import Screening
from controls.models.vote import ReviewDecision, ReviewVote

__all__ = [
    "Control",
    "ControlChange",
    "ControlList",
    "Halt",
    "Mandate",
    "RestrictedInstrument",
    "Review",
    "ReviewDecision",
    "ReviewVote",
    "Screening",
    "Simulation",
]
