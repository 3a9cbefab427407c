"""Market data over FIX, our side: what we ask (V), and what comes (W, X, Y) as our frozen values.

Pure. An entry of X that repeats a RptSeq(83) known already changes nothing; several entries under
one number are one change. Which kind of W an answer is, the id of our own request says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from venues.calendar import new_york_date
from venues.fix.codec import Fields, Message, moment
from venues.fix.reading import Given
from venues.formats import Content, Names
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    MarketData,
    MarketDataRequest,
    MarketDataRequestReject,
    MdEntry,
    Quote,
    TapePrint,
    TapeSnapshot,
    TapeUpdate,
)
from venues.messages.market import About

TYPES = ("W", "X", "Y")
Asked = Mapping[str, MarketDataRequest]
_ENTRIES: dict[About, tuple[str, ...]] = {"book": ("0", "1"), "top": ("0", "1"), "tape": ("2",)}
_TRADE, _VOLUME = "2", "B"  # MDEntryType(269)
_ZERO = Decimal(0)
_HALF_A_DAY = timedelta(hours=12)
# RoundLot(561) of an order of a book, and what a trade has to leave of it, which has no tag.
_ROUND_LOT, _LEAST_REST = 561, 9110


def request(message: MarketDataRequest, content: Content, names: Names) -> Fields:
    """The body of V: whole books and tapes with updates, tops as a full refresh now and then."""
    top = message.about == "top"
    body: Fields = [(262, message.md_req_id), (263, message.kind), (264, "1" if top else "0")]
    body += [(265, "0" if top else "1")] if message.kind == "1" else []
    kinds = _ENTRIES[message.about]
    body += [(267, str(len(kinds))), *((269, kind) for kind in kinds)]
    body.append((146, str(len(message.securities))))
    for cusip in message.securities:
        name = names.to_venue(cusip)
        symbol = name if content.security_id_source == "8" else content.symbol
        body += [(55, symbol), (48, name), (22, content.security_id_source)]
    return body


def read(message: Message, content: Content, names: Names, asked: Asked) -> list[MarketData]:
    """What W, X or Y says. Raises `ValueError` for what cannot be read."""
    given = Given(message, content)
    request_ = asked.get(given.text(262))
    if message.type == "Y":
        return [_refused(given, request_)] if request_ is not None else []
    at = given.at(60, 52)
    if message.type == "X":
        return _changes(_groups(message, content, first=279), names, at)
    if request_ is None:
        raise ValueError(f"262={given.text(262)[:40]} was not asked for")
    security = names.from_venue(given.text(48) or given.text(55))
    entries = _groups(message, content, first=269)
    number = given.whole(83)
    if number is None:
        raise ValueError("83 is missing")
    match request_.about:
        case "top":
            return [_top(security, number, entries, at)]
        case "tape":
            return [_tape(security, number, entries, at)]
        case _:
            book = tuple(_order(one) for one in entries if one.text(269) in ("0", "1"))
            return [BookSnapshot(security_id=security, rpt_seq=number, at=at, entries=book)]


def _refused(given: Given, asked: MarketDataRequest) -> MarketDataRequestReject:
    return MarketDataRequestReject(
        securities=asked.securities,
        about=asked.about,
        reason=given.text(281),
        text=given.text(58) or f"281={given.text(281)}",
    )


def _groups(message: Message, content: Content, *, first: int) -> list[Given]:
    """The entries of a repeating group, each beginning with the same tag."""
    renamed = content.of(content.rename, message.type)
    starts = int(renamed.get(str(first), first))
    found: list[list[tuple[int, str]]] = []
    for tag, value in message.fields:
        if tag == starts:
            found.append([])
        if found and tag != 10:
            found[-1].append((tag, value))
    kind = ((35, message.type),)
    return [Given(Message((*kind, *fields), b""), content) for fields in found]


def _changes(entries: Sequence[Given], names: Names, at: datetime) -> list[MarketData]:
    """X: changes of books by their numbers, then the tapes' prints."""
    books: dict[tuple[str, int], list[MdEntry]] = {}
    tapes: dict[str, list[Given]] = {}
    security = ""
    for one in entries:
        # One without a security is about the same as the one before it.
        security = names.from_venue(one.text(48) or one.text(55)) or security
        if one.text(269) in (_TRADE, _VOLUME):
            tapes.setdefault(security, []).append(one)
        elif one.text(269) in ("0", "1"):
            books.setdefault((security, _number(one)), []).append(_order(one))
    found: list[MarketData] = [
        BookUpdate(security_id=name, rpt_seq=number, at=at, entries=tuple(changed))
        for (name, number), changed in books.items()
    ]
    for name, said in tapes.items():
        prints, day, volume = _printed(said, at)
        if prints:
            found.append(TapeUpdate(security_id=name, at=at, day=day, volume=volume, prints=prints))
    return found


