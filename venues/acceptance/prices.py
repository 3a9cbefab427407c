"""What a venue with market data must do: whole books and tapes, then changes by their numbers."""

from __future__ import annotations

from collections.abc import Callable
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


async def _ask(floor: Floor, about: About, security: str = "", *, kind: str = "1") -> str:
    name = security or floor.trial.plain
    asked = MarketDataRequest(kind=kind, securities=(name,), about=about)  # type: ignore[arg-type]  # a literal
    await floor.say(asked)
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
    await _ask(floor, "book")
    whole = await _first(floor, BookSnapshot)
    await _ask(floor, "top")
    # Who follows no books is told no number of theirs, as with a venue's first words.
    top = await _first(
        floor, Quote, lambda one: one.security_id == whole.security_id and one.rpt_seq is not None
    )
    best = max((e.px for e in whole.entries if e.entry_type == "0"), default=None)
    if top.bid_px != best:
        return f"the best bid of the book is {best}, of its top {top.bid_px}"
    return ""


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
        name = await _ask(floor, about, floor.trial.unknown)
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
