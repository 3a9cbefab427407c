"""Whether orders are taken now: a start-of-day comparison or a lack of capacity may hold them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from controls import halts
from oms_site.firm import policies
from oms_site.kit.errors import OmsError
from orders import breaks
from orders.models import Reconciliation


def holds(organization_ids: Iterable[str], *, at: datetime) -> dict[str, OmsError]:
    """Why organizations' orders are not taken now (503), by id; who may trade is absent.

    Only organizations whose policy says `start_of_day_check: hold` are asked about that check.
    """
    found = {}
    for organization_id in organization_ids:
        if why := halts.capacity(organization_id):
            found[organization_id] = OmsError("over_capacity", why, status=503)
            continue
        if policies.of(organization_id, at=at)["start_of_day_check"] == "hold":
            refusal = hold(organization_id, day=at.date())
            if refusal is not None:
                found[organization_id] = refusal
    return found


def hold(organization_id: str, *, day: date) -> OmsError | None:
    """Why orders of a day are not taken yet; None once that day's first comparison lets them in."""
    rows = Reconciliation.objects.filter(
        organization_id__in=[organization_id, breaks.HOUSE], phase="start", day=day
    )
    newest = list(rows.order_by("kind", "party", "-ended_at", "-id").distinct("kind", "party"))
    if not newest:
        return _held("The books have not been compared with the outside yet.")
    bad = [row for row in newest if row.outcome == Reconciliation.Outcome.NOT_CHECKED]
    if bad:
        return _held(f"Not checked: {', '.join(row.party or row.kind for row in bad)}.")
    if any(row.outcome == Reconciliation.Outcome.BREAKS for row in newest):
        opened = breaks.count_open(organization_id)
        if opened:
            return _held(f"{opened} breaks wait for an explanation.")
    return None


def _held(why: str) -> OmsError:
    return OmsError("start_of_day_hold", why, status=503)
