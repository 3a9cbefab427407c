"""What we say to a venue, as FIX application messages: our frozen values to fields.

Pure. The dialect and everything that is this venue's own comes from its format; header and trailer
are the session's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

from venues.fix import market, quoting
from venues.fix.codec import Fields, number, timestamp
from venues.formats import Content, Names, Parameter
from venues.messages import (
    CancelRequest,
    MarketDataRequest,
    NewOrder,
    QuoteRequest,
    QuoteResponse,
    ReplaceRequest,
    StatusRequest,
    WireOut,
)

# MsgType(35) of what can be said over FIX; a venue that is asked for more is not on this wire.
TYPES: dict[type, str] = {
    NewOrder: "D",
    CancelRequest: "F",
    ReplaceRequest: "G",
    StatusRequest: "H",
    MarketDataRequest: "V",
    QuoteRequest: "R",
    QuoteResponse: "AJ",
}
TARGET_STRATEGY, PARAMETERS, NAME, TYPE, VALUE = 847, 957, 958, 959, 960
_TIMED = ("2", "6", "7")  # at the open, good till date, at the close


def encode(message: WireOut, content: Content, names: Names) -> tuple[str, Fields] | None:
    """MsgType and body of a message; None for what this wire does not carry."""
    msg_type = TYPES.get(type(message))
    match message:
        case NewOrder():
            body = [(11, message.cl_ord_id), *_order(message, content, names)]
        case ReplaceRequest():
            ids = [(41, message.orig_cl_ord_id), (11, message.cl_ord_id)]
            body = [*ids, *_order(message, content, names)]
        case CancelRequest():
            body = [(41, message.orig_cl_ord_id), (11, message.cl_ord_id)]
            body += _instrument(message.security_id, content, names)
            body += [_side(message), (60, timestamp(message.transact_time))]
        case StatusRequest():
            body = [(11, message.cl_ord_id), *_instrument(message.security_id, content, names)]
            body.append(_side(message))
        case MarketDataRequest():
            body = market.request(message, content, names)
        case QuoteRequest():
            asked = _instrument(message.security_id, content, names)
            body = quoting.request(message, asked)
        case QuoteResponse():
            named = _instrument(message.security_id, content, names)
            msg_type, body = quoting.response(message, named, content)
        case _:
            return None
    assert msg_type is not None
    return msg_type, styled(msg_type, body, content)


def _order(message: NewOrder | ReplaceRequest, content: Content, names: Names) -> Fields:
    body: Fields = [(21, "1")] if content.dialect == "FIX.4.2" else []
    body += _instrument(message.security_id, content, names)
    body += [_side(message), *_located(message), (60, timestamp(message.transact_time))]
    body += [(38, number(message.order_qty)), (40, message.ord_type)]
    if message.price is not None:
        body.append((44, number(message.price)))
    body.append((59, message.time_in_force))
    if message.exec_inst:
        body.append((18, message.exec_inst))
    if message.display_qty is not None:
        # What 5.0 calls DisplayQty was MaxFloor until then; a format renames it where need be.
        tag = 1138 if content.dialect == "FIX.5.0SP2" else 111
        body.append((tag, number(message.display_qty)))
    if message.min_qty is not None:
        body.append((110, number(message.min_qty)))
    if message.expire_time is not None and message.time_in_force in _TIMED:
        body.append((126, timestamp(message.expire_time)))
    return [*body, *_extensions(message, content)]


def _side(message: NewOrder | CancelRequest | ReplaceRequest | StatusRequest) -> tuple[int, str]:
    """Side(54): a sale that is marked says its mark."""
    return 54, message.short_sale or message.side


def _located(message: NewOrder | ReplaceRequest) -> Fields:
    """LocateReqd(114) and LocateBroker(5700): what is sold short has been found already."""
    if not message.short_sale:
        return []
    broker = [(5700, message.locate_broker)] if message.locate_broker else []
    return [(114, "N"), *broker]


def _extensions(message: NewOrder | ReplaceRequest, content: Content) -> Fields:
    """Known parameters under their tags; an algorithm's in its group."""
    given = message.extensions
    if not message.algorithm:
        return [(content.extensions[name].tag, value) for name, value in given]
    chosen = content.algorithms[message.algorithm]
    body: Fields = [(TARGET_STRATEGY, chosen.target), (PARAMETERS, str(len(given)))]
    for name, value in given:
        one = chosen.parameters[name]
        said = _in_group(one, value, message)
        body += [(NAME, name), (TYPE, str(one.wire_type)), (VALUE, said)]
    return body if given else body[:1]


def _in_group(one: Parameter, value: str, message: NewOrder | ReplaceRequest) -> str:
    """A time of day is meant on the order's own day, and told as a moment in UTC."""
    if one.kind != "time":
        return value
    hour, minute = value.split(":")
    day = message.transact_time.astimezone(UTC)
    return timestamp(day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0))


def _instrument(cusip: str, content: Content, names: Names) -> Fields:
    name = names.to_venue(cusip)
    symbol = name if content.security_id_source == "8" else content.symbol
    return [(55, symbol), (48, name), (22, content.security_id_source)]


def styled(msg_type: str, body: Iterable[tuple[int, str]], content: Content) -> Fields:
    """A body as the format wants it: values in the venue's words, tags renamed, left out, added."""
    renamed = content.of(content.rename, msg_type)
    dropped = content.dropped(msg_type)
    found: Fields = []
    for tag, value in body:
        key = str(tag)
        if key not in dropped:
            said = content.values.get(key, {}).get(value, value)
            found.append((int(renamed.get(key, key)), said))
    constants = content.of(content.constants, msg_type)
    return [*((int(tag), text) for tag, text in constants.items()), *found]
