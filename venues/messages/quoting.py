"""Requests for quotes, and what dealers say to them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Literal

from venues.messages.base import Message, ShortSale, Side


class QuoteRespType(IntEnum):
    """QuoteRespType(694): what we answer a dealer."""

    HIT = 1
    COUNTER = 2
    COVER = 4
    DONE_AWAY = 5
    PASS = 6
    TIED = 9


class QuoteStatus(IntEnum):
    """QuoteStatus(297), the values in use here."""

    ACCEPTED = 0
    PASS = 11


class QuoteRequest(Message, frozen=True, tag="R"):
    """QuoteRequest(R): one inquiry to several dealers; the limit is not shown to them.

    `bin` answers all at `due_time`; `asap` answers as they come.
    """

    quote_req_id: str
    security_id: str
    side: Side
    order_qty: Decimal
    dealers: tuple[str, ...]
    transact_time: datetime
    expire_time: datetime
    bidding: Literal["asap", "bin"] = "asap"
    due_time: datetime | None = None
    short_sale: ShortSale = ""

    @property
    def cl_ord_id(self) -> str:
        """The id that an answer names."""
        return self.quote_req_id


class QuoteResponse(Message, frozen=True, tag="AJ"):
    """QuoteResponse(AJ). A hit carries the ClOrdID(11) that execution reports will name."""

    cl_ord_id: str
    quote_req_id: str
    resp_type: QuoteRespType
    security_id: str
    side: Side
    transact_time: datetime
    quote_id: str = ""
    order_qty: Decimal | None = None
    price: Decimal | None = None
    short_sale: ShortSale = ""


class DealerQuote(Message, frozen=True, tag="S"):
    """Quote(S): a dealer's firm price until ValidUntilTime(62); `replaces` names the one it moves.

    `round` counts the prices of one dealer in one inquiry.
    """

    seq: int
    quote_req_id: str
    quote_id: str
    dealer: str
    security_id: str
    side: Side
    px: Decimal
    size: Decimal
    valid_until_time: datetime
    transact_time: datetime
    round: int = 1
    replaces: str = ""


class QuoteStatusReport(Message, frozen=True, tag="AI"):
    """QuoteStatusReport(AI): the inquiry was taken (0), or one dealer passes (11)."""

    seq: int
    quote_req_id: str
    quote_status: QuoteStatus
    transact_time: datetime
    dealer: str = ""
    quote_id: str = ""
    text: str = ""


class QuoteRequestReject(Message, frozen=True, tag="AG"):
    """QuoteRequestReject(AG). `reason` is QuoteRequestRejectReason(658)."""

    seq: int
    quote_req_id: str
    reason: int
    transact_time: datetime
    text: str = ""


class QuoteCancel(Message, frozen=True, tag="Z"):
    """QuoteCancel(Z): a dealer withdraws a quote."""

    seq: int
    quote_req_id: str
    quote_id: str
    dealer: str
    transact_time: datetime
    text: str = ""
