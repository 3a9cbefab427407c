"""Whether orders are taken now: a start-of-day comparison or a lack of capacity may hold them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from allocations.models import Custodian
from controls import halts
from oms_site.firm import policies
from oms_site.kit.errors import OmsError
from orders import breaks
from orders.models import Reconciliation
from venues import registry
from venues.calendar import new_york_date
from venues.models import Venue

FIRST_PHASE = "start"
OURSELVES = ("internal", "")  # kind and party of our own facts


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
            refusal = hold(organization_id, day=new_york_date(at))
            if refusal is not None:
                found[organization_id] = refusal
    return found


def hold(organization_id: str, *, day: date) -> OmsError | None:
    """Why orders of a day are not taken yet; None once that day's first comparison lets them in.

    Everybody must have answered it: a comparison that broke off half way lets nobody in.
    """
    rows = Reconciliation.objects.filter(phase=FIRST_PHASE, day=day)
    outcomes = set(rows.values_list("outcome", flat=True))
    if not outcomes:
        return _held("The books have not been compared with the outside yet.")
    if silent := unanswered(day):
        return _held(f"Not checked: {', '.join(silent)}.")
    if Reconciliation.Outcome.BREAKS in outcomes and (opened := breaks.count_open(organization_id)):
        return _held(f"{opened} breaks wait for an explanation.")
    return None


# --- whom a day is compared with -------------------------------------------------------------
def venues() -> list[Venue]:
    """Every venue outside this house, in a fixed order."""
    return list(Venue.objects.exclude(gateway=registry.INTERNAL).order_by("id"))


def custodians() -> list[str]:
    """Every custodian that we book with, in a fixed order."""
    return list(Custodian.objects.filter(active=True).order_by("id").values_list("id", flat=True))


def unanswered(day: date) -> list[str]:
    """Who has not answered a comparison of a day's start: asked and silent, or never asked."""
    everybody = [OURSELVES, *(("venue", row.id) for row in venues())]
    everybody += [("custodian", name) for name in custodians()]
    rows = Reconciliation.objects.filter(phase=FIRST_PHASE, day=day).exclude(
        outcome=Reconciliation.Outcome.NOT_CHECKED
    )
    answered = set(rows.values_list("kind", "party"))
    return [party or "our own facts" for kind, party in everybody if (kind, party) not in answered]


def _held(why: str) -> OmsError:
    return OmsError("start_of_day_hold", why, status=503)
