"""What should not be: looked for, shown as breaks, never repaired by guessing.

Run by beat, at the start of the day, during it and at its close. Parties are asked outside any
transaction; one that does not answer is "not checked", never "clean".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import Exists, OuterRef

from allocations import accounts, adapters
from allocations.custodians.port import CustodianError
from oms_site.firm import generation
from oms_site.firm.database import of_content
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, market, recoveries, start_of_day
from orders.models import Break, Order, Reconciliation, Replacement, VenueOrder
from orders.reconciling import custodian, explained, internal, venue
from orders.reconciling.differences import Comparison, storable
from orders.states import ORDER_TERMINAL, VENUE_TERMINAL, ReplaceStatus
from venues import drop_copy
from venues.calendar import new_york_date
from venues.drop_copy import DropCopyUnsupported
from venues.gateways.simulator import drop_copy as simulated
from venues.models import Venue

log = logging.getLogger(__name__)
_by = actors.system("reconciliation")
PATIENCE = timedelta(minutes=5)
GRACE = timedelta(seconds=30)
REPLACE_OPEN = sorted([ReplaceStatus.PENDING.value, ReplaceStatus.REVIEW.value])
_MOST_STUCK = 500
# From one party to the next by an index: there are few, and ever more comparisons of each.
_NEWEST = """
WITH RECURSIVE party AS (
    (SELECT organization_id, kind, party FROM orders_reconciliation
     WHERE organization_id = ANY(%(whose)s) ORDER BY organization_id, kind, party LIMIT 1)
    UNION ALL
    SELECT n.organization_id, n.kind, n.party FROM party p CROSS JOIN LATERAL (
        SELECT r.organization_id, r.kind, r.party FROM orders_reconciliation r
        WHERE (r.organization_id, r.kind, r.party) > (p.organization_id, p.kind, p.party)
            AND r.organization_id = ANY(%(whose)s)
        ORDER BY r.organization_id, r.kind, r.party LIMIT 1) n)
SELECT newest.id FROM party p CROSS JOIN LATERAL (
    SELECT r.id FROM orders_reconciliation r
    WHERE r.organization_id = p.organization_id AND r.kind = p.kind AND r.party = p.party
    ORDER BY r.ended_at DESC, r.id DESC LIMIT 1) newest
"""
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
    known = Break.objects.filter(
        organization_id=OuterRef("organization_id"),
        kind="stuck_pending",
        key=OuterRef("pk"),
        closed_at=None,
    )
    waits = (
        Order.objects.exclude(pending="")
        .filter(draining.due("expires_at", at - PATIENCE))
        .exclude(Exists(live))
        .exclude(Exists(known))
        .order_by("id")
        .values_list("id", "organization_id", "pending")
    )
    # Of what is over only a filled one waits, for the answer to its replacement.
    asked = Replacement.objects.filter(status__in=REPLACE_OPEN).values_list("order_id", flat=True)
    stuck = [
        *waits.exclude(status__in=sorted(ORDER_TERMINAL))[:_MOST_STUCK],
        *waits.filter(id__in=list(asked), status__in=sorted(ORDER_TERMINAL))[:_MOST_STUCK],
    ]
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
class _Party(NamedTuple):
    """Somebody to compare with: asked once, for one or more outcomes by their kind."""

    kinds: tuple[str, ...]
    name: str
    compare: Callable[[], Mapping[str, Comparison]]


def run(phase: str, *, day: date | None = None, grace: timedelta = GRACE) -> list[Reconciliation]:
    """Compare with every venue and custodian and with our own facts; opens breaks; the outcomes.

    Raises `ValueError` for a phase that is none of `PHASES`.
    """
    if phase not in PHASES:
        raise ValueError(f"{phase} is none of {', '.join(PHASES)}")
    generation.check()
    at = clock.now()
    day, limit, since = day or new_york_date(at), at - grace, _since(phase, at)
    kind, name = start_of_day.OURSELVES
    asked = [_Party((kind,), name, lambda: {kind: internal.run(since=since)})]
    asked += [
        _Party(("venue",), row.id, _venue(row, limit, since)) for row in start_of_day.venues()
    ]
    asked += [
        _Party(custodian.PARTS, name, _custodian(name, day, limit))
        for name in start_of_day.custodians()
    ]
    return [row for party in asked for row in _one(phase, party, day, at)]


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
    """The newest outcome for each party; who was never compared is absent, and unknown.

    Our own facts first, then custodians with the parts of each together, then venues.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"whose": [organization_id, breaks.HOUSE]})
        rows = Reconciliation.objects.filter(id__in=[row[0] for row in cursor.fetchall()])
    newest = rows.order_by("ended_at", "id")
    found = {(row.kind, row.party): row for row in newest}.values()
    parts = [start_of_day.OURSELVES[0], *custodian.PARTS, "venue"]
    return sorted(found, key=lambda row: (row.kind == "venue", row.party, parts.index(row.kind)))


