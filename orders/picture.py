"""Orders as rows of the desk's screens: one query, one row per order, decimals as text.

Called by the screens' socket for its first picture and for what has changed since.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Sum

from controls.models import Review
from controls.states import ReviewStatus
from oms_site.journal.models import Event
from oms_site.kit import clock, numbers
from orders import figures, order_types, sides
from orders.models import ExecutionOrder, Order, Rfq, Schedule
from orders.states import ORDER_OPEN, ORDER_TERMINAL, OrderStatus, Pending
from venues import instruments
from venues.calendar import new_york_date

NEWEST = 500
_SENT_AHEAD = timedelta(days=10)  # of the day it trades on, over any weekend and holidays
_PENDING = {
    Pending.CANCEL.value: "cancel_pending",
    Pending.EXPIRE.value: "expire_pending",
    Pending.REPLACE.value: "replace_pending",
}
Row: TypeAlias = dict[str, Any]
_OPEN = [s.value for s in ORDER_OPEN]
_CLOSED = [s.value for s in ORDER_TERMINAL]
_FIELDS = (
    "id",
    "client_order_id",
    "created_at",
    "submitted_by__username",
    "account__code",
    "allocation_id",
    "side",
    "short_sale",
    "instrument_id",
    "amount_type",
    "order_qty",
    "cum_qty",
    "leaves_qty",
    "limit_price",
    "ord_type",
    "stop_price",
    "trigger_price",
    "triggered_at",
    "released_qty",
    "avg_px",
    "avg_ytm",
    "extended_hours",
    "time_in_force",
    "status",
    "pending",
    "in_doubt",
    "route_at",
    "reject_reason",
    "working",
    "scheduled",
    "last_at",
    "failed",
    "inquired",
)


def newest(organization_id: str, *, day: date) -> tuple[list[Row], bool]:
    """The newest open orders and the newest of the day, and whether open ones are left out."""
    mine = _orders(organization_id).order_by("-created_at", "-id")
    # One more than is shown tells whether there are more.
    unfinished = list(mine.filter(status__in=_OPEN)[: NEWEST + 1])
    # Sent for that day, which none was longer before: what is older is not looked at.
    lately = datetime.combine(day, time(), tzinfo=UTC) - _SENT_AHEAD
    todays = mine.filter(status__in=_CLOSED, trade_date=day, created_at__gte=lately)
    finished = list(todays[:NEWEST])
    rows = [_row(found) for found in [*unfinished[:NEWEST], *finished]]
    return rows, len(unfinished) > NEWEST


def rows(organization_id: str, order_ids: Collection[str]) -> list[Row]:
    """The rows of these orders as they are now; unknown and foreign ids are absent."""
    return [_row(found) for found in _orders(organization_id).filter(pk__in=order_ids)]


def today() -> date:
    """The date in New York."""
    return new_york_date(clock.now())


def face(
    status: str, pending: str, *, working: bool, routing: bool, scheduled: bool = False
) -> str:
    """The one word a person needs: the status with its pending facet and where it waits."""
    if status not in ORDER_OPEN:
        return status
    if pending:
        return _PENDING[pending]
    if status == OrderStatus.PENDING_APPROVAL:
        return "review"
    if status == OrderStatus.PARTIALLY_FILLED:
        return "partial"
    if working:
        return "working"
    if routing:
        return "queued"
    return "scheduled" if scheduled else "staged"


def _orders(organization_id: str) -> QuerySet[Order, dict[str, Any]]:
    live = ExecutionOrder.objects.filter(order_id=OuterRef("pk"), status__in=_OPEN)
    # The newest event of an order is the one that made its version.
    latest = Event.objects.filter(subject=OuterRef("pk"), seq=OuterRef("version"))
    review = Review.objects.filter(subject=OuterRef("pk"), status=ReviewStatus.OPEN.value)
    # A screen that shows quotes reads them again when this number has moved.
    mine = Rfq.objects.filter(order_id=OuterRef("pk")).order_by().values("order_id")
    inquired = mine.annotate(total=Sum("version"))
    schedules = Schedule.objects.filter(order_id=OuterRef("pk"), next_at__isnull=False)
    orders = Order.objects.filter(organization_id=organization_id).annotate(
        working=Exists(live),
        scheduled=Exists(schedules),
        last_at=Subquery(latest.values("at")[:1]),
        failed=Subquery(review.values("failed_controls")[:1]),
        inquired=Subquery(inquired.values("total")),
    )
    found: QuerySet[Order, dict[str, Any]] = orders.values(*_FIELDS)
    return found


def _row(found: dict[str, Any]) -> Row:
    facts = instruments.by_id(found["instrument_id"])
    status = face(
        found["status"],
        found["pending"],
        working=found["working"],
        routing=found["route_at"] is not None,
        scheduled=found["scheduled"],
    )
    limit, average = found["limit_price"], found["avg_px"]
    return {
        "id": found["id"],
        "coid": found["client_order_id"] or "",
        "t": figures.iso(found["created_at"]),
        "trader": found["submitted_by__username"],
        "acct": found["account__code"] or ("block" if found["allocation_id"] else ""),
        "side": sides.named(found["side"], found["short_sale"]),
        "sec": facts.description,
        "cusip": facts.cusip,
        "cls": facts.asset_class,
        "kind": found["amount_type"],
        "par": numbers.plain(found["order_qty"]),
        "cum": numbers.plain(found["cum_qty"]),
        "leaves": numbers.plain(found["leaves_qty"]),
        "lim": figures.limit(limit, facts.asset_class),
        "limn": "" if limit is None else numbers.plain(limit),
        "avg": figures.rounded(average, places=6),
        "avgx": "" if average is None else numbers.plain(average),
        "ytm": figures.rounded(found["avg_ytm"], places=3),
        "ses": "extended" if found["extended_hours"] else "regular",
        "tif": found["time_in_force"],
        "status": status,
        "why": _why(found, status),
        "rfq": found["inquired"] or 0,
        "upd": figures.iso(found["last_at"] or found["created_at"]),
    }


def _why(found: dict[str, Any], status: str) -> str:
    if found["in_doubt"]:
        return "In doubt: the venue has not answered."
    if status == "review":
        return " ".join(str(c.get("control_message", "")) for c in found["failed"] or ())
    if found["status"] in ORDER_OPEN and (waits := _waits(found)):
        return waits
    return str(found["reject_reason"])


def _waits(found: dict[str, Any]) -> str:
    """What an order waits for before it may trade: its list, or a price."""
    if found["released_qty"] is not None and found["released_qty"] <= found["cum_qty"]:
        return "Held by its list"
    if found["triggered_at"] is not None or found["ord_type"] not in order_types.WAITING:
        return ""
    level = found["trigger_price"] or found["stop_price"]
    if level is None:
        return "No price to trail yet"
    facts = instruments.by_id(found["instrument_id"])
    word = "Stop" if found["ord_type"] in order_types.ADVERSE else "If touched"
    return f"{word} at {figures.limit(level, facts.asset_class)}"
