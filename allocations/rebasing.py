"""A block's basis when its order's quantity changes: scaled exactly, or refused as ambiguous.

Called where an order's revision comes into force. Who takes part, and by which strategy, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from allocations.basis import Rows
from oms_site.journal.rows import LedgerRow

SMALLEST = Decimal("0.000001")


def scaled(
    requested: Sequence[Decimal], *, to: Decimal, increment: Decimal
) -> list[Decimal] | None:
    """Every part times the same factor; None where that leaves a part off the increment."""
    whole = sum(map(Fraction, requested), Fraction(0))
    parts = []
    for part in requested:
        units = Fraction(part) * Fraction(to) / whole / Fraction(increment)
        if units <= 0 or units.denominator != 1:
            return None
        parts.append(units.numerator * increment)
    return parts


def apportioned(requested: Sequence[Decimal], *, to: Decimal, increment: Decimal) -> list[Decimal]:
    """Parts in proportion that sum up to `to`: a quantity that only the venue decided.

    The largest remainders get one unit more, the earlier part first where they are equal. The unit
    is the increment, or the smallest there is where that would leave a part with nothing.
    """
    for unit in (increment, SMALLEST):
        if to % unit:
            continue
        parts = _largest_remainder(requested, int(to / unit))
        if all(parts):
            return [part * unit for part in parts]
    raise ValueError(f"{to} cannot be split over {len(requested)} accounts")


def _largest_remainder(requested: Sequence[Decimal], units: int) -> list[int]:
    whole = sum(map(Fraction, requested), Fraction(0))
    shares = [divmod(Fraction(part) * units / whole, 1) for part in requested]
    parts = [int(quotient) for quotient, _ in shares]
    by_rest = sorted(range(len(parts)), key=lambda n: (-shares[n][1], n))
    for n in by_rest[: units - sum(parts)]:
        parts[n] += 1
    return parts


def rebase(rows: Rows, parts: Sequence[Decimal]) -> list[LedgerRow]:
    """Give every account its new part, in their order; the rows that changed, for the event."""
    changed: list[LedgerRow] = []
    whole = sum(parts, Decimal(0))
    if rows.allocation.requested_qty != whole:
        rows.allocation.requested_qty = whole
        changed.append(rows.allocation)
    for account, part in zip(rows.accounts, parts, strict=True):
        if account.requested_qty != part:
            account.requested_qty = part
            changed.append(account)
    return changed
