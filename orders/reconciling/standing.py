"""What accounts have at a custodian by our own books: securities and money, traded and settled.

Asked before and after the custodian is, so that what moved meanwhile can be told from what differs.
Reads only. Trades count as booked and settled there; whatever else moves counts by its own dates.
What was booked elsewhere is no custodian's to speak of, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.models import CustodianMessage
from allocations.states import LegStatus

OPEN = frozenset({LegStatus.QUEUED, LegStatus.SENT, LegStatus.FAILED})
NEVER = frozenset({LegStatus.CANCELED, LegStatus.REJECTED, LegStatus.ELSEWHERE})
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One account, with all its sleeves, in one security, or in one currency.

    `is_booking` says that a trade waits for the custodian's answer, `is_told` that something that
    is no trade does: the one makes the traded side uncertain, the other both.
    """

    organization_id: str
    traded: Decimal
    settled: Decimal
    is_booking: bool
    is_told: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """By `ACCOUNT/CUSIP` and `ACCOUNT/CURRENCY`. `heard`: what custodian's messages count here."""

    securities: Mapping[str, Line]
    money: Mapping[str, Line]
    heard: int


_TRADES = "('trade', 'bust', 'correction', 'allocation', 'reversal')"
# Legs as booked, what the custodian said has changed hands, and what moved without a trade.
_ASKED = f"""
SELECT w.code, %(about)s, x.organization_id, sum(x.traded), sum(x.settled),
    bool_or(x.booking), bool_or(x.told)
FROM (
    SELECT coalesce(l.booked_account_id, p.account_id) AS account_id, c.instrument_id,
        l.organization_id, i.currency,
        CASE WHEN l.status = ANY(%%(open)s) THEN 0
            WHEN (c.side = 'buy') = (l.reverses_id IS NULL) THEN %(leg)s
            ELSE -(%(leg)s) END AS traded,
        0 AS settled, l.status = ANY(%%(open)s) AS booking, false AS told
    FROM allocations_bookingleg l JOIN allocations_allocation c ON c.id = l.allocation_id
    JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
    JOIN venues_instrument i ON i.id = c.instrument_id
    WHERE l.custodian_id = %%(custodian)s AND l.trade_date <= %%(day)s
        AND l.status <> ALL(%%(never)s)
    UNION ALL
    SELECT f.account_id, f.instrument_id, f.organization_id, f.currency, 0, f.%(fact)s,
        false, false
    FROM allocations_settlementfact f
    WHERE f.custodian_id = %%(custodian)s AND f.value_date <= %%(day)s
    UNION ALL
    SELECT m.account_id, m.instrument_id, m.organization_id, m.currency, m.%(fact)s,
        CASE WHEN m.settlement_date <= %%(day)s THEN m.%(fact)s ELSE 0 END,
        false, n.due_at IS NOT NULL
    FROM allocations_movement m JOIN allocations_account h ON h.id = m.account_id
    LEFT JOIN allocations_movementnotice n ON n.movement_id = m.id
    WHERE coalesce(n.custodian_id, h.custodian_id) = %%(custodian)s AND m.%(fact)s <> 0
        AND m.kind NOT IN {_TRADES} AND m.trade_date <= %%(day)s
) x JOIN allocations_account a ON a.id = x.account_id
JOIN allocations_account w ON w.id = coalesce(a.sleeve_of_id, a.id)
%(join)s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_SECURITIES = _ASKED % {
    "about": "s.cusip",
    "leg": "l.qty",
    "fact": "qty",
    "join": "JOIN venues_instrument s ON s.id = x.instrument_id",
}
_MONEY = _ASKED % {"about": "x.currency", "leg": "-l.net_money", "fact": "cash", "join": ""}


def of(custodian_id: str, *, day: date) -> Standing:
    """How our books stand with one custodian at the end of a day: two statements."""
    heard = _heard(custodian_id)
    asked = {
        "custodian": custodian_id,
        "day": day,
        "open": sorted(status.value for status in OPEN),
        "never": sorted(status.value for status in NEVER),
    }
    return Standing(_lines(_SECURITIES, asked), _lines(_MONEY, asked), heard)


def _lines(sql: str, asked: Mapping[str, Any]) -> dict[str, Line]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        rows = cursor.fetchall()
    found: dict[str, Line] = {}
    for code, about, organization_id, traded, settled, booking, told in rows:
        key, was = f"{code}/{about}", found.get(f"{code}/{about}")
        found[key] = Line(
            # One code of two organizations is one account to the custodian, and nobody's here.
            organization_id if was is None else "",
            traded + (was.traded if was else ZERO),
            settled + (was.settled if was else ZERO),
            booking or (was is not None and was.is_booking),
            told or (was is not None and was.is_told),
        )
    return found


def _heard(custodian_id: str) -> int:
    """The number of the last message up to which all that has changed hands there counts here."""
    mine = CustodianMessage.objects.filter(custodian_id=custodian_id)
    waiting = mine.filter(applied_at=None, body__contains='"settled"').order_by("seq")
    first = waiting.values_list("seq", flat=True).first()
    if first is not None:
        return int(first) - 1
    return mine.order_by("-seq").values_list("seq", flat=True).first() or 0
