"""What should not be: looked for, shown as breaks, never repaired by guessing.

Run by beat, at the start of the day, during it and at its close. Parties are asked outside any
transaction; one that does not answer is "not checked", never "clean".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef

from allocations import accounts, adapters
from allocations.custodians.port import CustodianError
from allocations.models import Custodian
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, market
from orders.models import Order, Reconciliation, VenueOrder
from orders.reconciling import custodian, internal, venue
from orders.reconciling.differences import Comparison
from orders.states import VENUE_TERMINAL
from venues import drop_copy, registry
from venues.drop_copy import DropCopyUnsupported
from venues.gateways.simulator import drop_copy as simulated
from venues.models import Venue

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
    day, limit, since = day or at.date(), at - grace, _since(phase, at)
    parties: list[tuple[str, str, Callable[[], Comparison]]] = [
        ("internal", "", lambda: internal.run(since=since))
    ]
    outside = Venue.objects.exclude(gateway=registry.INTERNAL).order_by("id")
    parties += [("venue", row.id, _venue(row, limit, since)) for row in outside]
    houses = Custodian.objects.filter(active=True).order_by("id")
    parties += [("custodian", row.id, _custodian(row.id, day, limit)) for row in houses]
    return [_one(phase, kind, party, day, at, compare) for kind, party, compare in parties]


def phase_now() -> str:
    """The first comparison of a day is its start; after the close it is the close."""
    at = clock.now()
    if not Reconciliation.objects.filter(day=at.date(), phase="start").exists():
        return "start"
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
    with unit.work(by=_by, at=at) as work:
        for one in result.found:
            breaks.open(
                work,
                kind=one.kind[:32],
                key=f"{party}/{one.key}"[:120] if party else one.key,
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
