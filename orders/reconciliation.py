"""What should not be: looked for, shown as breaks, never repaired by guessing.

Run by beat, at the start of the day, during it and at its close. Parties are asked outside any
transaction; one that does not answer is "not checked", never "clean".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef

from allocations import accounts, adapters
from allocations.custodians.port import CustodianError
from oms_site.firm import generation
from oms_site.firm.database import of_content
from oms_site.journal import actors, unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, market, start_of_day
from orders.models import Order, Reconciliation, VenueOrder
from orders.reconciling import custodian, explained, internal, venue
from orders.reconciling.differences import Comparison
from orders.states import VENUE_TERMINAL
from venues import drop_copy
from venues.calendar import new_york_date
from venues.drop_copy import DropCopyUnsupported
from venues.gateways.simulator import drop_copy as simulated
from venues.models import Venue

log = logging.getLogger(__name__)
_by = actors.system("reconciliation")
PATIENCE = timedelta(minutes=5)
GRACE = timedelta(seconds=30)
PHASES = ("start", "intraday", "close")
# A start follows a night, a weekend and a holiday; a close looks at a month once a day.
WINDOWS = {"start": timedelta(days=7), "intraday": timedelta(days=1), "close": timedelta(days=31)}
drop_copy.PORTS.setdefault("simulator", simulated.ask)


def watch() -> int:
    """Open a break for every order that waits for a venue with nothing to answer; how many."""
    at = clock.now()
    live = VenueOrder.objects.filter(order_id=OuterRef("pk")).exclude(
        status__in=[s.value for s in VENUE_TERMINAL]
    )
    stuck = (
        Order.objects.exclude(pending="")
        .filter(expires_at__lt=at - PATIENCE)
        .exclude(Exists(live))
        .values_list("id", "organization_id", "pending")[:500]
    )
    with unit.work(by=_by, at=at) as work:
        for order_id, organization_id, pending in stuck:
            breaks.open(
                work,
                kind="stuck_pending",
                key=order_id,
                evidence={"pending": pending},
                at=at,
                organization_id=organization_id,
                order_id=order_id,
            )
    return len(stuck)


# --- comparing with others -------------------------------------------------------------------
def run(phase: str, *, day: date | None = None, grace: timedelta = GRACE) -> list[Reconciliation]:
    """Compare with every venue and custodian and with our own facts; opens breaks; the outcomes.

    Raises `ValueError` for a phase that is none of `PHASES`.
    """
    if phase not in PHASES:
        raise ValueError(f"{phase} is none of {', '.join(PHASES)}")
    generation.check()
    at = clock.now()
    day, limit, since = day or new_york_date(at), at - grace, _since(phase, at)
    asked: list[tuple[str, str, Callable[[], Comparison]]] = [
        (*start_of_day.OURSELVES, lambda: internal.run(since=since))
    ]
    asked += [("venue", row.id, _venue(row, limit, since)) for row in start_of_day.venues()]
    asked += [
        ("custodian", name, _custodian(name, day, limit)) for name in start_of_day.custodians()
    ]
    return [_one(phase, kind, party, day, at, compare) for kind, party, compare in asked]


def phase_now() -> str:
    """A day's comparisons are its start until everybody has answered one; then by the market.

    After the close it is the close, whoever has not answered: the others are looked at for it.
    """
    at = clock.now()
    day = new_york_date(at)
    began = Reconciliation.objects.filter(day=day, phase=start_of_day.FIRST_PHASE).exists()
    if not (began and market.is_over(at)) and start_of_day.unanswered(day):
        return start_of_day.FIRST_PHASE
    return "close" if market.state(at).word.lower() == "closed" else "intraday"


def latest(organization_id: str) -> list[Reconciliation]:
    """The newest outcome for each party; who was never compared is absent, and unknown."""
    rows = Reconciliation.objects.filter(organization_id__in=[organization_id, breaks.HOUSE])
    return list(rows.order_by("kind", "party", "-ended_at", "-id").distinct("kind", "party"))


def _since(phase: str, at: datetime) -> datetime:
    """How far back a phase looks; what is older has been compared at many closes."""
    return at - WINDOWS[phase]


def _venue(row: Venue, limit: datetime, since: datetime) -> Callable[[], Comparison]:
    return lambda: venue.run(row.id, drop_copy.ask(row.id, row.gateway), grace=limit, since=since)


def _custodian(custodian_id: str, day: date, limit: datetime) -> Callable[[], Comparison]:
    def compare() -> Comparison:
        facts = accounts.find_custodian(custodian_id)
        if facts is None:
            raise OmsError("custodian_unknown", f"{custodian_id} is not known.")
        adapter = adapters.of(facts)
        booked = adapter.bookings(trade_date=day)
        return custodian.run(
            custodian_id,
            booked=booked,
            positions=adapter.positions(as_of=day),
            day=day,
            grace=limit,
        )

    return compare


def _one(
    phase: str,
    kind: str,
    party: str,
    day: date,
    at: datetime,
    compare: Callable[[], Comparison],
) -> Reconciliation:
    """One party: asked first, then its differences become breaks, then the outcome is kept."""
    result, outcome, note = Comparison(), Reconciliation.Outcome.NOT_CHECKED.value, ""
    try:
        result = compare()
        outcome = "breaks" if result.found else "clean"
    except DropCopyUnsupported as error:
        outcome, note = Reconciliation.Outcome.UNSUPPORTED.value, error.message
    except (OmsError, CustodianError) as error:
        note = f"{error.code}: {error.message}"
    except Exception as error:
        # One party's nonsense is not the others' silence: they are still compared.
        if not of_content(error):
            raise
        log.exception("the comparison with %s %s broke off", kind, party)
        note = f"broke_off: {type(error).__name__}: {error}"
    with unit.work(by=_by, at=at) as work:
        for one in explained.without(result.found, party=party):
            breaks.open(
                work,
                kind=one.kind[:32],
                key=explained.key_at(party, one.key),
                evidence={**one.evidence, "party": party, "phase": phase, "day": str(day)},
                at=at,
                organization_id=one.organization_id,
                order_id=one.order_id,
            )
    return Reconciliation.objects.create(
        organization_id=breaks.HOUSE,
        phase=phase,
        kind=kind,
        party=party,
        day=day,
        began_at=at,
        ended_at=clock.now(),
        outcome=outcome,
        compared=result.compared,
        found=len(result.found),
        note=note[:200],
    )
