"""The events of this room: for the audit, on the timeline of the order they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations import accounts
from allocations.models import SettlementInstruction, TradeConfirm
from oms_site.journal.actors import Actor
from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.journal.unit import Unit
from venues import instruments


def tell(
    work: Unit,
    row: TradeConfirm | SettlementInstruction,
    event_type: str,
    *,
    at: datetime,
    also: Sequence[LedgerRow | LedgerFact] = (),
    by: Actor | None = None,
    **facts: Any,
) -> None:
    """Record one event about a confirmation or an instruction, with all that moved with it."""
    body = {**names(row), **facts}
    work.record(row, event_type, body=body, order_id=row.order_id, also=also, by=by, at=at)


def names(row: TradeConfirm | SettlementInstruction) -> dict[str, Any]:
    """What every event of this room carries."""
    confirm_id = row.id if isinstance(row, TradeConfirm) else row.confirm_id
    told = {
        "order_id": row.order_id,
        "confirm_id": confirm_id,
        "booking_id": row.leg_id,
        "custodian_id": row.custodian_id,
        "account_id": row.account_id,
    }
    if isinstance(row, SettlementInstruction):
        told["instruction_id"] = row.id
    return told


def outside_code(row: TradeConfirm | SettlementInstruction) -> str:
    """What the other side calls the account: a sleeve by the code of its whole."""
    return accounts.called_outside(row.organization_id, row.account_id)


def account_code(row: TradeConfirm | SettlementInstruction) -> str:
    """What we call the account."""
    facts = accounts.find_account(row.organization_id, row.account_id)
    return facts.code if facts else row.account_id


def terms(row: TradeConfirm) -> dict[str, Any]:
    """Our side of a trade, as `comparing` reads it."""
    return {
        "account": outside_code(row),
        "cusip": instruments.by_id(row.instrument_id).cusip,
        "side": row.side,
        "qty": row.qty,
        "price": row.price,
        "principal": row.principal,
        "accrued_interest": row.accrued_interest,
        "net_money": row.net_money,
        "trade_date": row.trade_date,
        "settlement_date": row.settlement_date,
    }


def cash(row: SettlementInstruction, money: Decimal) -> Decimal:
    """What the account gets when so much is paid: a buyer pays."""
    return -money if row.side == "buy" else money
