"""Smart order routing among the venues that can take what is asked, each its part.

Called by `orders.sor` in place of the bare choice. Pure: the same facts, terms and moment give the
same decision, and every venue left out has its reason in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from venues import smart_routing
from venues.orderbook import BookState, Composite
from venues.smart_routing import Decision, VenueFacts

POST_ONLY_WOULD_CROSS = "post_only_would_cross"


def decide(
    venues: Sequence[VenueFacts],
    *,
    qty: Decimal,
    time_in_force: str,
    at: datetime,
    needs: frozenset[str] = frozenset(),
    **terms: Any,
) -> Decision:
    """`smart_routing.decide` over the venues that can take what is asked, and take their part.

    A venue whose part is not of a size that it takes is left out, and the rest decided anew.
    `needs` are instructions that it must know; what only waits stays away from what it would take.
    """
    able = [_judged(one, time_in_force=time_in_force, needs=needs, at=at) for one in venues]
    if "post_only" in needs:
        able = [_waiting(one, **terms) for one in able]
    while True:
        decision = smart_routing.decide(able, qty=qty, **terms)
        sizes = {part.venue_id: part.qty for part in decision.slices}
        faults = {
            one.id: why
            for one in able
            if one.id in sizes
            if one.capabilities is not None
            if (why := one.capabilities.why_not_size(sizes[one.id]))
        }
        if not faults:
            return decision
        able = [replace(one, why_not=faults.get(one.id, one.why_not)) for one in able]


def _judged(
    one: VenueFacts, *, time_in_force: str, needs: frozenset[str], at: datetime
) -> VenueFacts:
    if one.capabilities is None or one.why_not:
        return one
    why = one.capabilities.why_not(time_in_force=time_in_force, at=at)
    return replace(one, why_not=why or one.capabilities.why_not_handling(needs))


def _waiting(
    one: VenueFacts,
    *,
    side: str,
    limit: Decimal | None,
    books: Composite | None,
    **others: Any,
) -> VenueFacts:
    """A venue is left out where the order would trade at once, as far as its live book says."""
    held = books.books if books is not None else ()
    book = next((book for book in held if book.venue_id == one.id), None)
    if one.why_not or book is None or book.state is not BookState.LIVE or limit is None:
        return one
    best = next(iter(book.levels(side, depth=1)), None)
    crosses = best is not None and (limit >= best.px if side == "buy" else limit <= best.px)
    return replace(one, why_not=POST_ONLY_WOULD_CROSS) if crosses else one
