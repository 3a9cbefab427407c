"""AutoEx: when a quote is hit without a person, and what happens when none may be. Pure.

Every look is told in words, one sentence per criterion, whether anything is hit or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

FALLBACKS = ("stage", "sor", "cancel")
_BPS = Decimal(10_000)


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """Execution and exit criteria.

    `min_quotes`: quotes that can be hit when the first one is; `min_dealers`: dealers that have
    answered, passes too. `best_n`: how many quotes may be tried, one after another.
    `max_spread_to_reference_bps`: how much worse than the reference price a quote may be.
    `max_duration_s`: seconds until exit.
    """

    min_quotes: int = 1
    min_dealers: int = 0
    max_spread_to_reference_bps: Decimal | None = None
    min_wait_s: int = 0
    best_n: int = 3
    max_duration_s: int = 120
    fallback: str = "stage"
    skip_lob_quotes: bool = False

    def stored(self) -> dict[str, Any]:
        """As JSON for the ledger: decimals as text."""
        values = msgspec.structs.asdict(self)
        spread = self.max_spread_to_reference_bps
        return {**values, "max_spread_to_reference_bps": None if spread is None else str(spread)}


def read(stored: Mapping[str, Any]) -> Criteria:
    """The criteria that `stored` made."""
    spread = stored.get("max_spread_to_reference_bps")
    values = {**stored, "max_spread_to_reference_bps": None if spread is None else Decimal(spread)}
    return Criteria(**values)


@dataclass(frozen=True, slots=True)
class Offer:
    """A quote that can be hit now; `seen` is its price with the client's markups."""

    id: str
    price: Decimal
    qty: Decimal
    seen: Decimal | None = None
    dealer: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the criteria look at; prices are None where there are none. `book`: the book's best.

    `answered` of `dealers` have answered, by a quote or a pass.
    """

    side: str
    qty: Decimal
    limit: Decimal | None
    reference: Decimal | None
    book: Decimal | None
    hits: int
    ready_at: datetime
    at: datetime
    answered: int = 0
    dealers: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The quote to hit, or why none. `over`: waiting will not help. `words`: all looked at."""

    quote_id: str
    why: str
    over: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Finding:
    """One criterion: what was seen, and the fault where it is not met."""

    words: str
    fault: str = ""


def choose(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> Verdict:
    """Judge the quotes, best first. A criterion that lacks its data is not met."""
    found = [look(criteria, scene, ranked) for look in _FIRST]
    fault = next((one.fault for one in found if one.fault), "")
    fitting = [offer for offer in ranked if offer.qty >= scene.qty]
    if not fault and not fitting:
        found.append(_Finding("No quote is for all of it: not met.", "no quote for all of it"))
        fault = found[-1].fault
    if fitting:
        found += _of_best(criteria, scene, fitting[0])
        fault = fault or next((one.fault for one in found if one.fault), "")
    words = tuple(one.words for one in found)
    if fault:
        return Verdict("", fault, over=scene.hits >= criteria.best_n, words=words)
    return Verdict(fitting[0].id, "best quote", words=words)


def _tries(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> _Finding:
    said = f"{scene.hits} of at most {criteria.best_n} quotes were tried"
    over = scene.hits >= criteria.best_n
    return _Finding(_met(said, not over), f"{scene.hits} quotes were tried" if over else "")


def _time(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> _Finding:
    early = scene.at < scene.ready_at
    said = f"Nothing is hit before {scene.ready_at:%H:%M:%S} UTC"
    return _Finding(_met(said, not early), "it is too early" if early else "")


def _answers(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> _Finding:
    said = f"{scene.answered} of {scene.dealers} dealers have answered"
    few = scene.answered < criteria.min_dealers
    said += f", at least {criteria.min_dealers} are asked for" if criteria.min_dealers else ""
    fault = f"{scene.answered} of at least {criteria.min_dealers} dealers have answered"
    return _Finding(_met(said, not few), fault if few else "")


def _quotes(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> _Finding:
    if scene.hits:
        # Enough were there when the first was hit: whoever refused it does not undo that.
        return _Finding(
            _met(f"Enough quotes were there at the first try, {len(ranked)} can be hit now", True)
        )
    few = len(ranked) < criteria.min_quotes
    said = f"{len(ranked)} quotes can be hit, at least {criteria.min_quotes} are asked for"
    fault = f"{len(ranked)} of at least {criteria.min_quotes} quotes"
    return _Finding(_met(said, not few), fault if few else "")


_Look = Callable[[Criteria, Scene, Sequence[Offer]], _Finding]
_FIRST: tuple[_Look, ...] = (_tries, _time, _answers, _quotes)


def _of_best(criteria: Criteria, scene: Scene, best: Offer) -> list[_Finding]:
    sign = 1 if scene.side == "buy" else -1
    seen = best.price if best.seen is None else best.seen
    who = f"Best quote for all of it: {best.dealer or best.id} at {_plain(seen)}."
    return [
        _Finding(who),
        _limit(scene, seen, sign),
        _benchmark(criteria, scene, best.price, sign),
        _book(criteria, scene, best.price, sign),
    ]


def _limit(scene: Scene, seen: Decimal, sign: int) -> _Finding:
    if scene.limit is None:
        return _Finding("There is no limit.")
    worse = sign * (seen - scene.limit) > 0
    fault = "the best quote is worse than the limit" if worse else ""
    return _Finding(_met(f"The limit is {_plain(scene.limit)}", not worse), fault)


def _benchmark(criteria: Criteria, scene: Scene, price: Decimal, sign: int) -> _Finding:
    bound = criteria.max_spread_to_reference_bps
    if bound is None:
        return _Finding("No tolerance to the reference price is asked for.")
    if scene.reference is None:
        fault = "there is no reference price"
        return _Finding(_met("There is no reference price to compare with", False), fault)
    worse = sign * (price - scene.reference) / scene.reference * _BPS
    said = (
        f"It is {worse:.2f} bps worse than the reference price {_plain(scene.reference)},"
        f" at most {_plain(bound)} are allowed"
    )
    far = f"the best quote is {worse:.2f} bps off the reference price" if worse > bound else ""
    return _Finding(_met(said, not far), far)


def _book(criteria: Criteria, scene: Scene, price: Decimal, sign: int) -> _Finding:
    if criteria.skip_lob_quotes:
        return _Finding("Quotes of the order books were left out (skip_lob_quotes).")
    if scene.book is None:
        return _Finding("The order books have no price.")
    better = sign * (price - scene.book) > 0
    fault = "the order book is better than the best quote" if better else ""
    return _Finding(_met(f"The order books' best is {_plain(scene.book)}", not better), fault)


def _met(said: str, met: bool) -> str:
    return f"{said}: {'met' if met else 'not met'}."


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
