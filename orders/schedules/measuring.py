"""What a due slice sends, measured against its order and the live books at that moment."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from orders import extending
from orders.models import Order, Schedule, ScheduleSlice
from orders.requests import Instruction
from orders.schedules import pacing, rows
from orders.schedules.pacing import Pace
from orders.schedules.rows import Book
from orders.tree import Tree
from venues import instruments, market_data


def measure(
    one: Tree, book: Book, item: ScheduleSlice, *, at: datetime
) -> tuple[Instruction | None, str]:
    """The execution order of a due slice, or None and the reason why there is nothing to send."""
    order, row = one.order, book.row
    facts = instruments.by_id(order.instrument_id)
    limit = tighter(order.side, order.limit_price, row.limit_price)
    pace = Pace(
        target=book.target(item.number),
        taken=rows.taken(one, book),
        free=one.free(),
        step=facts.min_increment,
        least=facts.min_denomination,
        most=row.max_slice,
        share=row.max_participation,
        shown=_shown(order, row, limit, at=at) if row.max_participation is not None else None,
    )
    qty, reason = pacing.quantity(pace)
    if reason:
        return None, reason
    return (
        Instruction(
            protocol="limit_order_book",
            strategy=row.strategy,
            qty=qty,
            limit_price=limit,
            venue_id=row.venue_id or "",
            extension=extending.kept(row),
        ),
        "",
    )


def tighter(side: str, of_order: Decimal | None, own: Decimal | None) -> Decimal | None:
    """The schedule's limit, or the order's where that is better for the client or the only one."""
    if of_order is None or own is None:
        return own if of_order is None else of_order
    return min(of_order, own) if side == "buy" else max(of_order, own)


def _shown(order: Order, row: Schedule, limit: Decimal | None, *, at: datetime) -> Decimal | None:
    """What the live books offer within the limit; None when no book is live."""
    known = market_data.shelf.known(instruments.by_id(order.instrument_id).cusip, at=at)
    live = [book for book in known.live if row.venue_id in (None, book.venue_id)]
    if not live:
        return None
    sign = 1 if order.side == "buy" else -1
    return sum(
        (
            level.size
            for book in live
            for level in book.levels(order.side)
            if limit is None or sign * level.px <= sign * limit
        ),
        Decimal(0),
    )
