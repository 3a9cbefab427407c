"""What travels between us and a venue: frozen values with FIX names.

Plain data on purpose: gateways translate them to a venue's wire, `orders` builds and applies them,
neither knows the other. `Wire*` unions are what one direction may carry.
"""

from __future__ import annotations

import msgspec

from venues.messages.base import ExecType, Extensions, Message, OrdStatus, OrdType, ShortSale, Side
from venues.messages.market import (
    BookSnapshot,
    BookUpdate,
    MarketDataRequest,
    MarketDataRequestReject,
    MdEntry,
    MdTrade,
    Quote,
    SecurityStatus,
)
from venues.messages.quoting import (
    DealerQuote,
    QuoteCancel,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatus,
    QuoteStatusReport,
)
from venues.messages.tape import TapePrint, TapeSnapshot, TapeUpdate
from venues.messages.trading import (
    CancelReject,
    CancelRequest,
    ExecutionReport,
    Heartbeat,
    Logon,
    LogonAck,
    NewOrder,
    ReplaceRequest,
    StatusRequest,
)

__all__ = [
    "BookMessage",
    "BookSnapshot",
    "BookUpdate",
    "CancelReject",
    "CancelRequest",
    "DealerQuote",
    "ExecType",
    "ExecutionReport",
    "Extensions",
    "Heartbeat",
    "Logon",
    "LogonAck",
    "MarketData",
    "MarketDataRequest",
    "MarketDataRequestReject",
    "MdEntry",
    "MdTrade",
    "Moving",
    "NewOrder",
    "OrdStatus",
    "OrdType",
    "OrderReport",
    "Quote",
    "QuoteCancel",
    "QuoteReport",
    "QuoteRequest",
    "QuoteRequestReject",
    "QuoteRespType",
    "QuoteResponse",
    "QuoteStatus",
    "QuoteStatusReport",
    "ReplaceRequest",
    "Report",
    "SecurityStatus",
    "ShortSale",
    "Side",
    "StatusRequest",
    "TapeMessage",
    "TapePrint",
    "TapeSnapshot",
    "TapeUpdate",
    "WireIn",
    "WireOut",
    "decode_incoming",
    "decode_outgoing",
    "decode_report",
    "encode",
]

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
Moving = OrderReport | QuoteReport
Report = Moving | SecurityStatus
# Books are numbered by themselves: a missing one is asked for as a snapshot, and none is stored.
BookMessage = BookSnapshot | BookUpdate
TapeMessage = TapeSnapshot | TapeUpdate
MarketData = Quote | BookMessage | TapeMessage | MarketDataRequestReject
WireIn = LogonAck | Heartbeat | Report | MarketData

_encoder = msgspec.json.Encoder(decimal_format="string")
_outgoing: msgspec.json.Decoder[WireOut] = msgspec.json.Decoder(WireOut)
_incoming: msgspec.json.Decoder[WireIn] = msgspec.json.Decoder(WireIn)
_report: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode(message: Message) -> bytes:
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
