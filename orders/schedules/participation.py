"""Of what a slice takes its share: what has traded since its schedule sent something last.

By the public tape, our own trades among the others', as a rate of participation is commonly
reckoned. Windows of slices follow each other and never overlap, so all that a schedule has sent is
never more than its percentage of all that has traded since it began. Where no tape can be believed
a share of what the books show is taken instead, and the slice says so and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from orders.models import Order, Schedule
from orders.schedules import rows
from orders.schedules.rows import Book
from orders.tree import Tree
from venues import instruments, market_data

# What a venue printed later than this before a slice is counted for the next one: venues tell
# their prints each second, and what is told late would be counted for none.
LAG = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Volume:
    """What a share is taken of; None where nothing says. `note` is what speaks against it.

    `since` and `until` are the window by the tape; None where the books were counted.
    """

    qty: Decimal | None
    note: str = ""
    since: datetime | None = None
    until: datetime | None = None


NOT_ASKED = Volume(None)


def look(schedule_ids: Iterable[str]) -> None:
    """Read the tapes of capped schedules into memory. Not inside a transaction."""
    found = Schedule.objects.filter(pk__in=list(schedule_ids), max_participation__isnull=False)
    keys = found.order_by().values_list("order__instrument_id", flat=True).distinct()
    market_data.tape_shelf.look({instruments.by_id(key).cusip for key in keys})


def volume(one: Tree, book: Book, limit: Decimal | None, *, at: datetime) -> Volume:
    """What a slice that is due now takes its share of."""
    cusip = instruments.by_id(one.order.instrument_id).cusip
    tapes = market_data.tape_shelf.known(cusip, at=at).of(book.row.venue_id or "")
    why = tapes.why_stale()
    if not tapes.live:
        shown = _shown(one.order, book.row, limit, at=at)
        return Volume(shown, f"share of the books, without a live tape{f': {why}' if why else ''}")
    since, until = began(one, book), at - LAG
    return Volume(tapes.traded(since, until), f"not counted: {why}" if why else "", since, until)


def began(one: Tree, book: Book) -> datetime:
    """Where the window of the next slice begins: where that of the last one sent has ended."""
    sent = [row.created_at for row in rows.children(one, book).values()]
    return max(max(sent) - LAG, book.row.start_at) if sent else book.row.start_at


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
