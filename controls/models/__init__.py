"""Tables of the gate."""

from controls.models.control import Control, RestrictedInstrument
from controls.models.review import Review
from controls.models.screening import Screening

__all__ = ["Control", "RestrictedInstrument", "Review", "Screening"]
