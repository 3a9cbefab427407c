"""What smart order routing sees of the market for an order, and what is kept of its decision.

`look` reads books and is called before a transaction; everything else works from what it read. A
book that nobody looked at is no book: the decision then says that none was live.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from controls import halts
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import brokers, handling, markups, time_in_force, wheel
from orders.models import ExecutionOrder, Order, VenueOrder
from orders.states import VENUE_TERMINAL
from venues import fitting, instruments, market_data, registry, smart_routing
from venues.models import RoutingDecision
from venues.orderbook import Composite, Level
from venues.smart_routing import Decision

_KEPT_LEVELS = 5
_OWN = "own_orders"


def look(order_ids: Iterable[str]) -> None:
    """Read the books of these orders' instruments into memory. Not inside a transaction."""
    wanted = Order.objects.filter(pk__in=list(order_ids)).values_list("instrument_id", flat=True)
    market_data.shelf.look({instruments.by_id(key).cusip for key in wanted})


def decide(
    work: Unit,
    order: Order,
    row: ExecutionOrder,
    *,
    qty: Decimal,
    at: datetime,
    kind: str = "route",
) -> tuple[Decision, RoutingDecision]:
    """Where a quantity of an execution order goes, and the row that keeps why."""
    books = _strange(work, _books(order, at), order.instrument_id)
    venues = _open_to(order)
    if row.strategy == wheel.STRATEGY and not row.venue_id:
        decision = _dealt(venues, order, row, books, qty=qty, at=at)
    else:
        decision = _decide(venues, order, row, books, qty=qty, at=at)
    return decision, kept(order, row, decision, books, qty=qty, kind=kind)


def seen(work: Unit, instrument_id: int, *, at: datetime) -> Composite:
    """The books that were looked at, without orders of our own."""
    known = market_data.shelf.known(instruments.by_id(instrument_id).cusip, at=at)
    return _strange(work, known, instrument_id)


def resting(venue_id: str) -> dict[str, set[str]]:
    """The ids that a venue has given our live orders, by security."""
    found: dict[str, set[str]] = {}
    rows = VenueOrder.objects.filter(venue_id=venue_id).exclude(venue_order_id="")
    live = rows.exclude(status__in=sorted(VENUE_TERMINAL))
    for cusip, name in live.values_list("order__instrument__cusip", "venue_order_id"):
        found.setdefault(cusip, set()).add(name)
    return found


def elsewhere(
    order: Order, row: ExecutionOrder, *, qty: Decimal, than: str, at: datetime
) -> smart_routing.Score | None:
    """The best score of another venue that would trade some of it at once, by live books."""
    others = [venue for venue in _open_to(order) if venue.id != than]
    decision = _decide(others, order, row, _books(order, at), qty=qty, at=at)
    sign = 1 if order.side == "buy" else -1
    taking = [score for score in decision.scores if score.take and score.scored_px is not None]
    return min(taking, key=lambda one: sign * (one.scored_px or 0), default=None)


def here(
    order: Order, row: ExecutionOrder, *, venue_id: str, at: datetime
) -> smart_routing.Score | None:
    """What the venue that has it shows now; None when its book is not live."""
    venues = [venue for venue in _open_to(order) if venue.id == venue_id]
    books = _books(order, at)
    if not any(book.venue_id == venue_id for book in books.live):
        return None
    decision = _decide(venues, order, row, books, qty=row.qty, at=at)
    return decision.scores[0] if decision.scores else None


def _books(order: Order, at: datetime) -> Composite:
    return market_data.shelf.known(instruments.by_id(order.instrument_id).cusip, at=at)


def _dealt(
    venues: Sequence[smart_routing.VenueFacts],
    order: Order,
    row: ExecutionOrder,
    books: Composite,
    *,
    qty: Decimal,
    at: datetime,
) -> Decision:
    """All of it to the broker whose turn it is, or to the next of the wheel that can take it."""
    names, words = wheel.spin(order.organization_id)
    passed: list[str] = []
    for name in names:
        here = [
            venue if venue.id == name else replace(venue, why_not=venue.why_not or "not its turn")
            for venue in venues
        ]
        decision = _decide(here, order, row, books, qty=qty, at=at)
        if decision.slices:
            over = f", {', '.join(passed)} could not take it" if passed else ""
            return replace(decision, reason=f"{words}: {name}{over}; {decision.reason}")
        passed.append(name)
    decision = _decide(venues, order, row, books, qty=qty, at=at)
    return replace(decision, reason=f"{words}: by price instead; {decision.reason}")


