"""The venue's dictionary of inquiries: R, AJ and orders on quotes into its own messages, and back.

Written beside our side's on purpose. A quote is known by QuoteID(117) alone: an answer that names
no inquiry is about the one that its quote belongs to.
"""

from __future__ import annotations

from datetime import datetime

from venues.fix.codec import Fields, Message, number, timestamp
from venues.messages import (
    DealerQuote,
    QuoteCancel,
    QuoteReport,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatusReport,
)
from venues.simulator.fix.reading import Unfit, decimal, moment_of, side_of
from venues.simulator.register import Register

_CONTRA_FIRM = "17"  # PartyRole(452)


def is_hit(message: Message) -> bool:
    """Whether an order is one on a quote: OrdType(40) D."""
    return message.type == "D" and message.get(40) == "D"


def request(message: Message) -> QuoteRequest:
    """What R asks. Raises `Unfit`."""
    due = message.get(443)
    side, short = side_of(message)
    return QuoteRequest(
        quote_req_id=message.get(131),
        security_id=message.get(48),
        side=side,
        order_qty=decimal(message, 38),
        dealers=tuple(_dealers(message)),
        transact_time=moment_of(message, 60),
        expire_time=moment_of(message, 126),
        bidding="bin" if due else "asap",
        due_time=moment_of(message, 443) if due else None,
        short_sale=short,
    )


def response(message: Message, register: Register) -> QuoteResponse:
    """What AJ, or an order on a quote, answers. Raises `Unfit`."""
    quote_id = message.get(117)
    kind = "1" if message.type == "D" else message.get(694)
    side, short = side_of(message)
    if kind not in {str(int(one)) for one in QuoteRespType}:
        raise Unfit(694, 5, f"694={kind} is no answer")
    return QuoteResponse(
        cl_ord_id=message.get(11) or message.get(693),
        quote_req_id=message.get(131) or _inquiry(register, quote_id),
        resp_type=QuoteRespType(int(kind)),
        security_id=message.get(48),
        side=side,
        transact_time=moment_of(message, 60),
        quote_id=quote_id,
        order_qty=decimal(message, 38) if message.get(38) else None,
        price=decimal(message, 44) if message.get(44) else None,
        short_sale=short,
    )


def told(report: QuoteReport) -> tuple[str, Fields]:
    """MsgType(35) and body of what is said about an inquiry."""
    at, name = report.transact_time, report.quote_req_id
    match report:
        case DealerQuote():
            return "S", _quote(report)
        case QuoteStatusReport():
            quoted: Fields = [(117, report.quote_id)] if report.quote_id else []
            body = [(131, name), *quoted, (297, str(int(report.quote_status)))]
            return "AI", [*body, *_party(report.dealer), *_end(at, report.text)]
        case QuoteRequestReject():
            return "AG", [(131, name), (658, str(report.reason)), *_end(at, report.text)]
        case QuoteCancel():
            head: Fields = [(131, name), (117, report.quote_id), (298, "1")]
            return "Z", [*head, *_party(report.dealer), *_end(at, report.text)]


def _quote(one: DealerQuote) -> Fields:
    body: Fields = [(131, one.quote_req_id), (117, one.quote_id), (537, "1")]
    body += [*_party(one.dealer), (55, "[N/A]"), (48, one.security_id), (22, "1"), (54, one.side)]
    # A buyer is told an offer, a seller a bid.
    px, size = (133, 135) if one.side == "1" else (132, 134)
    body += [(px, number(one.px)), (size, number(one.size))]
    body += [(62, timestamp(one.valid_until_time)), (9131, str(one.round))]
    return [*body, *_end(one.transact_time, "")]


def _party(dealer: str) -> Fields:
    return [(453, "1"), (448, dealer), (447, "D"), (452, _CONTRA_FIRM)] if dealer else []


def _end(at: datetime, text: str) -> Fields:
    return [(60, timestamp(at)), *([(58, text)] if text else [])]


def _dealers(message: Message) -> list[str]:
    return [value for tag, value in message.fields if tag == 448]


def _inquiry(register: Register, quote_id: str) -> str:
    found = (name for name, one in register.inquiries.items() if quote_id in one.quotes)
    return next(found, "")
