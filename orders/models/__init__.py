"""Tables of the story."""

from orders.models.break_ import Adjustment, Break, Reconciliation
from orders.models.execution import AllocationDue, Execution
from orders.models.execution_order import ExecutionOrder
from orders.models.mass_cancel import MassCancel, MassCancelOrder
from orders.models.order import Order
from orders.models.quote import Quote, Rfq
from orders.models.replacement import OrderTerms, ReplaceLeg, Replacement
from orders.models.ruleset import Ruleset
from orders.models.venue_order import VenueOrder

__all__ = [
    "Adjustment",
    "AllocationDue",
    "Break",
    "Execution",
    "ExecutionOrder",
    "MassCancel",
    "MassCancelOrder",
    "Order",
    "OrderTerms",
    "Quote",
    "Reconciliation",
    "ReplaceLeg",
    "Replacement",
    "Rfq",
    "Ruleset",
    "VenueOrder",
]
