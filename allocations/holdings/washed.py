"""Which lots wash out losses, read for one page of lots: two statements, whatever the page holds.

Called by `views`. Only positions are folded that sold around the day one of these lots was bought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import wash
from allocations.holdings.books import as_move
from allocations.holdings.costing import Move, Picks
from allocations.models import LotChoice, Movement

_Key = tuple[str, int]
# Positions that closed something near the day when one of these lots was opened.
_CONCERNED = """
SELECT DISTINCT m.account_id, m.instrument_id
FROM unnest(%s::text[], %s::bigint[], %s::date[]) AS l(account_id, instrument_id, acquired)
JOIN allocations_movement m ON m.account_id = l.account_id AND m.instrument_id = l.instrument_id
    AND m.trade_date BETWEEN l.acquired - 30 AND l.acquired + 30
JOIN allocations_movement b ON b.account_id = m.account_id AND b.instrument_id = m.instrument_id
    AND b.sequence = m.sequence - 1
WHERE m.ratio_new = 0 AND sign(m.qty) = -sign(b.qty_after)
    AND (%s::timestamptz IS NULL OR m.at <= %s)
"""


def of_lots(
    lots: Collection[tuple[str, int, Any]], *, as_of: datetime | None = None
) -> dict[str, Decimal]:
    """The loss in cents that each of these lots washes out: (account, instrument, lot)."""
    if not lots:
        return {}
    columns: list[Any] = [
        [a for a, _, _ in lots],
        [i for _, i, _ in lots],
        [x.acquired for _, _, x in lots],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, [*columns, as_of, as_of])
        keys: set[_Key] = set(cursor.fetchall())
    if not keys:
        return {}
    picks = _picks(keys)
    found: dict[str, Decimal] = {}
    for moves in _moves(keys, as_of).values():
        found |= wash.by_lot(wash.of(moves, picks=picks))
    return found


def _moves(keys: Collection[_Key], as_of: datetime | None) -> dict[_Key, list[Move]]:
    rows = Movement.objects.filter(
        account_id__in={key[0] for key in keys}, instrument_id__in={key[1] for key in keys}
    )
    if as_of is not None:
        rows = rows.filter(at__lte=as_of)
    found: dict[_Key, list[Move]] = defaultdict(list)
    for row in rows.order_by("sequence"):
        key = (row.account_id, row.instrument_id or 0)
        if key in keys:
            found[key].append(as_move(row))
    return found


def _picks(keys: Collection[_Key]) -> dict[str, Picks]:
    rows = LotChoice.objects.filter(movement__account_id__in={key[0] for key in keys}).order_by(
        "id"
    )
    return {row.movement_id: [(name, Decimal(qty)) for name, qty in row.lots] for row in rows}
