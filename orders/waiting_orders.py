"""What the page of operations shows of clearing, orders of others and the valuation feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from allocations import reversing
from allocations.clearing import views as clearing
from allocations.feed import views as feed
from allocations.models import BookingLeg, GiveUp
from allocations.states import LegStatus
from orders import recoveries
from orders.externals import views as externals
from orders.models import ExecutionOrder
from venues import instruments

MOST = 200
_LATEST = 12
_CANDIDATES_MOST = 50


def waiting(organization_id: str, *, at: datetime) -> dict[str, Any]:
    """Everything of these rooms that waits for a person, and the latest deliveries."""
    strangers = externals.shown(externals.of(organization_id, waiting=True)[:MOST])
    open_ones = _open_ones(organization_id) if strangers else []
    for one in strangers:
        one["candidates"] = [row for row in open_ones if _fits(row, one)]
    deliveries = feed.deliveries(organization_id)
    dead = feed.deliveries(organization_id, state="dead")
    return {
        "reports": clearing.shown(clearing.exceptions(organization_id, at=at)[:MOST]),
        "externals": strangers,
        "recoveries": list(recoveries.waiting(organization_id)[:MOST]),
        **_give_ups(organization_id),
        "feeds": feed.endpoints(organization_id),
        "dead": feed.shown(organization_id, dead[:MOST]),
        "deliveries": feed.shown(organization_id, deliveries[:_LATEST]),
    }


def give_ups_of(allocation_id: str) -> list[GiveUp]:
    """Everything of one allocation that another firm was asked to clear, in order."""
    return list(_asked().filter(allocation_id=allocation_id).order_by("requested_at", "id"))


def givable(legs: Sequence[BookingLeg], asked: Iterable[GiveUp]) -> frozenset[str]:
    """Which of an allocation's bookings another firm may be asked to clear."""
    taken = {row.leg_id for row in asked if row.status != GiveUp.Status.REFUSED}
    stand = {leg.id for leg in reversing.standing(legs)}
    return frozenset(
        leg.id
        for leg in legs
        if leg.id in stand and leg.status == LegStatus.BOOKED and leg.id not in taken
    )


def _asked() -> QuerySet[GiveUp]:
    return GiveUp.objects.select_related(
        "allocation", "leg__account_allocation__account", "leg__custodian", "clearing_firm", "maker"
    )


def _give_ups(organization_id: str) -> dict[str, Any]:
    """Give-ups that wait for a person or a firm, the longest first; and the latest that do not."""
    mine = _asked().filter(organization_id=organization_id)
    waits = (GiveUp.Status.REQUESTED, GiveUp.Status.GIVEN, GiveUp.Status.TURNED_DOWN)
    under_way = mine.filter(status__in=waits)
    done = mine.filter(status__in=[GiveUp.Status.REFUSED, GiveUp.Status.TAKEN_UP])
    return {
        "give_ups": list(under_way.order_by("requested_at", "id")[:MOST]),
        "given_up": list(done.select_related("checker").order_by("-requested_at", "-id")[:_LATEST]),
    }


def _open_ones(organization_id: str) -> list[dict[str, Any]]:
    """Our own execution orders that are worked outside and still open, newest first."""
    rows = ExecutionOrder.objects.filter(
        organization_id=organization_id, protocol="external", leaves_qty__gt=0
    )
    found = rows.select_related("order").order_by("-created_at", "-id")[:_CANDIDATES_MOST]
    return [
        {
            "id": row.id,
            "order_id": row.order_id,
            "cusip": instruments.by_id(row.order.instrument_id).cusip,
            "side": row.order.side,
            "left": row.leaves_qty,
        }
        for row in found
        if not row.is_terminal
    ]


def _fits(row: dict[str, Any], one: dict[str, Any]) -> bool:
    return (row["cusip"], row["side"]) == (one["security_id"], one["side"])
