"""Tables of the story."""

from orders.models.break_ import Adjustment, Break, Reconciliation
from orders.models.broker_wheel import BrokerWheel
from orders.models.cross import Cross
from orders.models.execution import AllocationDue, Execution
from orders.models.execution_order import ExecutionOrder
from orders.models.external import DeskClaim, ExternalFill, ExternalOrder
from orders.models.flatten import Flatten, FlattenLine
from orders.models.held_report import HeldReport
from orders.models.mass_cancel import MassCancel, MassCancelOrder
from orders.models.notional import NotionalPart
from orders.models.order import Order
from orders.models.order_list import OrderList, OrderListLeg, OrderListWatch, PriceWatch
from orders.models.quote import Quote, Rfq
from orders.models.quote_round import QuoteRound
from orders.models.recovery import Recovery
from orders.models.replacement import OrderTerms, ReplaceLeg, Replacement
from orders.models.reported_trade import ReportedTrade
from orders.models.ruleset import Ruleset
from orders.models.schedule import Schedule, ScheduleSlice
from orders.models.venue_order import VenueOrder
from orders.models.words import OrderWords

__all__ = [
    "Adjustment",
    "AllocationDue",
    "Break",
    "BrokerWheel",
    "Cross",
    "DeskClaim",
    "Execution",
    "ExecutionOrder",
    "ExternalFill",
    "ExternalOrder",
    "Flatten",
    "FlattenLine",
    "HeldReport",
    "MassCancel",
    "MassCancelOrder",
    "NotionalPart",
    "Order",
    "OrderList",
    "OrderListLeg",
    "OrderListWatch",
    "OrderTerms",
    "OrderWords",
    "PriceWatch",
    "Quote",
    "QuoteRound",
    "Reconciliation",
    "Recovery",
    "ReplaceLeg",
    "Replacement",
    "ReportedTrade",
    "Rfq",
    "Ruleset",
    "Schedule",
    "ScheduleSlice",
    "VenueOrder",
]
