"""What routing knows of venues, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from venues.capabilities import Capabilities

ZERO, ONE = Decimal(0), Decimal(1)
# What a price counts worse by, in price points: for each millisecond on the way, in which it may
# go, and for the whole of the chance that it is gone already.
PER_MILLISECOND = Decimal("0.00001")
PER_MISS = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """What routing needs to know of a venue. Fees are price points per unit; a rebate is < 0."""

    id: str
    name: str
    mpid: str
    status: str
    asset_classes: frozenset[str]
    ord_types: frozenset[str]
    preference: int
    taker_fee: Decimal = ZERO
    maker_fee: Decimal = ZERO
    fill_probability: Decimal = ONE
    latency_ms: int = 0
    replaces: bool = True
    is_dark: bool = False
    internal: bool = False  # our own orders among themselves: nothing is ever routed there
    desk: bool = False  # a custodian's: named through its custodian, never chosen
    dark_min_size: Decimal = ZERO
    capabilities: Capabilities | None = None
    why_not: str = ""  # what speaks against it, found by who knows more

    @property
    def risk(self) -> Decimal:
        """Price points by which anything at this venue counts worse: its way, its misses."""
        return self.latency_ms * PER_MILLISECOND + (ONE - self.fill_probability) * PER_MISS


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an execution order for one venue; `take` of it should trade at once."""

    venue_id: str
    qty: Decimal
    take: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Score:
    """What one venue had to offer and what it got; `why_not` speaks against it.

    `net_px` is its best price after the fee, `scored_px` after its risk too; `depth` is what stands
    within the limit.
    """

    venue_id: str
    why_not: str = ""
    book: str = "none"
    best_px: Decimal | None = None
    net_px: Decimal | None = None
    scored_px: Decimal | None = None
    depth: Decimal = ZERO
    take: Decimal = ZERO
    rest: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Decision:
    """The slices chosen and why; without slices, why there are none."""

    slices: tuple[Slice, ...]
    reason: str
    scores: tuple[Score, ...] = ()
