"""Holdings at any past moment, from the ledger alone: one index seek per position and currency.

Every movement keeps the balances it left behind, so nothing is added up, however long the past is.
What was learned later (a bust, a late fill) shows from the moment it was learned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import costing
from allocations.holdings.books import as_move
from allocations.holdings.costing import Lot, State
from allocations.models import LotChoice, Movement
from venues.calendar import new_york_date

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Held:
    """One position as it stood. `cost` is that of its open lots, `realized` since the beginning."""

    account_id: str
    instrument_id: int
    qty: Decimal
    cost: Decimal
    realized: Decimal
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Money:
    """One cash balance as it stood: agreed, and what of it had changed hands."""

    account_id: str
    currency: str
    traded: Decimal
    settled: Decimal
    moved_at: datetime


_POSITIONS = """
SELECT p.account_id, p.instrument_id, m.qty_after, m.cost_after, m.realized_after, m.at
FROM allocations_position p CROSS JOIN LATERAL (
    SELECT qty_after, cost_after, realized_after, at FROM allocations_movement m
    WHERE m.account_id = p.account_id AND m.instrument_id = p.instrument_id AND m.at <= %s
        AND m.instrument_id IS NOT NULL
    ORDER BY m.at DESC, m.sequence DESC LIMIT 1) m
WHERE p.account_id = ANY(%s) AND (%s::bigint IS NULL OR p.instrument_id = %s)
    AND (%s::text IS NULL OR (p.account_id, p.instrument_id) > (%s, %s))
    AND (NOT %s OR m.qty_after <> 0 OR m.realized_after <> 0)
ORDER BY p.account_id, p.instrument_id LIMIT %s
"""
_CASH = """
SELECT b.account_id, b.currency, m.cash_after, coalesce((
    SELECT sum(u.cash) FROM allocations_movement u
    WHERE u.account_id = b.account_id AND u.currency = b.currency
        AND u.settlement_date <= %s AND u.at <= %s
        AND (u.elsewhere
            OR u.kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal'))), 0)
    + coalesce((SELECT s.cash_after FROM allocations_settlementfact s
    WHERE s.account_id = b.account_id AND s.currency = b.currency AND s.at <= %s
    ORDER BY s.cash_sequence DESC LIMIT 1), 0), m.at
FROM allocations_cashbalance b CROSS JOIN LATERAL (
    SELECT cash_after, at FROM allocations_movement m
    WHERE m.account_id = b.account_id AND m.currency = b.currency AND m.at <= %s
        AND m.cash_sequence IS NOT NULL
    ORDER BY m.at DESC, m.cash_sequence DESC LIMIT 1) m
WHERE b.account_id = ANY(%s) ORDER BY b.account_id, b.currency
"""


def positions_at(
    account_ids: Collection[str],
    *,
    at: datetime,
    instrument_id: int | None = None,
    after: tuple[str, int] | None = None,
    most: int | None = None,
    moved_only: bool = False,
) -> list[Held]:
    """Every position these accounts had at a moment, flat ones that had moved included.

    In order of account and instrument: at most `most`, after the pair `after`; `moved_only` leaves
    out those that are flat and have earned nothing.
    """
    account, number = after or (None, None)
    asked = [at, sorted(set(account_ids)), instrument_id, instrument_id, account, account, number]
    return [Held(*row) for row in _ask(_POSITIONS, [*asked, moved_only, most])]


def cash_at(account_ids: Collection[str], *, at: datetime) -> list[Money]:
    """Every cash balance these accounts had at a moment; settled as custodians had said by then."""
    day = new_york_date(at)
    return [Money(*row) for row in _ask(_CASH, [day, at, at, at, sorted(set(account_ids))])]


def fold_of(account_id: str, instrument_id: int, *, at: datetime | None = None) -> State:
    """One position folded from its movements, up to a moment: its lots and every closing."""
    rows = Movement.objects.filter(account_id=account_id, instrument_id=instrument_id)
    chosen = LotChoice.objects.filter(
        movement__account_id=account_id, movement__instrument_id=instrument_id
    )
    if at is not None:
        rows, chosen = rows.filter(at__lte=at), chosen.filter(at__lte=at)
    picks = {
        one.movement_id: [(name, Decimal(qty)) for name, qty in one.lots]
        for one in chosen.order_by("id")
    }
    return costing.fold((as_move(row) for row in rows.order_by("sequence")), picks=picks)


def lots_at(account_id: str, instrument_ids: Iterable[int], *, at: datetime) -> list[Lot]:
    """The open lots of an account at a moment, by instrument and order of opening."""
    return [
        lot
        for instrument_id in sorted(instrument_ids)
        for lot in fold_of(account_id, instrument_id, at=at).lots.values()
        if lot.open_qty
    ]


def _ask(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
