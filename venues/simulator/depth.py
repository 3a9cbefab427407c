"""The book of one security order by order: the house's own, and what rests of its peers.

Price, then time: at a price the house stood first. What the house shows at a price is cut into a
few orders whose ids stay theirs as long as they stand.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from venues.messages import MdEntry, Side
from venues.simulator.market import Level, Market
from venues.simulator.register import Order

_MOST = 3
_STEP = Decimal(100_000)
# A buyer meets the offers: the book's side by the side of who trades with it.
_SHOWN_TO: tuple[tuple[Side, Literal["0", "1"]], ...] = (("2", "0"), ("1", "1"))


def entries(market: Market, cusip: str, resting: Iterable[Order]) -> tuple[MdEntry, ...]:
    """Every order of a book: bids best first, then offers best first."""
    peers = sorted((o for o in resting if _shows(o)), key=lambda o: (o.stands_since, o.order_id))
    found: list[MdEntry] = []
    for side, kind in _SHOWN_TO:
        rows = [e for level in market.levels(cusip, side) for e in _house(cusip, kind, level)]
        rows += [_peer(order, kind) for order in peers if (order.side == "1") == (kind == "0")]
        found += sorted(rows, key=lambda e: -e.px if kind == "0" else e.px)
    return tuple(found)


def _shows(order: Order) -> bool:
    """Resting at a price, for as long as it takes; all-or-none and what hangs are not shown."""
    if order.is_for_auction:
        return False
    if order.script is not None and order.script.hangs:
        return False
    waits = order.begun_at is not None and order.leaves_qty > 0 and not order.dealer
    return waits and order.price is not None and not order.is_whole


def _peer(order: Order, kind: Literal["0", "1"]) -> MdEntry:
    assert order.price is not None
    return MdEntry(entry_id=order.order_id, entry_type=kind, px=order.price, size=order.shown_qty)


def _house(cusip: str, kind: Literal["0", "1"], level: Level) -> Iterator[MdEntry]:
    draw = zlib.crc32(f"{cusip}:{kind}:{level.px}:{level.size}".encode())
    pieces = 1 if level.min_size or level.size < 2 * _STEP else draw % _MOST + 1
    part = (level.size / pieces / _STEP).to_integral_value(ROUND_DOWN) * _STEP or level.size
    for n in range(pieces):
        yield MdEntry(
            entry_id=f"H{draw:08X}{n}",
            entry_type=kind,
            px=level.px,
            size=part if n < pieces - 1 else level.size - part * (pieces - 1),
            min_size=level.min_size or None,
            min_increment=level.min_increment or None,
            min_balance_remaining=level.min_balance_remaining or None,
        )
