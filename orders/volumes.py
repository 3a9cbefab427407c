"""The day's accumulators: what has been entered and executed, by account, trader and instrument.

Added up from the orders themselves whenever somebody asks, by the same query that the window limits
use: it cannot differ from them, and a new trading day starts at nothing.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from controls.exposure import Entered
from controls.ticket import value
from oms_site.firm.models import User
from orders import exposure
from venues import instruments, market_data
from venues.calendar import new_york_date

ZERO = Decimal(0)


def of_today(organization_id: str, *, at: datetime) -> dict[str, Any]:
    """Counts and money of the day so far; an order that a control rejected does not count.

    `notional` is None where an order at market has no reference price.
    """
    rows = exposure.entered_today(organization_id, at=at)
    users = {str(user.pk): user.username for user in User.objects.filter(pk__in=_traders(rows))}
    return {
        "trade_date": new_york_date(at),
        "organization_id": organization_id,
        "total": _sum(rows, whole=True),
        "accounts": _grouped(rows, "account", "account_id"),
        "traders": _grouped(rows, "trader", "trader", names=users),
        "instruments": _grouped(
            rows,
            "instrument",
            "cusip",
            names={row.instrument: instruments.by_id(row.instrument).cusip for row in rows},
        ),
    }


def _traders(rows: list[Entered]) -> set[str]:
    return {row.trader for row in rows}


def _grouped(
    rows: list[Entered], by: str, named: str, *, names: dict[Any, str] | None = None
) -> list[dict[str, Any]]:
    groups: dict[Any, list[Entered]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, by)].append(row)
    made = [
        {named: (names or {}).get(key, key), **_sum(group, whole=by != "account")}
        for key, group in groups.items()
    ]
    return sorted(made, key=lambda one: str(one[named]))


def _sum(rows: list[Entered], *, whole: bool) -> dict[str, Any]:
    worth = [_worth(row) for row in rows]
    return {
        "orders": int(sum(row.whole if whole else row.count for row in rows)),
        "cancel_requests": int(sum(row.whole_cancels if whole else row.cancels for row in rows)),
        "notional": None if None in worth else sum((w for w in worth if w is not None), ZERO),
        "executed_notional": sum((_executed(row) for row in rows), ZERO),
    }


def _worth(row: Entered) -> Decimal | None:
    kind = instruments.by_id(row.instrument).asset_class
    money = value(row.limit_value, Decimal(1), kind)
    if not row.market_qty:
        return money
    price = market_data.reference(row.instrument)
    return None if price is None else money + value(row.market_qty, price.mid, kind)


def _executed(row: Entered) -> Decimal:
    return value(row.traded_value, Decimal(1), instruments.by_id(row.instrument).asset_class)
