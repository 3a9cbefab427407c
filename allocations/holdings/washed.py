"""Which lots wash out losses, read for one page of lots: a few statements, whatever the page holds.

Called by `views`. Only positions are folded that sold around the day one of these lots was bought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import wash
from allocations.holdings.books import as_move
from allocations.holdings.costing import Move, Picks
from allocations.models import Account, LotChoice, Movement

_Key = tuple[str, int]  # an account that is whole, and a security
# Accounts where a part closed something near the day when one of these lots was opened.
_CONCERNED = """
SELECT DISTINCT l.whole, m.instrument_id
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::date[])
    AS l(whole, account_id, instrument_id, acquired)
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
    wholes = _wholes({account_id for account_id, _, _ in lots})
    asked = [
        (whole, part, instrument_id, lot.acquired)
        for account_id, instrument_id, lot in lots
        for whole in [wholes.get(account_id, account_id)]
        for part in _parts(wholes, whole)
    ]
    columns: list[Any] = [list(column) for column in zip(*asked, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, [*columns, as_of, as_of])
        keys: set[_Key] = set(cursor.fetchall())
    if not keys:
        return {}
    parts = {part: whole for whole, _ in keys for part in _parts(wholes, whole)}
    picks = _picks(parts)
    found: dict[str, Decimal] = {}
    for positions in _moves(keys, parts, as_of).values():
        found |= wash.by_lot(wash.of_parts(positions, picks=picks))
    return found


def _wholes(account_ids: Collection[str]) -> dict[str, str]:
    """By sleeve its account: of every sleeve that any of these is, or shares an account with."""
    own = Account.objects.filter(id__in=account_ids)
    above = own.exclude(sleeve_of=None).values_list("sleeve_of_id", flat=True)
    rows = Account.objects.filter(sleeve_of__in=[*account_ids, *above]).order_by("id")
    return {key: str(whole) for key, whole in rows.values_list("id", "sleeve_of_id")}


def _parts(wholes: Mapping[str, str], whole: str) -> list[str]:
    return [whole, *(part for part, of in wholes.items() if of == whole)]


def _moves(
    keys: Collection[_Key], parts: Mapping[str, str], as_of: datetime | None
) -> dict[_Key, list[list[Move]]]:
    """The movements of each account and security, part by part."""
    rows = Movement.objects.filter(
        account_id__in=list(parts), instrument_id__in={key[1] for key in keys}
    )
    if as_of is not None:
        rows = rows.filter(at__lte=as_of)
    found: dict[tuple[_Key, str], list[Move]] = defaultdict(list)
    for row in rows.order_by("account_id", "sequence"):
        key = (parts[row.account_id], row.instrument_id or 0)
        if key in keys:
            found[key, row.account_id].append(as_move(row))
    positions: dict[_Key, list[list[Move]]] = defaultdict(list)
    for (key, _), moves in found.items():
        positions[key].append(moves)
    return positions


def _picks(account_ids: Collection[str]) -> dict[str, Picks]:
    rows = LotChoice.objects.filter(movement__account_id__in=list(account_ids)).order_by("id")
    return {row.movement_id: [(name, Decimal(qty)) for name, qty in row.lots] for row in rows}
