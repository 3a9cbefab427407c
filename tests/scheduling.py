"""Short words for schedules in tests: an order on the full policy, worked slice by slice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders.models import ExecutionOrder, Schedule, ScheduleSlice, VenueOrder
from orders.requests import Scheduled, ScheduleTerms
from orders.schedules import commands, sending
from tests import trading
from tests.conftest import TEN

D = Decimal
MINUTE = timedelta(minutes=1)
TRADER = "beta_trader"


def trader() -> Principal:
    """A trader whose policy opens schedules."""
    return trading.person(TRADER)


def submit(**changes: Any) -> str:
    """Submit one of his orders; its id."""
    return trading.submit(**{"by": TRADER, "account_id": "beta-002", **changes})


def staged(**changes: Any) -> str:
    """A staged order for 10,000 on the full policy; its id."""
    return submit(**{"bypass_auto_execution": True, "qty": D(10_000), **changes})


def asked(strategy: str = "twap", *, minutes: int = 10, slices: int = 10, **more: Any) -> Scheduled:
    """A schedule of all that is free over the next minutes, at the test's venue."""
    of_order = {"qty", "limit_price", "client_schedule_id", "venue_id"}
    terms: dict[str, Any] = {"end_time": clock.now() + minutes * MINUTE, "slices": slices}
    terms |= {name: value for name, value in more.items() if name not in of_order}
    return Scheduled(
        protocol="limit_order_book",
        strategy=strategy,
        parameters=ScheduleTerms(**terms),
        **{
            "qty": D(0),
            "venue_id": trading.VENUE,
            **{name: value for name, value in more.items() if name in of_order},
        },
    )


def started(order_id: str, strategy: str = "twap", **more: Any) -> Schedule:
    """Start a schedule on an order."""
    made = commands.start(order_id, asked(strategy, **more), by=trader(), at=clock.now())
    assert made.error is None, made.error
    assert made.row is not None
    return made.row


def at(minutes: float) -> Any:
    """So many minutes after ten o'clock."""
    return clock.frozen_at(TEN + minutes * MINUTE)


def run(minutes: float) -> int:
    """Let the drain look at that moment."""
    with at(minutes):
        return sending.drain()


def now(order_id: str) -> Schedule:
    """The order's newest schedule as it is stored."""
    found = Schedule.objects.filter(order_id=order_id).order_by("-created_at", "-id").first()
    assert found is not None
    return found


def slices(order_id: str) -> list[ScheduleSlice]:
    """The slices of its schedules in order."""
    return list(ScheduleSlice.objects.filter(order_id=order_id).order_by("schedule_id", "number"))


def statuses(order_id: str) -> list[str]:
    return [str(one.status) for one in slices(order_id)]


def sent(order_id: str) -> list[int]:
    """What the slices have sent, in order."""
    return [int(one.sent_qty) for one in slices(order_id) if one.sent_qty is not None]


def working(order_id: str) -> list[VenueOrder]:
    """What rests at venues of an order, oldest first."""
    rows = VenueOrder.objects.filter(order_id=order_id).order_by("id")
    return [row for row in rows if not row.is_terminal]


def fill(order_id: str, minutes: float = 0) -> None:
    """The venue fills all that rests."""
    with at(minutes):
        for child in working(order_id):
            trading.receive(trading.fill(child, child.leaves_qty, cum=child.qty))


def execution_orders(order_id: str) -> list[ExecutionOrder]:
    return list(ExecutionOrder.objects.filter(order_id=order_id).order_by("created_at", "id"))


def moment(minutes: float) -> datetime:
    """So many minutes after ten o'clock, in UTC."""
    return (TEN + minutes * MINUTE).astimezone(clock.now().tzinfo)
