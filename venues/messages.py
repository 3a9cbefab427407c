"""What travels between us and a venue: frozen values with FIX names.

Plain data on purpose: gateways translate them to a venue's wire, `orders` builds and applies them,
neither knows the other. `Wire*` unions are what one direction may carry.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Literal

import msgspec

Side = Literal["1", "2"]  # Side(54): buy, sell
OrdType = Literal["1", "2"]  # OrdType(40): market, limit


class ExecType(StrEnum):
    """ExecType(150), FIX 4.4 values."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus(39), FIX 4.4 values."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="msg", omit_defaults=True):
    """One frame; the tag says which."""


class Logon(_Message, frozen=True, tag="logon"):
    """Opens a session: who we are, the next report number we want, and our time (sandbox)."""

    session: str
    next_seq: int
    now: datetime


class Heartbeat(_Message, frozen=True, tag="heartbeat"):
    """Keeps a session alive; carries the sender's time.

    A venue adds the number of its last report (as FIX's MsgSeqNum does): a report lost on the way
    is missed within a heartbeat, although nothing follows it.
    """

    now: datetime
    last_seq: int | None = None


class NewOrder(_Message, frozen=True, tag="D"):
    """NewOrderSingle(D)."""

    cl_ord_id: str
    security_id: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    transact_time: datetime
    price: Decimal | None = None
    time_in_force: str = "0"
    exec_inst: str = ""
    expire_time: datetime | None = None


class CancelRequest(_Message, frozen=True, tag="F"):
    """OrderCancelRequest(F)."""

    cl_ord_id: str
    orig_cl_ord_id: str
    security_id: str
    side: Side
    transact_time: datetime


class ReplaceRequest(_Message, frozen=True, tag="G"):
    """OrderCancelReplaceRequest(G): order_qty is the new total, not the rest.

    Every instruction is repeated: a venue carries nothing over from the order it replaces.
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    security_id: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    transact_time: datetime
    price: Decimal | None = None
    time_in_force: str = "0"
    exec_inst: str = ""
    expire_time: datetime | None = None


class StatusRequest(_Message, frozen=True, tag="H"):
    """OrderStatusRequest(H): asked instead of guessing what became of an order."""

    cl_ord_id: str
    security_id: str
    side: Side


class ExecutionReport(_Message, frozen=True, tag="8"):
    """ExecutionReport(8). `seq` is the venue's own report number on this session."""

    seq: int
    exec_id: str
    exec_type: ExecType
    ord_status: OrdStatus
    order_id: str
    cl_ord_id: str
    security_id: str
    side: Side
    order_qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    transact_time: datetime
    trade_date: date
    orig_cl_ord_id: str = ""
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    avg_px: Decimal | None = None
    exec_ref_id: str = ""
    ord_rej_reason: int | None = None
    text: str = ""


class CancelReject(_Message, frozen=True, tag="9"):
    """OrderCancelReject(9). `response_to` is CxlRejResponseTo(434): 1 cancel, 2 replace."""

    seq: int
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    ord_status: OrdStatus
    cxl_rej_reason: int
    transact_time: datetime
    response_to: str = "1"
    text: str = ""


class Quote(_Message, frozen=True, tag="W"):
    """Top of book; an absent side has no price. `rpt_seq` is its book's, to who follows books."""

    security_id: str
    at: datetime
    bid_px: Decimal | None = None
    bid_size: Decimal | None = None
    ask_px: Decimal | None = None
    ask_size: Decimal | None = None
    rpt_seq: int | None = None


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


class QuoteRequest(_Message, frozen=True, tag="R"):
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

    @property
    def cl_ord_id(self) -> str:
        """The id that an answer names."""
        return self.quote_req_id


class QuoteResponse(_Message, frozen=True, tag="AJ"):
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


class DealerQuote(_Message, frozen=True, tag="S"):
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


class QuoteStatusReport(_Message, frozen=True, tag="AI"):
    """QuoteStatusReport(AI): the inquiry was taken (0), or one dealer passes (11)."""

    seq: int
    quote_req_id: str
    quote_status: QuoteStatus
    transact_time: datetime
    dealer: str = ""
    quote_id: str = ""
    text: str = ""


class QuoteRequestReject(_Message, frozen=True, tag="AG"):
    """QuoteRequestReject(AG). `reason` is QuoteRequestRejectReason(658)."""

    seq: int
    quote_req_id: str
    reason: int
    transact_time: datetime
    text: str = ""


class QuoteCancel(_Message, frozen=True, tag="Z"):
    """QuoteCancel(Z): a dealer withdraws a quote."""

    seq: int
    quote_req_id: str
    quote_id: str
    dealer: str
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


class BookSnapshot(_Message, frozen=True, tag="book"):
    """MarketDataSnapshotFullRefresh(W): a whole book, best first; RptSeq(83) is per security."""

    security_id: str
    rpt_seq: int
    at: datetime
    entries: tuple[MdEntry, ...] = ()
    trade: MdTrade | None = None


class BookUpdate(_Message, frozen=True, tag="X"):
    """MarketDataIncrementalRefresh(X): what changed in one book since `rpt_seq` - 1."""

    security_id: str
    rpt_seq: int
    at: datetime
    entries: tuple[MdEntry, ...] = ()
    trade: MdTrade | None = None


class MarketDataRequest(_Message, frozen=True, tag="V"):
    """MarketDataRequest(V): 263=0 asks for a snapshot, 1 for updates too, 2 for no more of them.

    Without securities it is about all of them.
    """

    kind: Literal["0", "1", "2"] = "1"
    securities: tuple[str, ...] = ()


class LogonAck(_Message, frozen=True, tag="logon_ack"):
    """The venue's answer: the number of the last report it has ever sent on this session."""

    last_seq: int


WireOut = (
    Logon
    | Heartbeat
    | NewOrder
    | CancelRequest
    | ReplaceRequest
    | StatusRequest
    | QuoteRequest
    | QuoteResponse
    | MarketDataRequest
)
# What moves orders, and what moves inquiries: both are numbered, stored and applied in one order.
OrderReport = ExecutionReport | CancelReject
QuoteReport = DealerQuote | QuoteStatusReport | QuoteRequestReject | QuoteCancel
Report = OrderReport | QuoteReport
# Books are numbered by themselves: a missing one is asked for as a snapshot, and none is stored.
BookMessage = BookSnapshot | BookUpdate
WireIn = LogonAck | Heartbeat | Report | Quote | BookMessage

_encoder = msgspec.json.Encoder(decimal_format="string")
_outgoing: msgspec.json.Decoder[WireOut] = msgspec.json.Decoder(WireOut)
_incoming: msgspec.json.Decoder[WireIn] = msgspec.json.Decoder(WireIn)
_report: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode(message: _Message) -> bytes:
    """The JSON text of one message, decimals as strings, without a line end."""
    return _encoder.encode(message)


def decode_outgoing(text: bytes | str) -> WireOut:
    """What we send, as a venue reads it. Raises `msgspec.MsgspecError` on anything else."""
    return _outgoing.decode(text)


def decode_incoming(text: bytes | str) -> WireIn:
    """What a venue sends. Raises `msgspec.MsgspecError` on anything else."""
    return _incoming.decode(text)


def decode_report(text: bytes | str) -> Report:
    """A stored report. Raises `msgspec.MsgspecError` on anything else."""
    return _report.decode(text)
