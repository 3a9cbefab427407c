"""Prices, books, and whether a security is traded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from venues.messages.base import Message

About = Literal["book", "top", "tape"]


class Quote(Message, frozen=True, tag="W"):
    """Top of book; an absent side has no price.

    `rpt_seq` is its book's number, to who follows books, `tape_seq` its tape's.
    """

    security_id: str
    at: datetime
    bid_px: Decimal | None = None
    bid_size: Decimal | None = None
    ask_px: Decimal | None = None
    ask_size: Decimal | None = None
    rpt_seq: int | None = None
    tape_seq: int | None = None


class SecurityStatus(Message, frozen=True, tag="f"):
    """SecurityStatus(f): SecurityTradingStatus(326) 2 halts a security, 3 and 17 resume it."""

    seq: int
    security_id: str
    trading_status: int
    transact_time: datetime
    text: str = ""


class MdEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order of a book: type(269) 0 bid, 1 offer; action(279) 0 new, 1 change, 2 gone.

    `entry_id` is the order's for life, of ours the OrderID(37). A trade takes at least `min_size`,
    in steps of `min_increment`, and leaves nothing or at least `min_balance_remaining`.
    """

    entry_id: str
    entry_type: Literal["0", "1"]
    px: Decimal
    size: Decimal
    action: Literal["0", "1", "2"] = "0"
    min_size: Decimal | None = None
    min_increment: Decimal | None = None
    min_balance_remaining: Decimal | None = None


class MdTrade(msgspec.Struct, frozen=True, kw_only=True):
    """The last trade of a security at a venue."""

    px: Decimal
    size: Decimal
    at: datetime


class BookSnapshot(Message, frozen=True, tag="book"):
    """MarketDataSnapshotFullRefresh(W): a whole book, best first; RptSeq(83) is per security."""

    security_id: str
    rpt_seq: int
    at: datetime
    entries: tuple[MdEntry, ...] = ()
    trade: MdTrade | None = None


class BookUpdate(Message, frozen=True, tag="X"):
    """MarketDataIncrementalRefresh(X): what changed in one book since `rpt_seq` - 1."""

    security_id: str
    rpt_seq: int
    at: datetime
    entries: tuple[MdEntry, ...] = ()
    trade: MdTrade | None = None


class MarketDataRequest(Message, frozen=True, tag="V"):
    """MarketDataRequest(V): 263=0 asks for a snapshot, 1 for updates too, 2 for no more of them.

    Without securities it is about all of them. `about` is what MarketDepth(264) and the entry types
    (269) say: whole books, their tops alone, or the tape. Its id is made where the wire needs one.
    """

    kind: Literal["0", "1", "2"] = "1"
    securities: tuple[str, ...] = ()
    about: About = "book"
    md_req_id: str = ""


class MarketDataRequestReject(Message, frozen=True, tag="Y"):
    """MarketDataRequestReject(Y): nothing of the request for these securities is served.

    `reason` is MDReqRejReason(281): 0 unknown symbol, 8 unknown kind of entry.
    """

    securities: tuple[str, ...]
    about: About = "book"
    reason: str = ""
    text: str = ""