def _since(phase: str, at: datetime) -> datetime:
    """How far back a phase looks; what is older has been compared at many closes."""
    return at - WINDOWS[phase]


def _venue(row: Venue, limit: datetime, since: datetime) -> Callable[[], Mapping[str, Comparison]]:
    def compare() -> Mapping[str, Comparison]:
        copy = drop_copy.ask(row.id, row.gateway)
        return {"venue": venue.run(row.id, copy, grace=limit, since=since)}

    return compare


def _custodian(
    custodian_id: str, day: date, limit: datetime
) -> Callable[[], Mapping[str, Comparison]]:
    def compare() -> Mapping[str, Comparison]:
        facts = accounts.find_custodian(custodian_id)
        if facts is None:
            raise OmsError("custodian_unknown", f"{custodian_id} is not known.")
        days = settings.RECONCILE_TRADE_DAYS
        return custodian.run(custodian_id, adapters.of(facts), day=day, look_back=days, grace=limit)

    return compare


def _one(phase: str, party: _Party, day: date, at: datetime) -> list[Reconciliation]:
    """One party: asked first, then its differences become breaks, then the outcomes are kept."""
    made: Mapping[str, Comparison] = {}
    outcome, note = Reconciliation.Outcome.NOT_CHECKED.value, ""
    told = {"party": party.name, "phase": phase, "day": str(day)}
    try:
        made = _written(party.compare(), told, at)
    except DropCopyUnsupported as error:
        outcome, note = Reconciliation.Outcome.UNSUPPORTED.value, error.message
    except (OmsError, CustodianError) as error:
        note = f"{error.code}: {error.message}"
    except Exception as error:
        # One party's nonsense is not the others' silence: they are still compared.
        if not of_content(error):
            raise
        log.exception("the comparison with %s %s broke off", party.kinds[0], party.name)
        note = f"broke_off: {type(error).__name__}: {error}"
    unknown = Comparison(unsaid=note or "no answer")
    return [
        _kept(phase, kind, party.name, day, at, made.get(kind, unknown), outcome)
        for kind in party.kinds
    ]


def _written(
    made: Mapping[str, Comparison], told: Mapping[str, str], at: datetime
) -> Mapping[str, Comparison]:
    try:
        _write(made, told, at)
    except IntegrityError:
        # Somebody else compares at this moment and was first: what they opened is there by now.
        _write(made, told, at)
    return made


def _write(made: Mapping[str, Comparison], told: Mapping[str, str], at: datetime) -> None:
    if "venue" in made:
        with unit.work(by=_by, at=at) as work:
            recoveries.tidy(work, told["party"], at=at)
    with unit.work(by=_by, at=at) as work:
        for result in made.values():
            _open(work, result, {**result.about, **told}, at)


def _open(work: Unit, result: Comparison, told: Mapping[str, str], at: datetime) -> None:
    party = told["party"]
    for one in explained.without(result.found, party=party):
        breaks.open(
            work,
            kind=one.kind[:32],
            key=explained.key_at(party, one.key),
            evidence={**one.evidence, **told},
            at=at,
            organization_id=one.organization_id,
            order_id=one.order_id,
        )
        if one.fill is not None and one.order_id:
            difference = breaks.find(
                work, one.organization_id, one.kind[:32], explained.key_at(party, one.key)
            )
            recoveries.offer(work, difference, party, one.fill, at=at)


def _kept(
    phase: str, kind: str, party: str, day: date, at: datetime, result: Comparison, unsaid: str
) -> Reconciliation:
    """The outcome of one comparison; `unsaid` is that of one in which nothing was said."""
    note = result.unsaid
    if not note and result.under_way:
        note = f"{result.under_way} under way and left for the next time"
    return Reconciliation.objects.create(
        organization_id=breaks.HOUSE,
        phase=phase,
        kind=kind,
        party=party,
        day=day,
        began_at=at,
        ended_at=clock.now(),
        outcome=unsaid if result.unsaid else "breaks" if result.found else "clean",
        compared=result.compared,
        found=len(result.found),
        note=storable(note)[:200],
    )