def _decide(
    venues: Sequence[smart_routing.VenueFacts],
    order: Order,
    row: ExecutionOrder,
    books: Composite,
    *,
    qty: Decimal,
    at: datetime,
) -> Decision:
    facts, limit = instruments.by_id(order.instrument_id), markups.street(order, row, at=at)
    return fitting.decide(
        venues,
        time_in_force=order.time_in_force,
        needs=handling.needs(order),
        at=at,
        asset_class=facts.asset_class,
        ord_type="market" if limit is None else "limit",
        qty=qty,
        only=row.venue_id or "",
        side=order.side,
        limit=limit,
        whole=row.all_or_none
        or order.time_in_force == time_in_force.FOK
        or handling.stays_together(order),
        books=books,
        urgency=(order.trader_profile or {}).get("urgency") or "normal",
    )


def _open_to(order: Order) -> list[smart_routing.VenueFacts]:
    """All venues as an order may use them now: by kill switches, and its accounts' brokers."""
    halted = halts.venues(order.organization_id)
    outside = [venue for venue in registry.every() if not (venue.internal or venue.desk)]
    refused = brokers.why_none_of(order, tuple(venue.id for venue in outside))
    return [
        replace(
            venue,
            status="halted" if venue.id in halted else venue.status,
            why_not=refused.get(venue.id, venue.why_not),
        )
        if venue.id in halted or venue.id in refused
        else venue
        for venue in outside
    ]


def told(row: RoutingDecision) -> dict[str, Any]:
    """A kept decision for people to read: its numbers are decimals again, whole ones too."""
    numbers = ("best_px", "net_px", "depth", "take", "rest")
    best = {name: row.quotes.get(name) for name in ("best_bid", "best_ask")}
    return {
        "kind": row.kind,
        "reason": row.reason,
        "decided_at": row.decided_at,
        "scores": [{**s, **{n: _number(s[n]) for n in numbers}} for s in row.scores],
        **{name: one and {**one, "px": _number(one["px"])} for name, one in best.items()},
    }


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _strange(work: Unit, books: Composite, instrument_id: int) -> Composite:
    """The books without orders of our own, which nobody of us would trade with."""
    if not books.books:
        return books
    known: dict[object, frozenset[str]] = work.notes.setdefault(_OWN, {})
    # Another thread may look anew in the middle of a batch: other books, other orders in them.
    which = (instrument_id, *((book.venue_id, book.rpt_seq) for book in books.books))
    if which not in known:
        # Of what stands there, never of all that is ours: this is asked inside the entrance.
        there = [one.entry_id for book in books.books for one in (*book.bids, *book.asks)]
        live = VenueOrder.objects.filter(
            venue_id__in=[book.venue_id for book in books.books], venue_order_id__in=there
        )
        names = live.exclude(status__in=sorted(VENUE_TERMINAL)).values_list("venue_order_id")
        known[which] = frozenset(name for (name,) in names)
    mine = known[which]
    return msgspec.structs.replace(books, books=tuple(book.without(mine) for book in books.books))


def kept(
    order: Order,
    row: ExecutionOrder,
    decision: Decision,
    books: Composite,
    *,
    qty: Decimal,
    kind: str,
) -> RoutingDecision:
    """The row that keeps a decision with the quotes that it saw, not yet written."""
    top = books.top()
    return RoutingDecision(
        id=ids.prefixed("rd"),
        organization_id=order.organization_id,
        subject=row.id,
        instrument_id=order.instrument_id,
        kind=kind,
        qty=qty,
        # What was decided by; a book that nobody looked at has a time as well.
        limit_price=markups.street(order, row, at=books.at),
        reason=decision.reason[:1000],
        slices=[{"venue_id": s.venue_id, "qty": s.qty, "take": s.take} for s in decision.slices],
        scores=[_score(score) for score in decision.scores],
        quotes={
            "best_bid": _best(top.bid),
            "best_ask": _best(top.ask),
            "books": [
                {
                    "venue_id": book.venue_id,
                    "state": str(book.state),
                    "reason": book.reason,
                    "rpt_seq": book.rpt_seq,
                    "heard_at": book.heard_at,
                    "bids": [_level(one) for one in book.levels("sell", depth=_KEPT_LEVELS)],
                    "asks": [_level(one) for one in book.levels("buy", depth=_KEPT_LEVELS)],
                }
                for book in books.books
            ],
        },
        decided_at=books.at,
    )


def _score(score: smart_routing.Score) -> dict[str, Any]:
    names: Collection[str] = score.__dataclass_fields__
    return {name: getattr(score, name) for name in names}


def _level(level: Level) -> list[Decimal]:
    return [level.px, level.size]


def _best(level: Level | None) -> dict[str, Any] | None:
    if level is None:
        return None
    return {"px": level.px, "size": level.size, "venue_id": level.venue_id}
