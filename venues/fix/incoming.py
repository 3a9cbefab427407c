"""What a venue says over FIX, as our frozen values. Pure.

A value that no dictionary knows costs nobody a fact: the report is read without it, and `doubts`
says what could not be understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from venues.fix import quoting
from venues.fix.codec import Message, moment
from venues.fix.reading import Given
from venues.formats import Content, Names
from venues.messages import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrdStatus,
    Report,
    SecurityStatus,
)

NEW_YORK = ZoneInfo("America/New_York")
REPORTS = ("8", "9", "f", *quoting.REPORTS)
ZERO = Decimal(0)
# FIX 4.2 says with two fields what 4.4 says with ExecType(150) alone.
_TRANSACTIONS = {
    "1": ExecType.TRADE_CANCEL,
    "2": ExecType.TRADE_CORRECT,
    "3": ExecType.ORDER_STATUS,
}
_FILLS = ("1", "2")
_OTHER = 99  # CxlRejReason(102)
_HIT = "1"  # QuoteRespType(694)
_CLOSED = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.DONE_FOR_DAY: OrdStatus.DONE_FOR_DAY,
    ExecType.CALCULATED: OrdStatus.CALCULATED,
}


@dataclass(frozen=True, slots=True)
class Read:
    """A report, and what of it was not understood."""

    report: Report
    doubts: str = ""


def read(message: Message, content: Content, names: Names, *, seq: int) -> Read:
    """The report in a message of `REPORTS`, numbered `seq`. Raises `ValueError` without one."""
    given = Given(message, content)
    match message.type:
        case "8":
            return _execution(given, names, seq=seq)
        case "9":
            return Read(_refusal(given, seq=seq))
        case "S" | "AI" | "AG" | "Z":
            return Read(quoting.read(message.type, given, names, seq=seq))
        case _:
            return Read(
                SecurityStatus(
                    seq=seq,
                    security_id=names.from_venue(given.text(48) or given.text(55)),
                    trading_status=int(given.text(326) or 0),
                    transact_time=given.at(60, 52),
                    text=given.text(58),
                )
            )


def _execution(given: Given, names: Names, *, seq: int) -> Read:
    exec_type, strange = _exec_type(given)
    cum_qty, leaves_qty = given.decimal(14) or ZERO, given.decimal(151) or ZERO
    order_qty = given.decimal(38)
    status, doubts = _status(given.text(39), exec_type, cum_qty, leaves_qty)
    transact_time = given.at(60, 52)
    report = ExecutionReport(
        seq=seq,
        exec_id=given.needed(17),
        exec_type=exec_type,
        ord_status=status,
        order_id=given.needed(37),
        cl_ord_id=given.text(11),
        security_id=names.from_venue(given.text(48) or given.text(55)),
        side=given.side(),
        order_qty=cum_qty + leaves_qty if order_qty is None else order_qty,
        cum_qty=cum_qty,
        leaves_qty=leaves_qty,
        transact_time=transact_time,
        trade_date=_day(given.text(75), transact_time),
        orig_cl_ord_id=given.text(41),
        last_qty=given.decimal(32) or None,
        last_px=given.decimal(31) or None,
        avg_px=given.decimal(6) or None,
        exec_ref_id=given.text(19),
        ord_rej_reason=given.whole(103),
        text=given.text(58),
        short_sale=given.short_sale(),
    )
    return Read(report, "; ".join(filter(None, (strange, doubts))))


def _exec_type(given: Given) -> tuple[ExecType, str]:
    """ExecType(150), of FIX 4.2 with ExecTransType(20).

    A kind that nobody knows tells at least how the order stands: if shares are missing, it shows.
    """
    transaction, said = given.text(20), given.text(150)
    if transaction in _TRANSACTIONS:
        return _TRANSACTIONS[transaction], ""
    if said in _FILLS:
        return ExecType.TRADE, ""
    try:
        return ExecType(said), ""
    except ValueError:
        return ExecType.ORDER_STATUS, f"ExecType(150)={said} is not known"


def _status(
    said: str, exec_type: ExecType, cum_qty: Decimal, leaves_qty: Decimal
) -> tuple[OrdStatus, str]:
    """OrdStatus(39); one that nobody knows is told by the quantities, as far as they tell."""
    try:
        return OrdStatus(said), ""
    except ValueError:
        doubts = f"OrdStatus(39)={said} is not known"
    if exec_type in _CLOSED:
        return _CLOSED[exec_type], doubts
    if cum_qty and not leaves_qty:
        return OrdStatus.FILLED, doubts
    return (OrdStatus.PARTIALLY_FILLED if cum_qty else OrdStatus.NEW), doubts


def _refusal(given: Given, *, seq: int) -> CancelReject:
    status = given.text(39)
    known = status in set(OrdStatus)
    return CancelReject(
        seq=seq,
        order_id=given.text(37) or "NONE",
        cl_ord_id=given.needed(11),
        orig_cl_ord_id=given.text(41),
        ord_status=OrdStatus(status) if known else OrdStatus.REJECTED,
        cxl_rej_reason=_OTHER if (reason := given.whole(102)) is None else reason,
        transact_time=given.at(60, 52),
        response_to=given.text(434) or "1",
        text=given.text(58),
    )


def _day(text: str, transact_time: datetime) -> date:
    """TradeDate(75), or the day it is in New York."""
    if text:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007  a date has no zone
    return transact_time.astimezone(NEW_YORK).date()


def moment_or_none(text: str) -> datetime | None:
    """A stamp, where there is one that can be read."""
    try:
        return moment(text)
    except ValueError:
        return None


def is_answered(sent: Message, content: Content) -> bool:
    """Whether somebody waits for the answer to a message of ours: then a refusal is that answer."""
    if sent.type == "AJ":
        return Given(sent, content).text(694) == _HIT
    return sent.type in ("D", "F", "G", "R")


def refused(sent: Message, said: Message, content: Content, names: Names, *, seq: int) -> Report:
    """Reject(3) or BusinessMessageReject(j) of something we sent, as the answer it amounts to.

    The venue will not deal with the message: an order has been refused, a request too. Raises
    `ValueError` for messages that nobody waits for.
    """
    ours, at = Given(sent, content), moment(said.get(52))
    text = (f"{said.get(58)} " if said.get(58) else "") + f"(35={said.type})"
    if sent.type == "R":
        return quoting.refused(ours.text(131), text, at, seq=seq)
    if sent.type == "D" or (sent.type == "AJ" and ours.text(694) == _HIT):
        return ExecutionReport(
            seq=seq,
            # By its number, which no other report of the session has.
            exec_id=f"{said.get(49)}-{said.type}{seq}",
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            order_id="NONE",
            cl_ord_id=ours.text(11),
            security_id=names.from_venue(ours.text(48)),
            side=ours.side(),
            order_qty=ours.decimal(38) or ZERO,
            cum_qty=ZERO,
            leaves_qty=ZERO,
            transact_time=at,
            trade_date=at.astimezone(NEW_YORK).date(),
            ord_rej_reason=99,
            text=text,
            short_sale=ours.short_sale(),
        )
    if sent.type in ("F", "G"):
        return CancelReject(
            seq=seq,
            order_id="NONE",
            cl_ord_id=ours.text(11),
            orig_cl_ord_id=ours.text(41),
            ord_status=OrdStatus.NEW,
            cxl_rej_reason=99,
            transact_time=at,
            response_to="1" if sent.type == "F" else "2",
            text=text,
        )
    raise ValueError(f"35={sent.type} was refused: {text}")
