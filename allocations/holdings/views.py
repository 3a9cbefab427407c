"""Holdings as clients see them: one page of positions, balances, lots or transactions at a time.

Everything is scoped to an organization: an account of another one has no rows here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from allocations import accounts
from allocations.holdings import (
    base_currency,
    past,
    prices,
    reading,
    reservations,
    valuation,
    washed,
)
from allocations.holdings.past import Held
from allocations.holdings.suspense import is_suspense, suspense
from allocations.models import Movement, Position, TaxLot
from venues import instruments, market_data
from venues.market_data import Price

ZERO = Decimal("0.00")
_AT_ONCE = 50  # positions folded at a time
_TOTALS = ("cost", "market_value", "accrued_interest", "unrealized", "realized")


def account_ids(organization_id: str, named: str = "", *, sleeves: bool = False) -> list[str]:
    """The ids that a filter names: one account by id or code, `suspense`, or all of them.

    With `sleeves` those of the account come after it, by code.
    """
    house = suspense(organization_id)
    if named in ("suspense", house):
        return [house]
    if named:
        found = accounts.find_account(organization_id, named)
        return [found.id, *(found.sleeves if sleeves else ())] if found else []
    return [*(facts.id for facts in accounts.accounts_of(organization_id)), house]


def code_of(organization_id: str, account_id: str) -> str:
    """What people call an account."""
    if is_suspense(account_id):
        return "SUSPENSE"
    facts = accounts.find_account(organization_id, account_id)
    return facts.code if facts else account_id


def sleeve_of(organization_id: str, account_id: str) -> str | None:
    """The account that an account is a part of; None for a whole one."""
    facts = accounts.find_account(organization_id, account_id)
    return (facts.sleeve_of or None) if facts else None


def positions(
    organization_id: str,
    asked: Sequence[str],
    *,
    at: datetime,
    as_of: datetime | None = None,
    instrument_id: int | None = None,
    after: tuple[str, int] | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Positions with their worth: now, or as they stood at `as_of` at the prices of then.

    In order of account and instrument: at most `most`, after the pair `after`.
    """
    page: dict[str, Any] = {"instrument_id": instrument_id, "after": after, "most": most}
    if as_of is not None:
        held = past.positions_at(asked, at=as_of, moved_only=True, **page)
        known = prices.known_at({one.instrument_id for one in held}, at=as_of)
        return [
            _position(organization_id, one, _worth(one, known.get(one.instrument_id), as_of), ZERO)
            for one in held
        ]
    held = _now(asked, **page)
    taken = reservations.reserved({one.account_id for one in held}).securities
    told = [
        _position(
            organization_id,
            one,
            _worth(one, market_data.reference(one.instrument_id), at),
            taken.get((one.account_id, one.instrument_id), ZERO),
        )
        for one in held
    ]
    keys = [(one.account_id, one.instrument_id) for one in held]
    hands = reading.settled_positions({one.account_id for one in held})
    for key, line in zip(keys, told, strict=True):
        line["settled"] = hands.get(key, ZERO)
    values = {key: line["market_value"] for key, line in zip(keys, told, strict=True)}
    base = base_currency.columns(organization_id, held, values, at=at)
    return [{**line, **base[key]} for key, line in zip(keys, told, strict=True)]


def _now(
    asked: Sequence[str],
    *,
    instrument_id: int | None,
    after: tuple[str, int] | None,
    most: int | None,
) -> list[Held]:
    rows = Position.objects.filter(account_id__in=asked).exclude(qty=0, realized=0)
    if instrument_id is not None:
        rows = rows.filter(instrument_id=instrument_id)
    if after is not None:
        account_id, number = after
        rows = rows.filter(
            Q(account_id__gt=account_id) | Q(account_id=account_id, instrument_id__gt=number)
        )
    return [
        Held(r.account_id, r.instrument_id, r.qty, r.cost, r.realized, r.moved_at)
        for r in rows.order_by("account_id", "instrument_id")[:most]
    ]


def _worth(one: Held, known: Price | None, at: datetime) -> valuation.Value:
    return valuation.at_price(known, one.instrument_id, qty=one.qty, cost=one.cost, at=at)


def _position(
    organization_id: str, one: Held, worth: valuation.Value, taken: Decimal
) -> dict[str, Any]:
    facts = instruments.by_id(one.instrument_id)
    return {
        "account_id": one.account_id,
        "instrument_id": one.instrument_id,
        "account_code": code_of(organization_id, one.account_id),
        "sleeve_of": sleeve_of(organization_id, one.account_id),
        "provisional": is_suspense(one.account_id),
        "cusip": facts.cusip,
        "isin": facts.isin,
        "description": facts.description,
        "currency": facts.currency,
        "amount_type": facts.amount_type,
        "amount": one.qty,
        "settled": None,
        "reserved": taken,
        "cost": one.cost,
        "average_price": valuation.average_price(one.instrument_id, qty=one.qty, cost=one.cost),
        "realized": one.realized,
        "moved_at": one.moved_at,
        "price": worth.price,
        "price_at": worth.price_at,
        "price_source": worth.price_source or None,
        "price_age_seconds": worth.age_seconds,
        "price_stale": worth.is_stale,
        "market_value": worth.market_value,
        "accrued_interest": worth.accrued_interest,
        "unrealized": worth.unrealized,
    }


