"""Reported trades that were held, as the screens show them: facts, and what who looks may do.

Called by the order's panel and the review desk. It reads; deciding goes over the REST API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from oms_site.firm.principals import Principal
from orders import figures
from orders.models import HeldReport
from venues import instruments

RELEASE = "order.release"
MOST = 100


@dataclass(frozen=True, slots=True)
class Reported:
    """One held report. `stand` is `offer`, `own` (its maker may not), `reader` or `decided`."""

    row: HeldReport
    title: str
    qty: Decimal
    price: str
    stand: str


def of_order(order_id: str, *, by: Principal) -> list[Reported]:
    """All of one order, the first reported first. One query."""
    return shown(_rows().filter(order_id=order_id), by=by)


def waiting(organization_id: str, *, by: Principal) -> list[Reported]:
    """What waits for a decision, the longest waiting first; the first hundred. One query."""
    rows = _rows().filter(organization_id=organization_id, status=HeldReport.Status.HELD)
    return shown(rows[:MOST], by=by)


def shown(rows: Iterable[HeldReport], *, by: Principal) -> list[Reported]:
    """Held reports in the words of the screens."""
    return [_shown(row, by) for row in rows]


def _rows() -> QuerySet[HeldReport]:
    known = HeldReport.objects.select_related("order", "requested_by", "decided_by")
    return known.order_by("requested_at", "id")


def _shown(row: HeldReport, by: Principal) -> Reported:
    facts = instruments.by_id(row.order.instrument_id)
    price = Decimal(str(row.report["price"]))
    return Reported(
        row=row,
        title=facts.description,
        qty=Decimal(str(row.report["qty"])),
        price=figures.limit(price, facts.asset_class),
        stand=_stand(row, by),
    )


def _stand(row: HeldReport, by: Principal) -> str:
    if row.status != HeldReport.Status.HELD:
        return "decided"
    if not by.may(RELEASE):
        return "reader"
    return "own" if row.requested_by_id == by.user_id else "offer"
