"""Comparing two sides of a trade, field by field, with tolerances. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

FIELDS = (
    *("account", "cusip", "side", "qty", "price", "principal", "accrued_interest", "net_money"),
    *("trade_date", "settlement_date"),
)


def differences(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], *, tolerances: Mapping[str, Decimal]
) -> list[dict[str, str]]:
    """Every field that is further apart than its tolerance; what has none must be the same.

    Both sides name `FIELDS`; numbers are Decimals. What is exactly as far apart as its tolerance
    matches.
    """
    found = []
    for name in FIELDS:
        mine, other = ours[name], theirs[name]
        allowed = tolerances.get(name)
        same = mine == other if allowed is None else abs(mine - other) <= allowed
        if not same:
            found.append(
                {
                    "field": name,
                    "ours": _text(mine),
                    "theirs": _text(other),
                    "tolerance": "" if allowed is None else _text(allowed),
                }
            )
    return found


def texts(side: Mapping[str, Any]) -> dict[str, str]:
    """One side as texts, for keeping and for screens."""
    return {name: _text(side[name]) for name in FIELDS}


def _text(value: Any) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    if "." not in text:
        return text
    text = text.rstrip("0").rstrip(".")
    whole, _, places = text.partition(".")
    return f"{whole}.{places:0<2}" if places else whole
