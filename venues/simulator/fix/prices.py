"""The venue's market data for one FIX peer: what it has asked for, and books and tapes as fields.

Written beside our side's on purpose, as the rest of the venue's dictionary. A subscription is one
MDReqID(262); who has not asked for a security is told nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from venues.fix.codec import Fields, Message, number, timestamp
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

# MDReqRejReason(281)
_DUPLICATE, _BAD_SUBSCRIPTION, _BAD_DEPTH, _BAD_ENTRY = "1", "4", "5", "8"


class Refused(Exception):
    """A request that is not served: MDReqRejReason(281)."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Prices:
    """What one peer follows."""

    def __init__(self) -> None:
        # The id under which each is told.
        self._ids: dict[tuple[About, str], str] = {}
        self._lasting: dict[str, MarketDataRequest] = {}

    def request(self, message: Message) -> MarketDataRequest | None:
        """What V asks for; None for the end of a subscription that others go on beside.

        Raises `Refused`.
        """
        name, kind = message.get(262), message.get(263)
        if kind not in ("0", "1", "2"):
            raise Refused(_BAD_SUBSCRIPTION, "263 is 0, 1 or 2")
        if kind == "2":
            return self._end(name)
        if name in self._lasting:
            raise Refused(_DUPLICATE, f"{name} is in use")
        asked = MarketDataRequest(
            kind="1" if kind == "1" else "0",
            securities=tuple(value for tag, value in message.fields if tag == 48),
            about=_about(message),
            md_req_id=name,
        )
        for security in asked.securities:
            self._ids[asked.about, security] = name
        if kind == "1":
            self._lasting[name] = asked
        return asked

    def _end(self, name: str) -> MarketDataRequest | None:
        ended = self._lasting.pop(name, None)
        if ended is None:
            raise Refused(_BAD_SUBSCRIPTION, f"there is no {name}")
        for security in ended.securities:
            self._ids.pop((ended.about, security), None)
        if any(one.about == ended.about for one in self._lasting.values()):
            return None
        return MarketDataRequest(kind="2", about=ended.about)

    def told(self, said: MarketData) -> tuple[str, Fields] | None:
        """MsgType(35) and body of what the session says; None for what was not asked for."""
        if isinstance(said, MarketDataRequestReject):
            name = self._ids.get((said.about, said.securities[0]), "")
            self._lasting.pop(name, None)
            return refusal(name, said.reason, said.text)
        name = self._ids.get((_of(said), said.security_id), "")
        if not name:
            return None
        match said:
            case BookSnapshot():
                return "W", _whole(name, said.security_id, said.rpt_seq, said.at, _book(said))
            case TapeSnapshot():
                return "W", _whole(name, said.security_id, said.rpt_seq, said.at, _prints(said))
            case Quote():
                return "W", _whole(name, said.security_id, said.rpt_seq or 0, said.at, _top(said))
            case BookUpdate():
                rows = [(e.action, _order(e), said.rpt_seq) for e in said.entries]
                return "X", _changes(name, said.security_id, said.at, rows)
            case TapeUpdate():
                printed = [(p.action, _print(p), p.seq) for p in said.prints]
                day = ("1", _volume(said.day, said.volume), said.prints[-1].seq)
                return "X", _changes(name, said.security_id, said.at, [*printed, day])


def refusal(name: str, reason: str, text: str) -> tuple[str, Fields]:
    """MarketDataRequestReject(Y)."""
    return "Y", [(262, name or "NONE"), (281, reason), (58, text)]


def _about(message: Message) -> About:
    kinds = {value for tag, value in message.fields if tag == 269}
    if message.get(264) not in ("0", "1"):
        raise Refused(_BAD_DEPTH, "264 is 0, the whole book, or 1, its top")
    if kinds == {"2"}:
        return "tape"
    if not kinds or not kinds <= {"0", "1"}:
        raise Refused(_BAD_ENTRY, "269 is 0 and 1, or 2")
    return "top" if message.get(264) == "1" else "book"


def _of(said: BookSnapshot | BookUpdate | TapeSnapshot | TapeUpdate | Quote) -> About:
    if isinstance(said, Quote):
        return "top"
    return "book" if isinstance(said, BookSnapshot | BookUpdate) else "tape"


def _instrument(security_id: str) -> Fields:
    return [(55, "[N/A]"), (48, security_id), (22, "1")]


def _whole(
    name: str, security_id: str, rpt_seq: int, at: datetime, entries: list[Fields]
) -> Fields:
    head: Fields = [(262, name), *_instrument(security_id), (83, str(rpt_seq))]
    head += [(60, timestamp(at)), (268, str(len(entries)))]
    return [*head, *(field for entry in entries for field in entry)]


def _changes(
    name: str, security_id: str, at: datetime, rows: Sequence[tuple[str, Fields, int]]
) -> Fields:
    body: Fields = [(262, name), (60, timestamp(at)), (268, str(len(rows)))]
    for action, entry, seq in rows:
        (kind, *rest) = entry
        body += [(279, action), kind, *_instrument(security_id), *rest, (83, str(seq))]
    return body


def _book(said: BookSnapshot) -> list[Fields]:
    return [_order(entry) for entry in said.entries]


def _order(one: MdEntry) -> Fields:
    body: Fields = [(269, one.entry_type), (278, one.entry_id)]
    body += [(270, number(one.px)), (271, number(one.size))]
    demands = ((110, one.min_size), (561, one.min_increment), (9110, one.min_balance_remaining))
    return [*body, *((tag, number(value)) for tag, value in demands if value)]


def _top(said: Quote) -> list[Fields]:
    entries: list[Fields] = []
    for kind, px, size in (("0", said.bid_px, said.bid_size), ("1", said.ask_px, said.ask_size)):
        if px is not None:
            entries.append([(269, kind), (270, number(px)), (271, number(size or Decimal(0)))])
    if said.tape_seq is not None:
        entries.append([(269, "B"), (83, str(said.tape_seq))])
    return entries


def _prints(said: TapeSnapshot) -> list[Fields]:
    told = [[*_print(one), (83, str(one.seq))] for one in said.prints]
    return [*told, _volume(said.day, said.volume)]


def _print(one: TapePrint) -> Fields:
    body: Fields = [(269, "2"), (278, one.trade_id)]
    body += [(270, number(one.px)), (271, number(one.size))]
    day, _, time = timestamp(one.at).partition("-")
    return [*body, (272, day), (273, time)]


def _volume(day: date, volume: Decimal | None) -> Fields:
    return [(269, "B"), (271, number(volume or Decimal(0))), (272, day.strftime("%Y%m%d"))]
