"""Holdings as they are now, for whole batches of accounts: one query per table, never per account.

Called by controls, by the API and by the screens. Reads only; locks nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import reservations
from allocations.models import Position
from oms_site.kit import clock
from venues.calendar import new_york_date

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Cash:
    """An account's money in one currency.

    `traded` is everything agreed. `settled` is what has changed hands by now: of trades what their
    custodians say; of the rest, and of trades booked elsewhere, what its day has come for.
    `reserved` is what open buys would still take. `available` is the settled money less what is
    reserved and what is owed: what leaves on a later day beyond what comes on that day, and what
    should have left already. Other proceeds to come do not count.
    """

    traded: Decimal = ZERO
    settled: Decimal = ZERO
    reserved: Decimal = ZERO
    available: Decimal = ZERO


def positions(account_ids: Collection[str]) -> dict[tuple[str, int], Decimal]:
    """The signed quantity of every position that is not flat, by (account, instrument)."""
    rows = Position.objects.filter(account_id__in=list(account_ids)).exclude(qty=0)
    found = rows.values_list("account_id", "instrument_id", "qty")
    return {(account_id, instrument_id): qty for account_id, instrument_id, qty in found}


# What no custodian of ours will speak of settles on its day: all but trades, and of those what was
# booked elsewhere.
_NO_TRADE = "(elsewhere OR kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal'))"
_CASH = f"""
SELECT b.account_id, b.currency, b.amount, coalesce(f.cash_after, 0) + coalesce(m.cash, 0),
    coalesce(u.net, 0), coalesce(u.owed, 0)
FROM allocations_cashbalance b LEFT JOIN (
    SELECT d.account_id, d.currency, sum(d.net) net, sum(least(d.net, 0)) owed FROM (
        SELECT account_id, currency, sum(cash) net FROM allocations_movement
        WHERE account_id = ANY(%(asked)s) AND settlement_date > %(today)s
        GROUP BY account_id, currency, settlement_date) d
    GROUP BY d.account_id, d.currency) u ON u.account_id = b.account_id AND u.currency = b.currency
LEFT JOIN (
    SELECT account_id, currency, sum(cash) cash FROM allocations_movement
    WHERE account_id = ANY(%(asked)s) AND settlement_date <= %(today)s AND {_NO_TRADE}
    GROUP BY account_id, currency) m ON m.account_id = b.account_id AND m.currency = b.currency
LEFT JOIN LATERAL (
    SELECT s.cash_after FROM allocations_settlementfact s
    WHERE s.account_id = b.account_id AND s.currency = b.currency
    ORDER BY s.cash_sequence DESC LIMIT 1) f ON true
WHERE b.account_id = ANY(%(asked)s)
"""
_SECURITIES = f"""
SELECT p.account_id, p.instrument_id, coalesce(f.qty_after, 0) + coalesce(m.qty, 0)
FROM allocations_position p LEFT JOIN (
    SELECT account_id, instrument_id, sum(qty) qty FROM allocations_movement
    WHERE account_id = ANY(%(asked)s) AND settlement_date <= %(today)s AND {_NO_TRADE}
    GROUP BY account_id, instrument_id) m
    ON m.account_id = p.account_id AND m.instrument_id = p.instrument_id
LEFT JOIN LATERAL (
    SELECT s.qty_after FROM allocations_settlementfact s
    WHERE s.account_id = p.account_id AND s.instrument_id = p.instrument_id
    ORDER BY s.sequence DESC LIMIT 1) f ON true
WHERE p.account_id = ANY(%(asked)s)
"""


def settled_positions(
    account_ids: Collection[str], *, on: date | None = None
) -> dict[tuple[str, int], Decimal]:
    """The quantity of every position that has changed hands, by (account, instrument)."""
    asked: dict[str, Any] = {
        "asked": sorted(set(account_ids)),
        "today": on or new_york_date(clock.now()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SECURITIES, asked)
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def cash(account_ids: Collection[str], *, on: date | None = None) -> dict[tuple[str, str], Cash]:
    """Every cash balance of these accounts, by (account, currency); settled as of `on`, or today.

    An account that never had cash and reserves none is absent.
    """
    asked = sorted(set(account_ids))
    today = on or new_york_date(clock.now())
    with connection.cursor() as cursor:
        cursor.execute(_CASH, {"asked": asked, "today": today})
        rows = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    taken = reservations.reserved(asked).cash
    found: dict[tuple[str, str], Cash] = {}
    for key in rows.keys() | taken.keys():
        traded, settled, to_come, owed = rows.get(key, (ZERO, ZERO, ZERO, ZERO))
        waiting = taken.get(key, ZERO)
        # Due by today and not settled: it failed, or its day is not over.
        overdue = min(traded - settled - to_come, ZERO)
        found[key] = Cash(traded, settled, waiting, settled + owed + overdue - waiting)
    return found
