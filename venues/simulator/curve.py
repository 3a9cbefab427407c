"""How the sandbox's prices wander: a Treasury curve that shifts and tilts, the same in every run.

Plain arithmetic of a step number. A bond follows by its duration, a share by itself; everything
stays near where it began, so that an order of yesterday is not absurd today.
"""

from __future__ import annotations

import math
import zlib
from datetime import date
from decimal import Decimal
from typing import Protocol

_FROM = date(2026, 11, 23)
_YIELD = 0.045
_SHARE_SWING = 0.004


class Term(Protocol):
    """What a price's way depends on."""

    @property
    def cusip(self) -> str: ...
    @property
    def reference_price(self) -> Decimal: ...
    @property
    def security_type(self) -> str: ...


def change(term: Term, step: int) -> Decimal:
    """How far a price is from where it began, in price points, at a step."""
    price = float(term.reference_price)
    if term.security_type == "equity":
        own = zlib.crc32(term.cusip.encode()) % 628 / 100
        return Decimal(str(round(price * _SHARE_SWING * (math.sin(step / 45 + own)), 4)))
    years = _years(getattr(term, "maturity_date", None))
    points = -_duration(years) * price * _shift(step, years) / 10_000
    return Decimal(str(round(points, 5)))


def _shift(step: int, years: float) -> float:
    """Basis points by which yields of a maturity have risen: level and slope, both bounded."""
    level = 3.0 * math.sin(step / 120) + 1.2 * math.sin(step / 17)
    slope = 2.0 * math.sin(step / 200) * (min(years, 30.0) / 30.0)
    return level + slope


def _duration(years: float) -> float:
    """Modified duration of a par bond of so many years."""
    return float((1 - (1 + _YIELD / 2) ** (-2 * years)) / _YIELD)


def _years(maturity: date | None) -> float:
    return max((maturity - _FROM).days / 365.25, 0.0) if maturity is not None else 5.0
