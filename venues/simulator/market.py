"""The venue's prices: a small, always replenished book around each security's reference price.

Deterministic: the same securities and session give the same book in every process. Nothing an
order does moves it; `move` and `drift` do, and what they moved is told once by `take_moved`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Protocol

from venues.messages import Quote, Side
from venues.simulator import behaviors, curve

LEVELS = 10
_BOND_TICK = Decimal(1) / 32
_SHARE_TICK = Decimal("0.01")
_MILLION = Decimal(1_000_000)
# Ticks from the middle to the best price, by security type.
_HALF_SPREADS = {
    "note": 1,
    "bond": 1,
    "agency": 2,
    "equity": 2,
    "corporate": 4,
    "municipal": 6,
}


class Listing(Protocol):
    """What the venue needs to know of a security; the catalog's listings have it."""

    @property
    def cusip(self) -> str: ...
    @property
    def reference_price(self) -> Decimal: ...
    @property
    def security_type(self) -> str: ...
    @property
    def min_increment(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Level:
    """A price, how much may be had at it, and in what pieces.

    A trade takes at least `min_size`, in steps of `min_increment` (0: any), and leaves either
    nothing or at least `min_balance_remaining`.
    """

    px: Decimal
    size: Decimal
    min_size: Decimal = Decimal(0)
    min_increment: Decimal = Decimal(0)
    min_balance_remaining: Decimal = Decimal(0)


class Market:
    """The books of all securities of one session."""

    def __init__(self, listings: Iterable[Listing], *, seed: str = "") -> None:
        self._seed = seed
        self._listings = {listing.cusip: listing for listing in listings}
        self._moved: dict[str, int] = {}
        self._drifted: dict[str, int] = {}
        self._told: set[str] = set()
        self._books: dict[str, dict[Side, tuple[Level, ...]]] = {}

    def knows(self, cusip: str) -> bool:
        """Whether this venue trades the security."""
        return cusip in behaviors.SECURITIES or cusip in self._listings

    def listings(self) -> list[Listing]:
        """What it knows of its securities."""
        return list(self._listings.values())

    def securities(self) -> list[str]:
        """Every security the venue trades, in order."""
        return sorted({*self._listings, *behaviors.SECURITIES})

    def reference(self, cusip: str) -> Decimal:
        """The price the book stands around."""
        if cusip in behaviors.SECURITIES:
            return (behaviors.BOOK_BID + behaviors.BOOK_ASK) / 2
        listing = self._listings[cusip]
        ticks = self._moved.get(cusip, 0) + self._drifted.get(cusip, 0)
        return listing.reference_price + ticks * _tick(listing)

    def increment(self, cusip: str) -> Decimal:
        """What quantities are multiples of."""
        listing = self._listings.get(cusip)
        return listing.min_increment if listing is not None else Decimal(100)

    def levels(self, cusip: str, side: Side) -> tuple[Level, ...]:
        """What an order of this side can trade with, best first: a buy meets the offers."""
        book = self._books.get(cusip)
        if book is None:
            book = self._books[cusip] = self._build(cusip)
        return book[side]

    def quote(self, cusip: str, at: datetime) -> Quote:
        """The top of the book."""
        asks, bids = self.levels(cusip, "1"), self.levels(cusip, "2")
        return Quote(
            security_id=cusip,
            at=at,
            bid_px=bids[0].px if bids else None,
            bid_size=bids[0].size if bids else None,
            ask_px=asks[0].px if asks else None,
            ask_size=asks[0].size if asks else None,
        )

    def move(self, cusip: str, ticks: int) -> None:
        """Move a book by whole ticks; a security with a fixed book stays where it is."""
        if cusip in self._listings:
            self._moved[cusip] = self._moved.get(cusip, 0) + ticks
            self._rebuild(cusip)

    def drift(self, step: int) -> None:
        """Bring every book to where the market is at this step, the same in every run.

        All venues follow one curve; each stands up to a tick above it for a few steps at a time.
        """
        for cusip, listing in self._listings.items():
            ticks = int(curve.change(listing, step) / _tick(listing))
            ticks += zlib.crc32(f"{self._seed}:{cusip}:{step // 5}".encode()) % 2
            if ticks != self._drifted.get(cusip, 0) and listing.reference_price > 0:
                self._drifted[cusip] = ticks
                self._rebuild(cusip)

    def take_moved(self) -> set[str]:
        """Securities whose books were built anew since the last call."""
        moved, self._told = self._told, set()
        return moved

    def _rebuild(self, cusip: str) -> None:
        self._books.pop(cusip, None)
        self._told.add(cusip)

    def _build(self, cusip: str) -> dict[Side, tuple[Level, ...]]:
        fixed = behaviors.SECURITIES.get(cusip)
        if fixed is not None:
            return {
                "1": (Level(behaviors.BOOK_ASK, behaviors.BOOK_SIZE),) if fixed.ask else (),
                "2": (Level(behaviors.BOOK_BID, behaviors.BOOK_SIZE),) if fixed.bid else (),
            }
        listing = self._listings[cusip]
        tick = _tick(listing)
        middle = (self.reference(cusip) / tick).quantize(Decimal(1), ROUND_HALF_EVEN)
        away = _half_spread(listing)
        return {side: tuple(self._side(cusip, side, middle, away, tick)) for side in ("1", "2")}

    def _side(
        self, cusip: str, side: Side, middle: Decimal, away: int, tick: Decimal
    ) -> Iterable[Level]:
        sign = 1 if side == "1" else -1
        for depth in range(LEVELS):
            px = (middle + sign * (away + depth)) * tick
            draw = zlib.crc32(f"{self._seed}:{cusip}:{side}:{depth}".encode())
            if px > 0:
                yield _level(self._listings[cusip], px, (draw % 5 + 1) * _MILLION, depth)


def _level(listing: Listing, px: Decimal, size: Decimal, depth: int) -> Level:
    """Away from the best prices of what trades by appointment, only larger pieces are for sale."""
    if depth < 2 or listing.security_type not in ("corporate", "municipal"):
        return Level(px, size, min_increment=listing.min_increment)
    return Level(
        px,
        size,
        min_size=_MILLION / 10,
        min_increment=listing.min_increment,
        min_balance_remaining=_MILLION / 20,
    )


def _tick(listing: Listing) -> Decimal:
    return _SHARE_TICK if listing.security_type == "equity" else _BOND_TICK


def _half_spread(listing: Listing) -> int:
    return _HALF_SPREADS.get(listing.security_type, 2)
