"""Positions in the currency of their account: what they are worth, cost and earned there.

Cost is changed at the rate that held when each lot was opened, worth at the rate of now: what is
unrealized is the market's and the currency's together. Without a rate it is unknown, never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations import accounts
from allocations.holdings import fx
from allocations.holdings.fx import Rate
from allocations.holdings.past import Held
from allocations.holdings.worth import in_currency
from allocations.models import Movement, TaxLot
from venues import instruments

ZERO = Decimal("0.00")
_Key = tuple[str, int]


def columns(
    organization_id: str,
    held: Sequence[Held],
    values: Mapping[_Key, Decimal | None],
    *,
    at: datetime,
) -> dict[_Key, dict[str, Any]]:
    """What each position is in its account's currency; `values` are worths in its own."""
    currencies = {one.account_id: _currency_of(organization_id, one.account_id) for one in held}
    foreign = [one for one in held if _is_foreign(one, currencies[one.account_id])]
    costs = _costs(organization_id, foreign, currencies)
    rates: dict[tuple[str, str], Rate | None] = {}
    found: dict[_Key, dict[str, Any]] = {}
    for one in held:
        key, base = (one.account_id, one.instrument_id), currencies[one.account_id]
        pair = (instruments.by_id(one.instrument_id).currency, base)
        if pair not in rates:
            known = base and fx.rate(*pair, organization_id=organization_id, at=at)
            rates[pair] = known or None
        cost = costs.get(key) if one in foreign else one.cost
        found[key] = _told(base, rates[pair], values.get(key), cost, at)
    return found


def _told(
    base: str, rate: Rate | None, worth: Decimal | None, cost: Decimal | None, at: datetime
) -> dict[str, Any]:
    value = None if rate is None or worth is None else in_currency(worth, rate)
    return {
        "base_currency": base or None,
        "fx_rate": rate.rate if rate else None,
        "fx_source": rate.source or None if rate else None,
        "fx_at": rate.at if rate else None,
        "fx_age_seconds": rate.age_seconds(at) if rate else None,
        "base_market_value": value,
        "base_cost": cost,
        "base_unrealized": None if value is None or cost is None else value - cost,
    }


def _currency_of(organization_id: str, account_id: str) -> str:
    facts = accounts.find_account(organization_id, account_id)
    return facts.currency if facts else ""


def _is_foreign(one: Held, base: str) -> bool:
    return bool(base) and instruments.by_id(one.instrument_id).currency != base


def _costs(
    organization_id: str, foreign: Sequence[Held], currencies: Mapping[str, str]
) -> dict[_Key, Decimal | None]:
    """Open lots at the rates of the moments when they were opened."""
    if not foreign:
        return {}
    rows = TaxLot.objects.filter(
        position__account_id__in={one.account_id for one in foreign},
        position__instrument_id__in={one.instrument_id for one in foreign},
    ).exclude(open_qty=0)
    lots = list(rows.select_related("position").order_by("id"))
    opened = dict(
        Movement.objects.filter(id__in=[lot.movement_id for lot in lots]).values_list("id", "at")
    )
    parts: dict[_Key, list[Decimal | None]] = defaultdict(list)
    rates: dict[tuple[str, str, datetime], Rate | None] = {}
    for lot in lots:
        key = (lot.position.account_id, lot.position.instrument_id)
        when = opened[lot.movement_id]
        asked = (instruments.by_id(key[1]).currency, currencies.get(key[0], ""), when)
        if asked not in rates:
            rates[asked] = fx.rate(asked[0], asked[1], organization_id=organization_id, at=when)
        rate = rates[asked]
        parts[key].append(None if rate is None else in_currency(lot.open_cost, rate))
    return {
        (one.account_id, one.instrument_id): _sum(parts[one.account_id, one.instrument_id])
        for one in foreign
    }


def _sum(parts: Sequence[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, ZERO) if len(known) == len(parts) else None
