"""Exact decimal arithmetic: strict reading, rounding by a written rule, exhaustive splitting.

Every floor that touches money or quantity calls this room. It never uses a float and never
depends on the ambient decimal context: sums are made with integers and rounded once, at the end.
Every rounding here is half-up (a tie goes away from zero), the rule of confirmations and invoices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

_PLAIN_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_AVERAGE_PLACES = 10


class NotADecimal(ValueError):
    """The text is not a plain decimal number, or it has more digits than we keep."""


def parse_decimal(text: str, *, max_digits: int = 20, max_places: int = 8) -> Decimal:
    """Read `text` as an exact Decimal; raise NotADecimal for anything but plain ASCII digits.

    Accepted: `-?(0|[1-9]digits)(.digits)?`, at most `max_places` digits after the point and
    `max_digits - max_places` before it, which is what a `numeric(max_digits, max_places)` column
    holds without rounding. Refused: exponents, NaN, infinities, underscores, other scripts'
    digits, a leading plus, leading zeros, negative zero, surrounding whitespace.
    """
    if len(text) > max_digits + 2:
        raise NotADecimal("not a plain decimal number of the allowed length")
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        raise NotADecimal("not a plain decimal number")
    whole, places = match[1], match[2] or ""
    if len(places) > max_places:
        raise NotADecimal(f"more than {max_places} decimal places")
    if len(whole) > max(max_digits - max_places, 1):
        raise NotADecimal(f"more than {max_digits - max_places} digits before the point")
    value = Decimal(text)
    if text.startswith("-") and value == 0:
        raise NotADecimal("negative zero")
    return value


def round_fraction(value: Fraction, *, places: int) -> Decimal:
    """`value` at exactly `places` decimal places, half-up (ties away from zero)."""
    return round_ratio(value.numerator, value.denominator, places=places)


def round_ratio(numerator: int, denominator: int, *, places: int) -> Decimal:
    """`numerator / denominator` at `places` decimal places, half-up; the denominator is positive.

    For the money of every fill: a Fraction looks for common divisors that nobody needs.
    """
    units = (2 * abs(numerator) * 10**places + denominator) // (2 * denominator)
    return _decimal(-units if numerator < 0 else units, -places)


def round_places(value: Decimal, *, places: int) -> Decimal:
    """`value` at `places` decimal places, half-up; raises ValueError when it is not a number."""
    if not value.is_finite():
        raise ValueError("not a finite number")
    numerator, denominator = value.as_integer_ratio()
    return round_ratio(numerator, denominator, places=places)


def round_cents(amount: Decimal) -> Decimal:
    """`amount` of money at two places, half-up; raises ValueError when it is not a number."""
    return round_places(amount, places=2)


def largest_remainder(
    total: Decimal, weights: Sequence[Decimal] | Sequence[int], *, quantum: Decimal
) -> list[Decimal]:
    """Split `total` in proportion to `weights`, in multiples of `quantum`, losing nothing.

    Each part first gets its share rounded down; the quanta left over go one each to the largest
    remainders, a tie to the larger weight, then to the earlier in the list. The parts always add
    up to `total`, and no part is a whole quantum away from its exact share. A negative total is
    the mirror image of the positive one. Raises ValueError when the total is not a multiple of
    the quantum, a weight is negative, or all weights are zero.
    """
    unit = _fraction(quantum)
    if unit <= 0:
        raise ValueError("the quantum must be positive")
    units = abs(_fraction(total)) / unit
    if units.denominator != 1:
        raise ValueError("the total is not a multiple of the quantum")
    shares = _split_units(units.numerator, _as_integers(weights))
    step, exponent = _as_ratio(quantum)
    sign = -1 if total < 0 else 1
    return [_decimal(sign * share * step, exponent) for share in shares]


def weighted_average(pairs: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Average of (weight, value) pairs, exact, then rounded once to 10 places, half-up.

    None when the weights add up to zero (no fills: AvgPx has no meaning). Raises ValueError for
    a negative weight.
    """
    weight_sum = Fraction(0)
    value_sum = Fraction(0)
    for weight, value in pairs:
        exact = _fraction(weight)
        if exact < 0:
            raise ValueError("a weight is negative")
        weight_sum += exact
        value_sum += exact * _fraction(value)
    if weight_sum == 0:
        return None
    return round_fraction(value_sum / weight_sum, places=_AVERAGE_PLACES)


def plain(value: Decimal) -> str:
    """`value` as people write it: no exponent, no trailing zeros, no negative zero."""
    if not value.is_finite():
        raise ValueError("not a finite number")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if value == 0 else text


def _split_units(units: int, weights: list[int]) -> list[int]:
    whole = sum(weights)
    if whole == 0:
        raise ValueError("the weights add up to zero")
    shares = [units * weight // whole for weight in weights]
    remainders = [units * weight % whole for weight in weights]
    ranking = sorted(range(len(weights)), key=lambda i: (-remainders[i], -weights[i], i))
    for index in ranking[: units - sum(shares)]:
        shares[index] += 1
    return shares


def _as_integers(weights: Sequence[Decimal] | Sequence[int]) -> list[int]:
    """The weights on one common integer scale, so that proportions stay exact and fast."""
    whole = [weight for weight in weights if isinstance(weight, int)]
    if len(whole) == len(weights):
        if min(whole, default=0) < 0:
            raise ValueError("a weight is negative")
        return whole
    ratios = [_as_ratio(Decimal(weight)) for weight in weights]
    if any(digits < 0 for digits, _ in ratios):
        raise ValueError("a weight is negative")
    lowest = min((exponent for _, exponent in ratios), default=0)
    return [digits * 10 ** (exponent - lowest) for digits, exponent in ratios]


def _as_ratio(value: Decimal) -> tuple[int, int]:
    """`value` as (integer, exponent of ten), the exponent never positive."""
    if not value.is_finite():
        raise ValueError("not a finite number")
    exponent = min(int(value.as_tuple().exponent), 0)
    # Exact: the denominator divides that power of ten. Fractions take five times as long.
    numerator, denominator = value.as_integer_ratio()
    return numerator * 10**-exponent // denominator, exponent


def _fraction(value: Decimal) -> Fraction:
    if not value.is_finite():
        raise ValueError("not a finite number")
    return Fraction(value)


def _decimal(digits: int, exponent: int) -> Decimal:
    # The constructor is exact; arithmetic on Decimals would round to the context's 28 digits.
    return Decimal(f"{digits}E{exponent}")
