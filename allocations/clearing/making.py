"""The reports that a trade asks for: one for each party, once, whatever is repeated.

Works inside a caller's unit; a trade comes as facts, since this floor knows no orders.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allocations.clearing import arrangements
from allocations.clearing.telling import tell
from allocations.models import ClearingReport
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from venues import instruments


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One execution as the street has it. `refers_to` names the execution that it takes back.

    `is_bust` without more takes back; with `is_bust` false and `refers_to` it stands in for that.
    """

    execution_id: str
    organization_id: str
    order_id: str
    instrument_id: int
    venue: str
    exec_id: str
    counterparty: str
    side: str
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    trade_date: date
    settlement_date: date
    refers_to: str = ""
    is_bust: bool = False


def known(execution_ids: Collection[str]) -> dict[str, list[ClearingReport]]:
    """The reports there are of these executions."""
    found: dict[str, list[ClearingReport]] = {}
    rows = ClearingReport.objects.filter(execution_id__in=list(execution_ids))
    for row in rows.order_by("party_id"):
        found.setdefault(row.execution_id, []).append(row)
    return found


def report(
    work: Unit, trade: Trade, reports: dict[str, list[ClearingReport]], *, at: datetime
) -> list[ClearingReport]:
    """Queue what each party is to be told of a trade; `reports` is `known` of it and what it names.

    A bust or correction goes to whoever was told of what it takes back, whatever is arranged by
    now. Returns the new reports and adds them to `reports`.
    """
    if trade.execution_id in reports:
        return []
    if trade.refers_to:
        former = reports.get(trade.refers_to, [])
        how = "cancel" if trade.is_bust else "replace"
        made = [_row(trade, one.party_id, one.member, how, one, at) for one in former]
    else:
        asset_class = instruments.by_id(trade.instrument_id).asset_class
        seats = arrangements.find(trade.organization_id, asset_class)
        made = [_row(trade, seat.party_id, seat.member, "new", None, at) for seat in seats]
    for row in made:
        work.add(row)
        told: dict[str, Any] = {"side": row.side, "amount": row.qty, "price": row.price}
        tell(work, row, "clearing_generate", at=at, refers_to=row.refers_to_id, **told)
    if made:
        reports[trade.execution_id] = made
    return made


def _row(
    trade: Trade,
    party_id: str,
    member: str,
    how: str,
    former: ClearingReport | None,
    at: datetime,
) -> ClearingReport:
    copied = (
        *("organization_id", "execution_id", "order_id", "instrument_id", "venue", "exec_id"),
        *("counterparty", "side", "price", "trade_date", "settlement_date"),
    )
    return ClearingReport(
        id=ids.prefixed("cl"),
        party_id=party_id,
        member=member,
        trans_type=how,
        refers_to=former,
        currency=instruments.by_id(trade.instrument_id).currency,
        qty=abs(trade.qty),
        principal=abs(trade.principal),
        accrued_interest=abs(trade.accrued_interest),
        net_money=abs(trade.principal) + abs(trade.accrued_interest),
        created_at=at,
        due_at=at,
        **{name: getattr(trade, name) for name in copied},
    )
