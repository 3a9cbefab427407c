"""The decision: who may get the order, what is taken where, where the rest waits, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from venues.orderbook import BookState, Composite, VenueBook
from venues.smart_routing import splitting
from venues.smart_routing.facts import ONE, ZERO, Decision, Score, Slice, VenueFacts
from venues.smart_routing.splitting import Ladder, Split

_DEPTH = 10
LOW, NORMAL, HIGH = URGENCIES = ("low", "normal", "high")
# How much the risk of a venue counts: who has time can wait for a miss to be tried again.
HURRY = {LOW: ZERO, NORMAL: ONE, HIGH: Decimal(2)}
_URGENCY = {LOW: "it has time: ", HIGH: "it is urgent: "}


def decide(
    venues: Sequence[VenueFacts],
    *,
    asset_class: str,
    ord_type: str,
    qty: Decimal,
    only: str = "",
    side: str = "buy",
    limit: Decimal | None = None,
    whole: bool = False,
    books: Composite | None = None,
    urgency: str = NORMAL,
) -> Decision:
    """Slices that add up to `qty`: what can trade at once where it costs least, the rest waiting.

    `only` names one venue, `whole` forbids to split. Without a live book anywhere all of it goes to
    the preferred venue. Venues that cannot take it are left out, each with its reason. One in a
    hurry (`urgency` high) shows nothing to the dark first and counts risk double; one with time
    (low) takes at its best price only and lets the rest wait.
    """
    why_not = {venue.id: _why_not(venue, asset_class, ord_type, only) for venue in venues}
    fitting = [venue for venue in venues if not why_not[venue.id]]
    if not fitting:
        left_out = "; ".join(f"{name}: {why}" for name, why in why_not.items())
        scores = tuple(Score(name, why) for name, why in why_not.items())
        return Decision((), f"no venue can take it ({left_out})", scores)
    held = {book.venue_id: book for book in books.books} if books is not None else {}
    hurry = HURRY.get(urgency, HURRY[NORMAL])
    depth = 1 if urgency == LOW and not whole else _DEPTH
    ladders = _ladders(fitting, held, side=side, limit=limit, hurry=hurry, depth=depth)
    dark = {} if whole or only or urgency == HIGH else _dark(fitting, qty)
    lit = qty - sum(dark.values(), ZERO)
    pick = splitting.whole if whole else splitting.split
    taken = pick(ladders, side=side, qty=lit)
    home = _home(fitting, ladders, taken, whole=whole)
    rest = {home.id: lit - taken.qty} if lit > taken.qty else {}
    slices = _slices(fitting, dark, dict(taken.takes), rest)
    scores = tuple(
        _score(venue, why_not[venue.id], held.get(venue.id), ladders, slices, side)
        for venue in sorted(venues, key=lambda one: (one.preference, one.id))
    )
    words = _words(slices, scores, dark, home, taken)
    return Decision(slices, f"{_URGENCY.get(urgency, '')}{words}", scores)


def _why_not(venue: VenueFacts, asset_class: str, ord_type: str, only: str) -> str:
    if only and venue.id != only:
        return "not the venue asked for"
    if venue.status != "active":
        return "halted" if venue.status == "halted" else "not active"
    if venue.asset_classes and asset_class not in venue.asset_classes:
        return f"does not trade {asset_class}"
    if venue.ord_types and ord_type not in venue.ord_types:
        return f"takes no {ord_type} orders"
    return venue.why_not


def _ladders(
    venues: Sequence[VenueFacts],
    held: dict[str, VenueBook],
    *,
    side: str,
    limit: Decimal | None,
    hurry: Decimal = ONE,
    depth: int = _DEPTH,
) -> list[Ladder]:
    """What stands within the limit at each venue whose book is live, best scored price first."""
    sign = 1 if side == "buy" else -1
    found = []
    for venue in sorted(venues, key=lambda one: (one.preference, one.id)):
        book = held.get(venue.id)
        if book is None or book.state is not BookState.LIVE:
            continue
        levels = tuple(
            level
            for level in book.levels(side, depth=depth)
            if limit is None or sign * (limit - level.px) >= 0
        )
        if levels:
            found.append(Ladder(venue.id, levels, venue.taker_fee + hurry * venue.risk))
    return sorted(found, key=lambda one: sign * one.levels[0].px + one.extra)


def _dark(venues: Sequence[VenueFacts], qty: Decimal) -> dict[str, Decimal]:
    """The least piece that a dark venue takes, of an order that is at least twice as large."""
    found: dict[str, Decimal] = {}
    left = qty
    for venue in venues:
        if venue.is_dark and 0 < 2 * venue.dark_min_size <= left:
            found[venue.id] = venue.dark_min_size
            left -= venue.dark_min_size
    return found


def _home(
    venues: Sequence[VenueFacts], ladders: Sequence[Ladder], taken: Split, *, whole: bool
) -> VenueFacts:
    """Where the rest waits: the cheapest lit venue to wait at, the preferred of equals.

    A whole order goes where it is taken, one that nobody has whole to the same place as a rest.
    """
    if whole and taken.takes:
        return next(venue for venue in venues if venue.id == taken.takes[0][0])
    lit = [venue for venue in venues if not venue.is_dark] or list(venues)
    if not ladders:
        return min(lit, key=lambda venue: (venue.preference, venue.id))
    return min(lit, key=lambda v: (v.maker_fee + v.risk, v.preference, v.id))


def _slices(
    venues: Sequence[VenueFacts],
    dark: dict[str, Decimal],
    takes: dict[str, Decimal],
    rest: dict[str, Decimal],
) -> tuple[Slice, ...]:
    """One slice per venue, dark ones first, then by preference."""
    found = []
    for venue in sorted(venues, key=lambda v: (v.id not in dark, v.preference, v.id)):
        take = takes.get(venue.id, ZERO)
        qty = take + dark.get(venue.id, ZERO) + rest.get(venue.id, ZERO)
        if qty:
            found.append(Slice(venue.id, qty, take))
    return tuple(found)


def _score(
    venue: VenueFacts,
    why_not: str,
    book: VenueBook | None,
    ladders: Sequence[Ladder],
    slices: Sequence[Slice],
    side: str,
) -> Score:
    sign = 1 if side == "buy" else -1
    got = next((one for one in slices if one.venue_id == venue.id), None)
    levels = book.levels(side, depth=1) if book is not None else []
    best = levels[0].px if levels else None
    ladder = next((one for one in ladders if one.venue_id == venue.id), None)
    return Score(
        venue_id=venue.id,
        why_not=why_not,
        book="none" if book is None else f"{book.state}{f', {book.reason}' if book.reason else ''}",
        best_px=best,
        net_px=None if best is None else best + sign * venue.taker_fee,
        scored_px=None if best is None else best + sign * (venue.taker_fee + venue.risk),
        depth=sum((level.size for level in ladder.levels), ZERO) if ladder else ZERO,
        take=got.take if got else ZERO,
        rest=got.qty - got.take if got else ZERO,
    )


def _words(
    slices: Sequence[Slice],
    scores: Sequence[Score],
    dark: dict[str, Decimal],
    home: VenueFacts,
    taken: Split,
) -> str:
    said = [f"{name} gets {_qty(qty)} unseen first (dark)" for name, qty in dark.items()]
    said += [
        f"{one.venue_id} should fill {_qty(one.take)} at once"
        f" from {_px(one.best_px)} ({_px(one.net_px)} after fees)"
        for one in scores
        if one.take
    ]
    rest = sum((one.qty - one.take for one in slices), ZERO) - sum(dark.values(), ZERO)
    if rest:
        said.append(f"{home.id} {_why_home(scores, taken)} {_qty(rest)}")
    out = [f"{one.venue_id}: {one.why_not}" for one in scores if one.why_not]
    out += [
        f"{one.venue_id}: its book is {one.book}"
        for one in scores
        if not one.why_not and one.book.startswith("stale")
    ]
    return "; ".join(said) + (f" (left out: {'; '.join(out)})" if out else "")


def _why_home(scores: Sequence[Score], taken: Split) -> str:
    if not any(one.book == BookState.LIVE for one in scores if not one.why_not):
        return "is the preferred fitting venue, no book is live:"
    more = " for the other" if taken.qty else ":"
    return f"is the cheapest to wait at{more}"


def _qty(qty: Decimal) -> str:
    return f"{qty.normalize():,f}"


def _px(px: Decimal | None) -> str:
    return "–" if px is None else f"{px.normalize():f}"
