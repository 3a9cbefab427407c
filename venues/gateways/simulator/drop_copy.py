"""The simulated venue's drop copy: asked for over its own line, page by page.

Called by reconciliation outside any transaction; it speaks to the venue's process and never reads
its files.
"""

from __future__ import annotations

import socket
from datetime import date, datetime
from decimal import Decimal

import msgspec

from venues.drop_copy import DropCopy, DropCopyUnavailable, TheirOrder, TheirTrade
from venues.gateways.simulator import ports

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 5.0
PAGE = 500


class _Order(msgspec.Struct):
    cl_ord_id: str
    cum_qty: Decimal
    is_open: bool
    at: datetime | None = None


class _Trade(msgspec.Struct):
    exec_id: str
    cl_ord_id: str
    qty: Decimal
    price: Decimal
    trade_date: date
    at: datetime | None = None


class _Page(msgspec.Struct):
    ok: bool
    orders: list[_Order] = []
    trades: list[_Trade] = []
    next: int | None = None
    error: str = ""


def ask(venue_id: str) -> DropCopy:
    """All orders and standing trades of a session. Raises `DropCopyUnavailable`."""
    orders: list[TheirOrder] = []
    trades: list[TheirTrade] = []
    try:
        with socket.create_connection((HOST, ports.read("admin")), TIMEOUT_SECONDS) as line:
            after: int | None = 0
            while after is not None:
                page = _page(line, venue_id, after)
                orders += [TheirOrder(**msgspec.structs.asdict(one)) for one in page.orders]
                trades += [TheirTrade(**msgspec.structs.asdict(one)) for one in page.trades]
                after = page.next
    except (OSError, LookupError, msgspec.MsgspecError) as error:
        raise DropCopyUnavailable(f"{venue_id}: {error}") from error
    return DropCopy(tuple(orders), tuple(trades))


def _page(line: socket.socket, venue_id: str, after: int) -> _Page:
    asked = {"cmd": "drop_copy", "session": venue_id, "after": after, "most": PAGE}
    line.sendall(msgspec.json.encode(asked) + b"\n")
    text = bytearray()
    while not text.endswith(b"\n"):
        part = line.recv(1 << 16)
        if not part:
            raise DropCopyUnavailable(f"{venue_id} hung up")
        text += part
    page = msgspec.json.decode(bytes(text), type=_Page)
    if not page.ok:
        raise DropCopyUnavailable(f"{venue_id}: {page.error}")
    return page