def _order(one: Given) -> MdEntry:
    action, kind = one.text(279) or "0", one.text(269)
    if action not in ("0", "1", "2"):
        raise ValueError(f"279={action} is no action on an order")
    return MdEntry(
        # Entries that nothing tells apart make no book.
        entry_id=one.needed(278),
        entry_type="0" if kind == "0" else "1",
        px=one.decimal(270) or _ZERO,
        size=one.decimal(271) or _ZERO,
        action=action,  # type: ignore[arg-type]  # one of the literals
        min_size=one.decimal(110),
        min_increment=one.decimal(_ROUND_LOT),
        min_balance_remaining=one.decimal(_LEAST_REST),
    )


def _top(security: str, number: int, entries: Iterable[Given], at: datetime) -> Quote:
    by_kind = {one.text(269): one for one in entries}
    bid, ask, volume = by_kind.get("0"), by_kind.get("1"), by_kind.get(_VOLUME)
    return Quote(
        security_id=security,
        at=at,
        bid_px=bid.decimal(270) if bid else None,
        bid_size=bid.decimal(271) if bid else None,
        ask_px=ask.decimal(270) if ask else None,
        ask_size=ask.decimal(271) if ask else None,
        rpt_seq=number,
        tape_seq=volume.whole(83) if volume else None,
    )


def _tape(security: str, number: int, entries: Iterable[Given], at: datetime) -> TapeSnapshot:
    prints, day, volume = _printed(entries, at)
    return TapeSnapshot(
        security_id=security, rpt_seq=number, at=at, day=day, volume=volume, prints=prints
    )


def _printed(
    entries: Iterable[Given], at: datetime
) -> tuple[tuple[TapePrint, ...], date, Decimal | None]:
    """Prints, their day, and what the day comes to where the venue says so."""
    prints: list[TapePrint] = []
    day, volume = new_york_date(at), None
    for one in entries:
        if one.text(269) == _VOLUME:
            volume = one.decimal(271)
            day = moment(f"{one.text(272)}-00:00:00").date() if one.text(272) else day
            continue
        action: Literal["0", "2"] = "2" if one.text(279) == "2" else "0"
        number = _number(one)
        px, size = one.decimal(270), one.decimal(271)
        if px is None or not size:
            raise ValueError("a trade without price or size")
        prints.append(
            TapePrint(
                seq=number,
                # One without a name is known by its number.
                trade_id=one.text(278) or f"#{number}",
                px=px,
                size=size,
                at=_printed_at(one, at),
                action=action,
            )
        )
    return tuple(prints), day, volume


def _printed_at(one: Given, said_at: datetime) -> datetime:
    """When a print was: a time without its date is the last such time before it was told of."""
    if not one.text(273):
        return said_at
    if one.text(272):
        return moment(f"{one.text(272)}-{one.text(273)}")
    at = moment(f"{said_at:%Y%m%d}-{one.text(273)}")
    return at - timedelta(days=1) if at - said_at > _HALF_A_DAY else at


def _number(one: Given) -> int:
    if (number := one.whole(83)) is None:
        raise ValueError("83 is missing")
    return number
