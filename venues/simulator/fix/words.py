"""The venue's FIX dictionary: requests into its own messages, reports into fields. Pure.

Written beside our side's on purpose: two that were written apart do not share a mistake.
"""

from __future__ import annotations

from decimal import Decimal

from venues.fix.codec import Fields, Message, number, timestamp
from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecType,
    ExecutionReport,
    NewOrder,
    OrdType,
    ReplaceRequest,
    SecurityStatus,
    ShortSale,
    Side,
    StatusRequest,
)
from venues.simulator.fix.reading import Unfit, decimal, moment_of, side_of

Request = NewOrder | CancelRequest | ReplaceRequest | StatusRequest
Told = ExecutionReport | CancelReject | SecurityStatus
_REQUIRED = {
    "D": (11, 48, 54, 60, 38, 40),
    "F": (11, 41, 48, 54, 60),
    "G": (11, 41, 48, 54, 60, 38, 40),
    "H": (11, 48, 54),
    "V": (262, 263, 264, 267, 146, 48),
    "R": (131, 48, 54, 38, 60, 126),
    "AJ": (693, 694, 48, 54, 60),
}
_OLD_TRANSACTIONS = {
    ExecType.TRADE_CANCEL: "1",
    ExecType.TRADE_CORRECT: "2",
    ExecType.ORDER_STATUS: "3",
}


def known(msg_type: str) -> bool:
    """Whether this venue deals with such messages at all."""
    return msg_type in _REQUIRED


def complete(message: Message) -> None:
    """Raises `Unfit` for a message without all that its type needs."""
    for tag in _REQUIRED[message.type]:
        if not message.get(tag):
            raise Unfit(tag, 1, f"{tag} is missing")


def request(message: Message) -> Request:
    """What a peer asks of orders. Raises `Unfit`."""
    complete(message)
    side, short = side_of(message)
    match message.type:
        case "H":
            return StatusRequest(
                cl_ord_id=message.get(11),
                security_id=message.get(48),
                side=side,
                short_sale=short,
            )
        case "F":
            return CancelRequest(
                cl_ord_id=message.get(11),
                orig_cl_ord_id=message.get(41),
                security_id=message.get(48),
                side=side,
                transact_time=moment_of(message, 60),
                short_sale=short,
            )
        case "D":
            return _order(message, side, short)
        case _:
            return _replacement(message, side, short)


def _order(message: Message, side: Side, short: ShortSale) -> NewOrder:
    return NewOrder(
        cl_ord_id=message.get(11),
        security_id=message.get(48),
        side=side,
        ord_type=_ord_type(message),
        order_qty=decimal(message, 38),
        transact_time=moment_of(message, 60),
        price=decimal(message, 44) if message.get(44) else None,
        time_in_force=message.get(59) or "0",
        exec_inst=message.get(18),
        expire_time=moment_of(message, 126) if message.get(126) else None,
        display_qty=_shown(message),
        min_qty=decimal(message, 110) if message.get(110) else None,
        short_sale=short,
        locate_broker=message.get(5700),
    )


def _replacement(message: Message, side: Side, short: ShortSale) -> ReplaceRequest:
    return ReplaceRequest(
        cl_ord_id=message.get(11),
        orig_cl_ord_id=message.get(41),
        security_id=message.get(48),
        side=side,
        ord_type=_ord_type(message),
        order_qty=decimal(message, 38),
        transact_time=moment_of(message, 60),
        price=decimal(message, 44) if message.get(44) else None,
        time_in_force=message.get(59) or "0",
        exec_inst=message.get(18),
        expire_time=moment_of(message, 126) if message.get(126) else None,
        display_qty=_shown(message),
        min_qty=decimal(message, 110) if message.get(110) else None,
        short_sale=short,
        locate_broker=message.get(5700),
    )


def _shown(message: Message) -> Decimal | None:
    """DisplayQty(1138), which was MaxFloor(111) in FIX 4.2."""
    tag = 1138 if message.get(1138) else 111
    return decimal(message, tag) if message.get(tag) else None


def _ord_type(message: Message) -> OrdType:
    if message.get(40) not in ("1", "2"):
        raise Unfit(40, 5, "only market and limit orders")
    return "2" if message.get(40) == "2" else "1"


def told(report: Told, begin: str) -> tuple[str, Fields]:
    """MsgType(35) and body of a report."""
    match report:
        case ExecutionReport():
            return "8", _execution(report, begin)
        case CancelReject():
            body = [(37, report.order_id), (11, report.cl_ord_id), (41, report.orig_cl_ord_id)]
            body += [(39, report.ord_status), (434, report.response_to)]
            body += [(102, str(report.cxl_rej_reason)), (60, timestamp(report.transact_time))]
            return "9", [*body, *_said(report.text)]
        case _:
            body = [(55, "[N/A]"), (48, report.security_id), (22, "1")]
            body += [(326, str(report.trading_status)), (60, timestamp(report.transact_time))]
            return "f", [*body, *_said(report.text)]


def _execution(one: ExecutionReport, begin: str) -> Fields:
    body: Fields = [(37, one.order_id), (11, one.cl_ord_id)]
    body += [(41, one.orig_cl_ord_id)] if one.orig_cl_ord_id else []
    body.append((17, one.exec_id))
    body += [(19, one.exec_ref_id)] if one.exec_ref_id else []
    kind = str(one.exec_type)
    if begin == "FIX.4.2":
        body.append((20, _OLD_TRANSACTIONS.get(one.exec_type, "0")))
        if one.exec_type in (ExecType.TRADE, *_OLD_TRANSACTIONS):
            kind = str(one.ord_status)
    body += [(150, kind), (39, one.ord_status), (55, "[N/A]"), (48, one.security_id), (22, "1")]
    body += [(54, one.short_sale or one.side), (38, number(one.order_qty))]
    if one.last_qty is not None and one.last_px is not None:
        body += [(32, number(one.last_qty)), (31, number(one.last_px))]
    body += [(151, number(one.leaves_qty)), (14, number(one.cum_qty))]
    body += [(6, number(one.avg_px or Decimal(0))), (60, timestamp(one.transact_time))]
    body.append((75, one.trade_date.strftime("%Y%m%d")))
    if one.ord_rej_reason is not None:
        body.append((103, str(one.ord_rej_reason)))
    return [*body, *_said(one.text)]


def _said(text: str) -> Fields:
    return [(58, text)] if text else []
