"""Holdings as they are now, for whole batches of accounts: one query per table, never per account.

Called by controls, by the API and by the screens. Reads only; locks nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

from allocations.holdings import reservations
from allocations.models import Position
from oms_site.kit import clock
from venues.calendar import new_york_date

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Cash:
    """An account's money in one currency.

    `traded` is everything agreed, `settled` what has changed hands by now, `reserved` what open
    buys would still take. `available` is the settled money less what is reserved and what is owed:
    what leaves on a later day beyond what comes on that day. Other proceeds to come do not count.
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


_CASH = """
SELECT b.account_id, b.currency, b.amount, coalesce(u.net, 0), coalesce(u.owed, 0)
FROM allocations_cashbalance b LEFT JOIN (
    SELECT d.account_id, d.currency, sum(d.net) net, sum(least(d.net, 0)) owed FROM (
        SELECT account_id, currency, sum(cash) net FROM allocations_movement
        WHERE account_id = ANY(%s) AND settlement_date > %s
        GROUP BY account_id, currency, settlement_date) d
    GROUP BY d.account_id, d.currency) u ON u.account_id = b.account_id AND u.currency = b.currency
WHERE b.account_id = ANY(%s)
"""


def cash(account_ids: Collection[str], *, on: date | None = None) -> dict[tuple[str, str], Cash]:
    """Every cash balance of these accounts, by (account, currency); settled as of `on`, or today.

    An account that never had cash and reserves none is absent.
    """
    asked = sorted(set(account_ids))
    today = on or new_york_date(clock.now())
    with connection.cursor() as cursor:
        cursor.execute(_CASH, [asked, today, asked])
        rows = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    taken = reservations.reserved(asked).cash
    found: dict[tuple[str, str], Cash] = {}
    for key in rows.keys() | taken.keys():
        traded, unsettled, owed = rows.get(key, (ZERO, ZERO, ZERO))
        settled, waiting = traded - unsettled, taken.get(key, ZERO)
        found[key] = Cash(traded, settled, waiting, settled + owed - waiting)
    return found
