"""Holdings as clients see them: one page of positions, balances, lots or transactions at a time.

Everything is scoped to an organization: an account of another one has no rows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations import accounts
from allocations.holdings import past, reading, reservations, valuation
from allocations.holdings.past import Held
from allocations.holdings.suspense import is_suspense, suspense
from allocations.models import Movement, Position, TaxLot
from venues import instruments

ZERO = Decimal("0.00")


def account_ids(organization_id: str, named: str = "") -> list[str]:
    """The ids that a filter names: one account by id or code, `suspense`, or all of them."""
    house = suspense(organization_id)
    if named in ("suspense", house):
        return [house]
    if named:
        found = accounts.find_account(organization_id, named)
        return [found.id] if found else []
    return [*(facts.id for facts in accounts.accounts_of(organization_id)), house]


def code_of(organization_id: str, account_id: str) -> str:
    """What people call an account."""
    if is_suspense(account_id):
        return "SUSPENSE"
    facts = accounts.find_account(organization_id, account_id)
    return facts.code if facts else account_id


def positions(
    organization_id: str,
    asked: Sequence[str],
    *,
    at: datetime,
    as_of: datetime | None = None,
    instrument_id: int | None = None,
) -> list[dict[str, Any]]:
    """Positions now with their worth, or as they stood at `as_of` with their cost."""
    held = past.positions_at(asked, at=as_of) if as_of else _now(asked)
    taken = {} if as_of else reservations.reserved(asked).securities
    return [
        _position(organization_id, one, at, taken.get((one.account_id, one.instrument_id), ZERO))
        if as_of is None
        else _position(organization_id, one, None, ZERO)
        for one in held
        if instrument_id in (None, one.instrument_id) and (one.qty or one.realized)
    ]


def _now(asked: Sequence[str]) -> list[Held]:
    rows = Position.objects.filter(account_id__in=asked).order_by("account_id", "instrument_id")
    return [
        Held(r.account_id, r.instrument_id, r.qty, r.cost, r.realized, r.moved_at) for r in rows
    ]


def _position(
    organization_id: str, one: Held, at: datetime | None, taken: Decimal
) -> dict[str, Any]:
    facts = instruments.by_id(one.instrument_id)
    told: dict[str, Any] = {
        "account_id": one.account_id,
        "account_code": code_of(organization_id, one.account_id),
        "provisional": is_suspense(one.account_id),
        "cusip": facts.cusip,
        "isin": facts.isin,
        "description": facts.description,
        "currency": facts.currency,
        "amount_type": facts.amount_type,
        "amount": one.qty,
        "reserved": taken,
        "cost": one.cost,
        "average_price": valuation.average_price(one.instrument_id, qty=one.qty, cost=one.cost),
        "realized": one.realized,
        "moved_at": one.moved_at,
        "price": None,
        "price_at": None,
        "price_source": None,
        "price_age_seconds": None,
        "price_stale": True,
        "market_value": None,
        "accrued_interest": None,
        "unrealized": None,
    }
    if at is not None:
        worth = valuation.value(one.instrument_id, qty=one.qty, cost=one.cost, at=at)
        told |= {
            "price": worth.price,
            "price_at": worth.price_at,
            "price_source": worth.price_source or None,
            "price_age_seconds": worth.age_seconds,
            "price_stale": worth.is_stale,
            "market_value": worth.market_value,
            "accrued_interest": worth.accrued_interest,
            "unrealized": worth.unrealized,
        }
    return told


def balances(
    organization_id: str, asked: Sequence[str], *, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Cash now (traded, settled, reserved, available), or as it stood at `as_of`."""
    if as_of is not None:
        return [
            _balance(organization_id, m.account_id, m.currency, m.traded, m.settled, None, None)
            for m in past.cash_at(asked, at=as_of)
        ]
    found = sorted(reading.cash(asked).items())
    return [
        _balance(organization_id, key[0], key[1], c.traded, c.settled, c.reserved, c.available)
        for key, c in found
    ]


def _balance(
    organization_id: str,
    account_id: str,
    currency: str,
    traded: Decimal,
    settled: Decimal,
    reserved: Decimal | None,
    available: Decimal | None,
) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "account_code": code_of(organization_id, account_id),
        "currency": currency,
        "traded": traded,
        "settled": settled,
        "unsettled": traded - settled,
        "reserved": reserved,
        "available": available,
    }


def lots(
    organization_id: str,
    asked: Sequence[str],
    *,
    as_of: datetime | None = None,
    instrument_id: int | None = None,
) -> list[dict[str, Any]]:
    """Open lots, in order of account, instrument and opening."""
    if as_of is not None:
        return [
            _lot(organization_id, one.account_id, one.instrument_id, lot)
            for one in past.positions_at(asked, at=as_of)
            if instrument_id in (None, one.instrument_id) and not is_suspense(one.account_id)
            for lot in past.lots_at(one.account_id, [one.instrument_id], at=as_of)
        ]
    rows = TaxLot.objects.filter(position__account_id__in=asked).exclude(open_qty=0)
    if instrument_id is not None:
        rows = rows.filter(position__instrument_id=instrument_id)
    ordered = rows.select_related("position").order_by(
        "position__account_id", "position__instrument_id", "opened"
    )
    return [
        _lot(organization_id, row.position.account_id, row.position.instrument_id, row)
        for row in ordered
    ]


def _lot(organization_id: str, account_id: str, instrument_id: int, lot: Any) -> dict[str, Any]:
    facts = instruments.by_id(instrument_id)
    return {
        "lot_id": lot.id,
        "movement_id": lot.movement_id,
        "account_id": account_id,
        "account_code": code_of(organization_id, account_id),
        "cusip": facts.cusip,
        "acquired": lot.acquired,
        "price": lot.price,
        "amount": lot.qty,
        "cost": lot.cost,
        "open_amount": lot.open_qty,
        "open_cost": lot.open_cost,
    }


def movements(
    asked: Sequence[str], *, limit: int = 200, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The latest movements of these accounts, newest first."""
    known = Movement.objects.filter(account_id__in=asked)
    if as_of is not None:
        known = known.filter(at__lte=as_of)
    rows = known.order_by("-at", "-id")[:limit]
    return [
        {
            "movement_id": row.id,
            "kind": str(row.kind),
            "at": row.at,
            "source_id": row.source_id,
            "order_id": row.order_id,
            "name": instruments.by_id(row.instrument_id).cusip if row.instrument_id else "",
            "qty": row.qty,
            "price": row.price,
            "cash": row.cash,
            "currency": row.currency,
            "trade_date": row.trade_date,
            "settlement_date": row.settlement_date,
        }
        for row in rows
    ]


def totals(shown: Sequence[dict[str, Any]]) -> dict[str, dict[str, Decimal | None]]:
    """Profit by currency; unrealized is None where a price is missing: a part is no sum."""
    found: dict[str, dict[str, Decimal | None]] = {}
    for one in shown:
        line = found.setdefault(
            one["currency"],
            {"market_value": ZERO, "cost": ZERO, "realized": ZERO, "unrealized": ZERO},
        )
        for name, so_far in line.items():
            add = one[name]
            if one["amount"] or name == "realized":
                line[name] = None if so_far is None or add is None else so_far + add
    return found
