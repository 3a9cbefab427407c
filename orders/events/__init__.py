"""Every type of event that the journal may hold, as data: what it means and what its body carries.

The rooms of every floor record these and no others; the documentation is written from here and the
architecture tests hold the table against the code. `moves` names the state steps an event states.
"""

from __future__ import annotations

from orders.events.kinds import Kind as Kind
from orders.events.of_breaks import BREAKS
from orders.events.of_clearing import CLEARING, EXTERNALS, FEEDS
from orders.events.of_clients import ALLOCATIONS, HOLDINGS
from orders.events.of_executions import EXECUTION_ORDERS, VENUE_ORDERS
from orders.events.of_halts import FLATTENS, HALTS, MASS_CANCELS, ORDER_GROUPS, OVERRIDES
from orders.events.of_inquiries import INQUIRIES
from orders.events.of_lists import ORDER_LISTS
from orders.events.of_orders import ORDERS
from orders.events.of_rates import RATES
from orders.events.of_schedules import SCHEDULES
from orders.events.of_settlements import SETTLEMENTS

FAMILIES: dict[str, tuple[Kind, ...]] = {
    "Orders": ORDERS,
    "Lists of orders": ORDER_LISTS,
    "Execution orders": EXECUTION_ORDERS,
    "At the venues": VENUE_ORDERS,
    "Requests for quotes": INQUIRIES,
    "Schedules": SCHEDULES,
    "Allocations and bookings": ALLOCATIONS,
    "Confirming and settling": SETTLEMENTS,
    "Clearing": CLEARING,
    "Orders of others": EXTERNALS,
    "Valuation feed": FEEDS,
    "Breaks": BREAKS,
    "Holdings": HOLDINGS,
    "Halts": HALTS,
    "Rate limits": RATES,
    "Mass cancels": MASS_CANCELS,
    "Closing positions out": FLATTENS,
    "Order groups": ORDER_GROUPS,
    "Overrides": OVERRIDES,
}
KINDS: dict[str, Kind] = {kind.name: kind for family in FAMILIES.values() for kind in family}
