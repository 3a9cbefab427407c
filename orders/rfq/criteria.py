"""AutoEx: when a quote is hit without a person, and what happens when none may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

FALLBACKS = ("stage", "sor", "cancel")
_BPS = Decimal(10_000)


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """Execution and exit criteria.

    `best_n`: how many quotes may be tried, one after another. `max_spread_to_reference_bps`: how
    much worse than the reference price a quote may be. `max_duration_s`: seconds until exit.
    """

    min_quotes: int = 1
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
    """A quote that can be hit now."""

    id: str
    price: Decimal
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Scene:
    """What the criteria look at; prices are None where there are none. `book`: the book's best."""

    side: str
    qty: Decimal
    limit: Decimal | None
    reference: Decimal | None
    book: Decimal | None
    hits: int
    ready_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The quote to hit, or why none. `over`: waiting will not help."""

    quote_id: str
    why: str
    over: bool = False


def choose(criteria: Criteria, scene: Scene, ranked: Sequence[Offer]) -> Verdict:
    """Judge the quotes, best first. A criterion that lacks its data is not met."""
    if scene.hits >= criteria.best_n:
        return Verdict("", f"{scene.hits} quotes were tried", over=True)
    if scene.at < scene.ready_at:
        return Verdict("", "it is too early")
    if len(ranked) < criteria.min_quotes:
        return Verdict("", f"{len(ranked)} of at least {criteria.min_quotes} quotes")
    fitting = [offer for offer in ranked if offer.qty >= scene.qty]
    if not fitting:
        return Verdict("", "no quote for all of it")
    best = fitting[0]
    why = _fault(criteria, scene, best.price)
    return Verdict("", why) if why else Verdict(best.id, "best quote")


def _fault(criteria: Criteria, scene: Scene, price: Decimal) -> str:
    sign = 1 if scene.side == "buy" else -1
    if scene.limit is not None and sign * (price - scene.limit) > 0:
        return "the best quote is worse than the limit"
    bound = criteria.max_spread_to_reference_bps
    if bound is not None and scene.reference is None:
        return "there is no reference price"
    if bound is not None and scene.reference is not None:
        worse = sign * (price - scene.reference) / scene.reference * _BPS
        if worse > bound:
            return f"the best quote is {worse:.2f} bps off the reference price"
    if not criteria.skip_lob_quotes and scene.book is not None and sign * (price - scene.book) > 0:
        return "the order book is better than the best quote"
    return ""
