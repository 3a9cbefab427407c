"""One update as it shows in each view: what moved, and how holdings and balances stood after it.

An update is one transaction of ours. Everything is read from its movements, which keep what they
left behind, so the answer is the same for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allocations.holdings import ledger
from allocations.models import Movement


def movements(organization_id: str, update_id: str) -> list[Movement]:
    """What moved under an update id, in the order in which it did."""
    rows = Movement.objects.filter(organization_id=organization_id, update_id=update_id)
    return list(rows.order_by("id"))


def of_sources(source_ids: Sequence[str]) -> dict[str, str]:
    """The update under which each of these facts moved something; absent where nothing has."""
    rows = Movement.objects.filter(source_id__in=list(source_ids)).order_by("id")
    found: dict[str, str] = {}
    for source_id, update_id in rows.values_list("source_id", "update_id"):
        found.setdefault(source_id, update_id)
    return found


def views(rows: Sequence[Movement]) -> dict[str, list[dict[str, Any]]]:
    """The transactions of an update, and the last word on each holding and balance it moved."""
    holdings: dict[tuple[str, int], Movement] = {}
    balances: dict[tuple[str, str], Movement] = {}
    for row in rows:
        if row.instrument_id is not None:
            _later(holdings, (row.account_id, row.instrument_id), row, "sequence")
        if row.cash_sequence is not None:
            _later(balances, (row.account_id, row.currency), row, "cash_sequence")
    return {
        "transactions": [{"account_id": row.account_id, **ledger.wire(row)} for row in rows],
        "holdings": [
            {
                "account_id": account_id,
                "instrument_id": instrument_id,
                "amount": row.qty_after,
                "cost": row.cost_after,
                "realized": row.realized_after,
            }
            for (account_id, instrument_id), row in sorted(holdings.items())
        ],
        "balances": [
            {"account_id": account_id, "currency": currency, "traded": row.cash_after}
            for (account_id, currency), row in sorted(balances.items())
        ],
    }


def _later(found: dict[Any, Movement], key: Any, row: Movement, by: str) -> None:
    known = found.get(key)
    if known is None or (getattr(row, by) or 0) > (getattr(known, by) or 0):
        found[key] = row
