"""Tables of the story."""

from orders.models.break_ import Adjustment, Break, Reconciliation
from orders.models.execution import AllocationDue, Execution
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order
from orders.models.quote import Quote, Rfq
from orders.models.ruleset import Ruleset
from orders.models.venue_order import VenueOrder

__all__ = [
    "Adjustment",
    "AllocationDue",
    "Break",
    "Execution",
    "ExecutionOrder",
    "Order",
    "Quote",
    "Reconciliation",
    "Rfq",
    "Ruleset",
    "VenueOrder",
]
