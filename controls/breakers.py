"""Circuit breakers: looks at prices, books and backlogs, and halts what has gone too far.

Asked every second. What a price or a book has tripped two persons give back; a lack of capacity and
a regulator's halt end with their cause. A price that was there before the last release counts no
more. Prices that nobody quotes, such as evaluated ones, trip nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Min, Q, QuerySet

from controls import halts
from controls.halts import Target
from controls.models import Breaker, Halt, PriceMark
from controls.states import HALT_STANDING
from oms_site.journal import draining
from oms_site.kit.errors import OmsError
from venues import instruments
from venues.instruments import InstrumentFacts
from venues.market_data.shelf import as_seen, shelf
from venues.models import ReferencePrice

HUNDRED = Decimal(100)
MARKED_EVERY = timedelta(seconds=5)
_NOT_QUOTED = "evaluated"
# A backlog is over once it has fallen to this part of what tripped it: no flapping at the edge.
_OVER = 2


def look(*, backlog: Callable[[], int], at: datetime) -> int:
    """Ask every active breaker. Returns how many halts were tripped or lifted."""
    breakers = list(Breaker.objects.filter(active=True).order_by("pk"))
    if not breakers:
        return 0
    _mark(breakers, at=at)

    def ask(one: Breaker) -> int:
        if one.kind == Breaker.Kind.CAPACITY:
            return _capacity(one, backlog(), at=at)
        find = _moved if one.kind == Breaker.Kind.PRICE_MOVE else _leaning
        return sum(bool(_trip(one, facts, why, at=at)) for facts, why in find(one, at=at))

    return draining.each(breakers, ask, aside=_tell)


def _tell(one: Breaker, error: Exception) -> None:
    """One that cannot be asked holds up no other, and is asked again at the next look."""
    draining.tell("breaker", one.pk, error, organization_id=one.organization_id)


def security_status(cusip: str, *, halted: bool, source: str, text: str, at: datetime) -> int:
    """An exchange says that a security is halted (SecurityTradingStatus(326) 2) or trades again.

    Returns how many halts that moved. Raises `OmsError` (422) for a security we do not know.
    """
    facts = instruments.find(cusip)
    if facts is None:
        raise OmsError("target_not_found", f"No instrument {cusip!r} here.", field="instrument_id")
    reason = text or f"{source} says so"
    if halted:
        return len(
            halts.trip(
                _target(facts),
                organization_id=halts.HOUSE,
                kind=Halt.Kind.REGULATORY.value,
                source=Halt.Source.DIRECTIVE.value,
                trigger=source,
                reason=reason,
                cancels=False,
                at=at,
            )
        )
    rows = Halt.objects.filter(
        kind=Halt.Kind.REGULATORY,
        target=facts.cusip,
        trigger=source[:80],
        status__in=sorted(HALT_STANDING),
    )
    standing = set(rows.values_list("engagement_id", flat=True))
    return sum(halts.lift(one, reason=reason, at=at) for one in sorted(standing))


def _trip(one: Breaker, facts: InstrumentFacts, why: str, *, at: datetime) -> list[Halt]:
    return halts.trip(
        _target(facts),
        organization_id=one.organization_id,
        kind=Halt.Kind.CIRCUIT_BREAKER.value,
        source=Halt.Source.AUTOMATIC.value,
        trigger=_trigger(one),
        reason=why,
        mode=one.mode,
        cancels=one.cancels,
        at=at,
    )


def _trigger(one: Breaker) -> str:
    return f"breaker {one.pk}: {one.name}"[:80]


def _target(facts: InstrumentFacts) -> Target:
    return Target("instrument", facts.cusip, f"{facts.cusip} {facts.description}"[:160])


def _instruments(one: Breaker) -> list[InstrumentFacts]:
    if not one.cusip:
        return instruments.every()
    found = instruments.find(one.cusip)
    return [found] if found is not None else []


def _mark(breakers: Iterable[Breaker], *, at: datetime) -> None:
    """Remember the prices quoted lately every few seconds, as far back as any breaker looks."""
    windows = [one.window_s for one in breakers if one.kind == Breaker.Kind.PRICE_MOVE]
    if not windows:
        return
    PriceMark.objects.filter(at__lte=at - timedelta(seconds=max(windows))).delete()
    if PriceMark.objects.filter(at__gt=at - MARKED_EVERY, at__lte=at).exists():
        return
    quoted = _quoted(since=at - MARKED_EVERY * 2)
    rows = [PriceMark(instrument_id=key, at=at, price=price) for key, price in quoted.items()]
    PriceMark.objects.bulk_create(rows, ignore_conflicts=True)


def _quoted(*, since: datetime) -> dict[int, Decimal]:
    rows = ReferencePrice.objects.exclude(source=_NOT_QUOTED).filter(at__gt=since)
    return dict(rows.values_list("instrument_id", "mid_px"))


def _moved(one: Breaker, *, at: datetime) -> Iterable[tuple[InstrumentFacts, str]]:
    """Securities whose price now is too far from one within the window."""
    assert one.percent is not None
    since = at - timedelta(seconds=one.window_s)
    watched = {facts.id: facts for facts in _instruments(one)}
    marks = _marks(one, since=since, at=at, watched=watched)
    ends = marks.values("instrument_id").annotate(least=Min("price"), most=Max("price"))
    quoted = _quoted(since=since)
    for key, least, most in ends.order_by("instrument_id").values_list(
        "instrument_id", "least", "most"
    ):
        if key not in watched:
            continue
        # Of all prices within the window the lowest or the highest is the farthest away.
        now = quoted.get(key) or _last(marks, key)
        percent, far = max((abs(now - price) / price * HUNDRED, price) for price in (least, most))
        if percent > one.percent:
            yield (
                watched[key],
                f"{one.name}: from {far.normalize():f} to {now.normalize():f} "
                f"({percent:.2f}%) within {one.window_s} s",
            )


def _marks(
    one: Breaker, *, since: datetime, at: datetime, watched: Mapping[int, InstrumentFacts]
) -> QuerySet[PriceMark]:
    """The marks within the window, without those from before a security was given back."""
    rows = PriceMark.objects.filter(at__gt=since, at__lte=at)
    if one.cusip:
        # Who watches all of them asks for none by name: that would seek each by itself.
        rows = rows.filter(instrument_id__in=watched)
    released = _released(one, since=since)
    before = Q(pk__in=())
    for key, facts in watched.items():
        if facts.cusip in released:
            before |= Q(instrument_id=key, at__lte=released[facts.cusip])
    return rows.exclude(before)


def _last(marks: QuerySet[PriceMark], instrument_id: int) -> Decimal:
    """The last mark of a security that nobody quotes any more."""
    return marks.filter(instrument_id=instrument_id).latest("at").price


def _released(one: Breaker, *, since: datetime) -> dict[str, datetime]:
    """When what this breaker had halted was last given back since a moment, by CUSIP."""
    rows = Halt.objects.filter(trigger=_trigger(one), released_at__gt=since)
    latest = rows.values_list("target").annotate(at=Max("released_at")).order_by("target")
    return dict(latest)


def _leaning(one: Breaker, *, at: datetime) -> Iterable[tuple[InstrumentFacts, str]]:
    """Securities of whose live books too much stands on one side."""
    assert one.percent is not None
    watched = _instruments(one)
    books = shelf.read({facts.cusip for facts in watched})
    for facts in watched:
        if not books.get(facts.cusip):
            continue
        seen = as_seen(facts.cusip, books[facts.cusip], at=at)
        bids = sum((level.size for level in seen.levels("sell")), Decimal(0))
        asks = sum((level.size for level in seen.levels("buy")), Decimal(0))
        whole = bids + asks
        if whole and max(bids, asks) / whole * HUNDRED > one.percent:
            side = "bids" if bids > asks else "offers"
            percent = max(bids, asks) / whole * HUNDRED
            yield facts, f"{one.name}: {percent:.1f}% of the book are {side}"


def _capacity(one: Breaker, waiting: int, *, at: datetime) -> int:
    assert one.most is not None
    rows = Halt.objects.filter(trigger=_trigger(one), status__in=sorted(HALT_STANDING))
    standing = rows.order_by("pk").values_list("engagement_id", flat=True).first()
    if standing is not None and waiting * _OVER <= one.most:
        return halts.lift(standing, reason=f"{waiting} wait", at=at)
    if standing is not None or waiting <= one.most:
        return 0
    tripped = halts.trip(
        Target("organization", one.organization_id, "intake"),
        organization_id=one.organization_id,
        kind=Halt.Kind.CAPACITY.value,
        source=Halt.Source.AUTOMATIC.value,
        trigger=_trigger(one),
        reason=f"{one.name}: {waiting} wait, more than {one.most}",
        cancels=False,
        at=at,
    )
    return len(tripped)
