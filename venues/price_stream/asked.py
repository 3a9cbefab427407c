"""What a client of the price stream may say, and the views it then gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from venues import instruments
from venues.market_data import views
from venues.orderbook import Composite
from venues.tapes import Tapes

MOST = 200
_LEAST_THROTTLE_MS, _MOST_THROTTLE_MS = 100, 10_000
_DEPTH = 20


class Subscribe(msgspec.Struct, tag_field="action", tag="subscribe", forbid_unknown_fields=True):
    """Tell of these instruments (CUSIP, ISIN or symbol) from now on."""

    instruments: list[str]
    level: Literal[1, 2] = 1
    depth: int = 10
    throttle_ms: int = 250


class Unsubscribe(
    msgspec.Struct, tag_field="action", tag="unsubscribe", forbid_unknown_fields=True
):
    """Tell of these no more."""

    instruments: list[str]


_decoder: msgspec.json.Decoder[Subscribe | Unsubscribe] = msgspec.json.Decoder(
    Subscribe | Unsubscribe
)


@dataclass(frozen=True, slots=True)
class Wish:
    """How one instrument is wanted."""

    cusip: str
    level: int
    depth: int
    throttle: float


def read(text: str) -> Subscribe | Unsubscribe:
    """One message of a client. Raises `msgspec.MsgspecError`."""
    return _decoder.decode(text)


def wishes(asked: Subscribe) -> tuple[list[Wish], list[str]]:
    """What is wanted of the instruments that exist, and the names of those that do not."""
    throttle = min(max(asked.throttle_ms, _LEAST_THROTTLE_MS), _MOST_THROTTLE_MS) / 1000
    depth = min(max(asked.depth, 1), _DEPTH)
    known, unknown = cusips(asked.instruments)
    return [Wish(cusip, asked.level, depth, throttle) for cusip in known], unknown


def cusips(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The securities that names mean, and the names that mean none."""
    found = {name: instruments.find(name) for name in names}
    known = dict.fromkeys(facts.cusip for facts in found.values() if facts is not None)
    return list(known), [name for name, facts in found.items() if facts is None]


def view(wish: Wish, books: Composite, tapes: Tapes) -> dict[str, Any]:
    """What a client gets of one instrument."""
    facts = instruments.find(wish.cusip)
    assert facts is not None
    if wish.level == 1:
        return views.top(facts, books, tapes)
    return views.ladder(facts, books, tapes, depth=wish.depth)
