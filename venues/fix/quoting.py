"""Requests for quotes over FIX, our side: R and AJ as we say them; S, Z, AI and AG as we hear them.

Pure. A hit goes as QuoteResponse(AJ) or, where the venue's format says so, as a previously quoted
order (D with QuoteID(117)); both are answered by execution reports under its ClOrdID(11). Dealers
are parties in the role of contra firms.
"""

from __future__ import annotations

from datetime import datetime

from venues.fix.codec import Fields, number, timestamp
from venues.fix.reading import Given
from venues.formats import Content, Names
from venues.messages import (
    DealerQuote,
    QuoteCancel,
    QuoteReport,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatus,
    QuoteStatusReport,
    Side,
)

REPORTS = ("S", "AI", "AG", "Z")
_DEALER = "17"  # PartyRole(452): contra firm
_NAMED = (QuoteRespType.HIT, QuoteRespType.COUNTER)  # that carry a ClOrdID(11)
_PREVIOUSLY_QUOTED, _FILL_OR_KILL = "D", "4"
_OTHER = 99  # QuoteRequestRejectReason(658)


def request(message: QuoteRequest, instrument: Fields) -> Fields:
    """The body of R. StrikeTime(443) is when answers of a `bin` inquiry are due."""
    body: Fields = [(131, message.quote_req_id), (146, "1"), *instrument, (537, "1")]
    body += [(54, message.short_sale or message.side), (38, number(message.order_qty))]
    body += [(126, timestamp(message.expire_time)), (60, timestamp(message.transact_time))]
    body += [(443, timestamp(message.due_time))] if message.due_time is not None else []
    body.append((453, str(len(message.dealers))))
    for dealer in message.dealers:
        body += [(448, dealer), (447, "D"), (452, _DEALER)]
    return body


def response(message: QuoteResponse, instrument: Fields, content: Content) -> tuple[str, Fields]:
    """MsgType and body of an answer to a quote."""
    terms: Fields = [*instrument, (54, message.short_sale or message.side)]
    terms.append((60, timestamp(message.transact_time)))
    if message.order_qty is not None:
        terms.append((38, number(message.order_qty)))
    price: Fields = [(44, number(message.price))] if message.price is not None else []
    if message.resp_type is QuoteRespType.HIT and content.hits == "D":
        head: Fields = [(11, message.cl_ord_id)]
        head += [(21, "1")] if content.dialect == "FIX.4.2" else []
        quoted = [(40, _PREVIOUSLY_QUOTED), *price, (59, _FILL_OR_KILL), (117, message.quote_id)]
        return "D", [*head, *terms, *quoted]
    body: Fields = [(693, message.cl_ord_id)]
    body += [(117, message.quote_id)] if message.quote_id else []
    body.append((694, str(int(message.resp_type))))
    body += [(11, message.cl_ord_id)] if message.resp_type in _NAMED else []
    return "AJ", [*body, (131, message.quote_req_id), *terms, *price]


def read(kind: str, given: Given, names: Names, *, seq: int) -> QuoteReport:
    """The report in a message of `REPORTS`, numbered `seq`. Raises `ValueError` without one."""
    name, at = given.needed(131), given.at(60, 52)
    match kind:
        case "S":
            return _quote(given, names, name, at, seq=seq)
        case "AI":
            return QuoteStatusReport(
                seq=seq,
                quote_req_id=name,
                quote_status=QuoteStatus(int(given.text(297) or -1)),
                transact_time=at,
                dealer=given.text(448),
                quote_id=given.text(117),
                text=given.text(58),
            )
        case "AG":
            reason = given.whole(658)
            return QuoteRequestReject(
                seq=seq,
                quote_req_id=name,
                reason=_OTHER if reason is None else reason,
                transact_time=at,
                text=given.text(58),
            )
        case _:
            return QuoteCancel(
                seq=seq,
                quote_req_id=name,
                quote_id=given.needed(117),
                dealer=given.text(448),
                transact_time=at,
                text=given.text(58),
            )


def _quote(given: Given, names: Names, name: str, at: datetime, *, seq: int) -> DealerQuote:
    """A dealer's price for our side: its offer to a buyer, its bid to a seller."""
    side = _side_of(given)
    px, size = (given.decimal(tag) for tag in _PRICED[side])
    if not px or not size:
        raise ValueError("a quote without price or size")
    return DealerQuote(
        seq=seq,
        quote_req_id=name,
        quote_id=given.needed(117),
        dealer=given.needed(448),
        security_id=names.from_venue(given.text(48) or given.text(55)),
        side=side,
        px=px,
        size=size,
        valid_until_time=given.at(62, 62),
        transact_time=at,
        round=given.whole(_ROUND) or 1,
    )


def _side_of(given: Given) -> Side:
    """Whose price a quote is: of the two of a two-way quote that of Side(54), never a guess.

    A side that is told as 0 is padding.
    """
    offer, bid = given.decimal(133), given.decimal(132)
    if not (offer and bid):
        return "1" if offer else "2"
    if not given.text(54):
        raise ValueError("two prices, and 54 is missing: whose is meant")
    return given.side()


# Price and size for a buyer, and for a seller.
_PRICED: dict[Side, tuple[int, int]] = {"1": (133, 135), "2": (132, 134)}
_ROUND = 9131  # the how-manieth price of this dealer it is; no dictionary has that


def refused(quote_req_id: str, text: str, at: datetime, *, seq: int) -> QuoteRequestReject:
    """What a venue that will not deal with R at all has said to it."""
    return QuoteRequestReject(
        seq=seq, quote_req_id=quote_req_id, reason=_OTHER, transact_time=at, text=text
    )
