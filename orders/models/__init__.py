"""Tables of the story."""

from orders.models.break_ import Break
from orders.models.execution import AllocationDue, Execution
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order
from orders.models.ruleset import Ruleset
from orders.models.venue_order import VenueOrder

__all__ = [
    "AllocationDue",
    "Break",
    "Execution",
    "ExecutionOrder",
    "Order",
    "Ruleset",
    "VenueOrder",
]