def balances(
    organization_id: str,
    asked: Sequence[str],
    *,
    as_of: datetime | None = None,
    after: tuple[str, str] | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Cash now (traded, settled, reserved, available), or as it stood at `as_of`.

    In order of account and currency: at most `most`, after the pair `after`. Accounts are read a
    page at a time, never more than are needed.
    """
    wanted = sorted(one for one in asked if after is None or one >= after[0])
    step = len(wanted) if most is None else most
    found: list[dict[str, Any]] = []
    for n in range(0, len(wanted), step or 1):
        some = _balances(organization_id, wanted[n : n + step], as_of)
        found += [
            one for one in some if after is None or (one["account_id"], one["currency"]) > after
        ]
        if most is not None and len(found) >= most:
            return found[:most]
    return found


def _balances(
    organization_id: str, asked: Sequence[str], as_of: datetime | None
) -> list[dict[str, Any]]:
    if as_of is not None:
        return [
            _balance(organization_id, m.account_id, m.currency, m.traded, m.settled, None, None)
            for m in sorted(
                past.cash_at(asked, at=as_of), key=lambda one: (one.account_id, one.currency)
            )
        ]
    return [
        _balance(organization_id, key[0], key[1], c.traded, c.settled, c.reserved, c.available)
        for key, c in sorted(reading.cash(asked).items())
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
        "sleeve_of": sleeve_of(organization_id, account_id),
        "currency": currency,
        "traded": traded,
        "settled": settled,
        "unsettled": traded - settled,
        "reserved": reserved,
        "available": available,
    }


LotKey = tuple[str, int, int, str]


def lots(
    organization_id: str,
    asked: Sequence[str],
    *,
    as_of: datetime | None = None,
    instrument_id: int | None = None,
    after: LotKey | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Open lots, in order of account, instrument and opening: at most `most`, after that key."""
    if as_of is not None:
        found = list(islice(_lots_then(asked, as_of, instrument_id, after), most))
        return _told(organization_id, found, as_of)
    rows = TaxLot.objects.filter(position__account_id__in=asked).exclude(open_qty=0)
    if instrument_id is not None:
        rows = rows.filter(position__instrument_id=instrument_id)
    names = ("position__account_id", "position__instrument_id", "opened", "id")
    if after is not None:
        rows = rows.filter(_beyond(names, after))
    ordered = rows.select_related("position").order_by(*names)
    rows_now = [
        (row.position.account_id, row.position.instrument_id, row) for row in ordered[:most]
    ]
    return _told(organization_id, rows_now, None)


def _told(
    organization_id: str, lots: Sequence[tuple[str, int, Any]], as_of: datetime | None
) -> list[dict[str, Any]]:
    """Lots with what they wash out: `wash_sale` says that a loss around their day is washed."""
    marks = washed.of_lots(lots, as_of=as_of)
    return [
        {
            **_lot(organization_id, *one),
            "wash_sale": one[2].id in marks,
            "disallowed_loss": marks.get(one[2].id, ZERO),
        }
        for one in lots
    ]


def _beyond(names: Sequence[str], key: Sequence[Any]) -> Q:
    """Rows whose names come after a key, compared one after the other."""
    found = Q()
    for n, name in enumerate(names):
        same = dict(zip(names[:n], key[:n], strict=True))
        found |= Q(**same, **{f"{name}__gt": key[n]})
    return found


def _lots_then(
    asked: Sequence[str], as_of: datetime, instrument_id: int | None, after: LotKey | None
) -> Iterator[tuple[str, int, Any]]:
    """Open lots at a moment, position by position, folded only as far as somebody reads."""
    start = None if after is None else (after[0], after[1] - 1)
    while True:
        held = past.positions_at(
            asked, at=as_of, instrument_id=instrument_id, after=start, most=_AT_ONCE
        )
        for one in held:
            if is_suspense(one.account_id) or not one.qty:
                continue
            for lot in past.lots_at(one.account_id, [one.instrument_id], at=as_of):
                key = (one.account_id, one.instrument_id, lot.opened, lot.id)
                if after is None or key > after:
                    yield one.account_id, one.instrument_id, lot
        if len(held) < _AT_ONCE:
            return
        start = (held[-1].account_id, held[-1].instrument_id)


def _lot(organization_id: str, account_id: str, instrument_id: int, lot: Any) -> dict[str, Any]:
    facts = instruments.by_id(instrument_id)
    return {
        "lot_id": lot.id,
        "instrument_id": instrument_id,
        "opened": lot.opened,
        "movement_id": lot.movement_id,
        "account_id": account_id,
        "account_code": code_of(organization_id, account_id),
        "sleeve_of": sleeve_of(organization_id, account_id),
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
    rows = _moved(asked, as_of).order_by("-at", "-id")[:limit]
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
            "principal": row.principal,
            "accrued_interest": row.accrued_interest,
            "fees": row.fees,
            "cash": row.cash,
            "currency": row.currency,
            "trade_date": row.trade_date,
            "settlement_date": row.settlement_date,
        }
        for row in rows
    ]


def count_movements(asked: Sequence[str], *, as_of: datetime | None = None) -> int:
    """How many movements these accounts have had."""
    return _moved(asked, as_of).count()


def _moved(asked: Sequence[str], as_of: datetime | None) -> QuerySet[Movement]:
    known = Movement.objects.filter(account_id__in=asked)
    return known if as_of is None else known.filter(at__lte=as_of)


def totals(shown: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Worth and profit by currency; `left_out` names what is held and has no price.

    Market value and unrealized profit are of what has one; cost and realized are of everything.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in shown:
        line = found.setdefault(one["currency"], {**dict.fromkeys(_TOTALS, ZERO), "left_out": []})
        for name in _TOTALS:
            if one["amount"] or name == "realized":
                line[name] += one[name] or ZERO
        if one["amount"] and one["price"] is None and one["cusip"] not in line["left_out"]:
            line["left_out"].append(one["cusip"])
    return found
