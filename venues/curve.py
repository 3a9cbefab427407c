"""An illustrative Treasury yield curve, from which the catalog prices Treasuries.

Not market data: a smooth closed form in constants, so that every machine computes the same
prices. Read by the catalog; nothing trades on it outside the sandbox.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

VALUATION_DATE = date(2026, 11, 23)
LONG_END_PERCENT = Decimal("4.72")
SLOPE_PERCENT = Decimal("0.575")
DECAY_YEARS = Decimal(10)

_DAYS_PER_YEAR = Decimal("365.25")
_STEP = Decimal("0.000001")
# A context of our own: the caller's precision must not change a price.
_context = Context(prec=28, rounding=ROUND_HALF_UP)


def yield_at(maturity_date: date) -> Decimal:
    """Par yield in percent (6 places) for a maturity: 4.20 at 1 year, 4.51 at 10, 4.69 at 30."""
    days = max((maturity_date - VALUATION_DATE).days, 0)
    years = _context.divide(Decimal(days), _DAYS_PER_YEAR)
    fading = _context.exp(_context.divide(_context.minus(years), DECAY_YEARS))
    exact = _context.subtract(LONG_END_PERCENT, _context.multiply(SLOPE_PERCENT, fading))
    return exact.quantize(_STEP, context=_context)
