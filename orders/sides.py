"""Which way an order goes, and how a sale is marked: the one place that knows both.

An order buys or sells; everything that counts looks at that alone. A sale may be marked short or
short exempt (Regulation SHO 200(g)), which callers name as sides of their own: Side(54) 5 and 6.
"""

from __future__ import annotations

from typing import Any, Protocol

from venues.messages import ShortSale

SHORT, EXEMPT = "short", "exempt"
# As callers name them: the way it goes, and the mark.
_NAMED: dict[str, tuple[str, str | None]] = {
    "buy": ("buy", None),
    "sell": ("sell", None),
    "sell_short": ("sell", SHORT),
    "sell_short_exempt": ("sell", EXEMPT),
}
KNOWN = tuple(_NAMED)
_NAMES = {way: name for name, way in _NAMED.items()}
WIRE: dict[str | None, ShortSale] = {None: "", SHORT: "5", EXEMPT: "6"}


class Marked(Protocol):
    """What has a side and perhaps a mark: an order, or its ticket's facts."""

    side: str
    short_sale: str | None
    locate_broker: str | None


def split(name: str) -> tuple[str, str | None]:
    """`buy` or `sell`, and the mark of a side as callers name it. Raises `KeyError`."""
    return _NAMED[name]


def named(side: str, short_sale: str | None) -> str:
    """The side as callers name it; what nobody knows stays as it is."""
    return _NAMES.get((side, short_sale or None), side)


def mark(order: Marked) -> dict[str, Any]:
    """How every message about an order says its mark: nothing where there is none."""
    return {"short_sale": WIRE[order.short_sale]} if order.short_sale else {}


def wire(order: Marked) -> dict[str, Any]:
    """How an order says its mark, with LocateBroker(5700), as messages that may trade carry it."""
    told = mark(order)
    if told and order.locate_broker:
        told["locate_broker"] = order.locate_broker
    return told
