"""What a due slice sends, measured against its order and the market at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from orders import extending, markups
from orders.models import ScheduleSlice
from orders.requests import Instruction
from orders.schedules import pacing, participation, rows
from orders.schedules.pacing import Pace
from orders.schedules.participation import Volume
from orders.schedules.rows import Book
from orders.tree import Tree
from venues import instruments


@dataclass(frozen=True, slots=True)
class Measured:
    """The execution order of a due slice, or None and the reason why there is nothing to send."""

    instruction: Instruction | None
    reason: str = ""
    volume: Volume = participation.NOT_ASKED


def measure(one: Tree, book: Book, item: ScheduleSlice, *, at: datetime) -> Measured:
    """What a due slice comes to."""
    order, row = one.order, book.row
    facts = instruments.by_id(order.instrument_id)
    limit = tighter(order.side, order.limit_price, row.limit_price)
    capped = row.max_participation is not None
    street = markups.street_limit(order, limit, at=at) if capped else None
    volume = participation.volume(one, book, street, at=at) if capped else participation.NOT_ASKED
    pace = Pace(
        target=book.target(item.number),
        taken=rows.taken(one, book),
        free=one.free(),
        step=facts.min_increment,
        least=facts.min_denomination,
        most=row.max_slice,
        share=row.max_participation,
        volume=volume.qty,
    )
    qty, reason = pacing.quantity(pace)
    if reason:
        return Measured(None, reason, volume)
    asked = Instruction(
        protocol="limit_order_book",
        strategy=row.strategy,
        qty=qty,
        limit_price=limit,
        venue_id=row.venue_id or "",
        extension=extending.kept(row),
    )
    return Measured(asked, "", volume)


def tighter(side: str, of_order: Decimal | None, own: Decimal | None) -> Decimal | None:
    """The schedule's limit, or the order's where that is better for the client or the only one."""
    if of_order is None or own is None:
        return own if of_order is None else of_order
    return min(of_order, own) if side == "buy" else max(of_order, own)
