"""What a venue with market data must do: whole books and tapes, then changes by their numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from venues.acceptance.floor import Floor, Requirement, Trial
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    ExecType,
    MarketData,
    MarketDataRequest,
    MarketDataRequestReject,
    Quote,
    TapeSnapshot,
    TapeUpdate,
)
from venues.messages.market import About

T = TypeVar("T", bound=MarketData)
# How often book and top are asked for, should the market move between them each time.
_TRIES = 20


async def _ask(floor: Floor, *abouts: About, security: str = "", kind: str = "1") -> str:
    name = security or floor.trial.plain
    await floor.say(
        *(
            MarketDataRequest(kind=kind, securities=(name,), about=about)  # type: ignore[arg-type]  # a literal
            for about in abouts
        )
    )
    return name


async def _first(
    floor: Floor, of: type[T], fits: Callable[[T], bool] = lambda one: True, *, after: int = 0
) -> T:
    """The first thing of a kind that was said after so many others. Raises `TimeoutError`."""
    return await floor.wait(
        lambda: next(
            (one for one in floor.prices[after:] if isinstance(one, of) and fits(one)), None
        )
    )


async def _book(floor: Floor) -> str:
    name = await _ask(floor, "book")
    whole = await _first(floor, BookSnapshot)
    if whole.security_id != name or not whole.entries:
        return f"{name} was asked for, {whole.security_id} told with {len(whole.entries)} orders"
    heard = len(floor.prices)
    one = await floor.resting()
    shows = await _first(
        floor,
        BookUpdate,
        lambda said: any((e.px, e.size) == (one.price, one.order_qty) for e in said.entries),
        after=heard,
    )
    if shows.rpt_seq <= whole.rpt_seq:
        return f"a change under {shows.rpt_seq} of a book told under {whole.rpt_seq}"
    heard = len(floor.prices)
    await _ask(floor, "book", kind="0")
    again = await _first(floor, BookSnapshot, after=heard)
    stands = any((e.px, e.size) == (one.price, one.order_qty) for e in again.entries)
    if again.rpt_seq < shows.rpt_seq or not stands:
        return f"the book under {again.rpt_seq} does not hold the change under {shows.rpt_seq}"
    return ""


async def _top(floor: Floor) -> str:
    whole, top = await _book_and_top(floor, "1")
    for _ in range(_TRIES):
        if top.rpt_seq == whole.rpt_seq:
            return _differs(whole, top)
        # The market has moved between the two: they tell of different books.
        await asyncio.sleep(floor.trial.patience / _TRIES)
        whole, top = await _book_and_top(floor, "0")
    return f"the book is told under {whole.rpt_seq}, its top under {top.rpt_seq}"


async def _book_and_top(floor: Floor, kind: str) -> tuple[BookSnapshot, Quote]:
    """Both of one security, asked for in one write."""
    heard = len(floor.prices)
    name = await _ask(floor, "book", "top", kind=kind)
    whole = await _first(floor, BookSnapshot, lambda one: one.security_id == name, after=heard)
    # Who follows no books is told no number of theirs, as with a venue's first words.
    top = await _first(
        floor,
        Quote,
        lambda one: one.security_id == name and one.rpt_seq is not None,
        after=heard,
    )
    return whole, top


def _differs(whole: BookSnapshot, top: Quote) -> str:
    bids, asks = (
        [one.px for one in whole.entries if one.entry_type == kind] for kind in ("0", "1")
    )
    best: list[tuple[str, Decimal | None, Decimal | None]] = [
        ("bid", max(bids, default=None), top.bid_px),
        ("ask", min(asks, default=None), top.ask_px),
    ]
    wrong = [
        f"the best {side} of the book is {of_book}, of its top {of_top}"
        for side, of_book, of_top in best
        if of_book != of_top
    ]
    return "; ".join(wrong)


async def _tape(floor: Floor) -> str:
    await _ask(floor, "tape")
    whole = await _first(floor, TapeSnapshot)
    one = await floor.order()
    told = await floor.until(one, ExecType.TRADE)
    found = await _first(
        floor,
        TapeUpdate,
        lambda said: any((p.px, p.size) == (told.last_px, told.last_qty) for p in said.prints),
    )
    if told.exec_id in {p.trade_id for p in found.prints}:
        return "a public trade tells whose it was"
    seqs = [
        p.seq
        for said in floor.prices
        if isinstance(said, TapeUpdate) and said.security_id == whole.security_id
        for p in said.prints
    ]
    if seqs != list(range(whole.rpt_seq + 1, whole.rpt_seq + 1 + len(seqs))):
        return f"after {whole.rpt_seq} trades are numbered {seqs[:20]}"
    return ""


async def _unknown(floor: Floor) -> str:
    kinds: tuple[About, ...] = ("book", "tape")
    for about in kinds:
        heard = len(floor.prices)
        name = await _ask(floor, about, security=floor.trial.unknown)
        told = await _first(floor, MarketDataRequestReject, after=heard)
        if (told.about, told.securities) != (about, (name,)) or not told.text:
            return f"asked for {name}, refused {told.securities} because of {told.text!r}"
    return ""


def _offered(trial: Trial) -> str:
    return "" if trial.market_data else "no market data is agreed"


def _printing(trial: Trial) -> str:
    takes = trial.takes("market", trial.ord_types)
    return _offered(trial) or ("" if takes else "it takes no market orders")


def _resting(trial: Trial) -> str:
    takes = trial.takes("limit", trial.ord_types)
    return _offered(trial) or ("" if takes else "it takes no limit orders")


REQUIREMENTS = (
    Requirement("a book is told whole, then every change by its number", _book, _resting),
    Requirement("the top of a book is its best price, under the book's number", _top, _offered),
    Requirement("every trade is printed once, numbered, and tells nobody's name", _tape, _printing),
    Requirement("market data of what the venue does not have is refused", _unknown, _offered),
)
