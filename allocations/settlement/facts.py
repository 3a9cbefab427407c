"""What has changed hands: the custodian's facts, each counted once, with the balances they leave.

Works inside a caller's unit on locked instructions; the accounts' holdings are locked after them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allocations.custodians.settling import Failed, Settled
from allocations.holdings import ledger
from allocations.models import SettlementFact, SettlementInstruction
from allocations.settlement.telling import cash, tell
from allocations.settlement_states import InstructionStatus
from oms_site.journal.unit import Unit
from oms_site.kit import ids

_Tail = tuple[SettlementFact | None, SettlementFact | None]


def lock(work: Unit, rows: Iterable[SettlementInstruction]) -> None:
    """Take the holdings' locks of every account at once, last of all."""
    ledger.lock(work, {row.account_id for row in rows})


def settle(work: Unit, row: SettlementInstruction, said: Settled, *, at: datetime) -> str:
    """Count one settlement under the account's lock; returns what became of the message."""
    known = SettlementFact.objects.filter(custodian_id=row.custodian_id, reference=said.reference)
    mine = work.added(SettlementFact)
    if any(one.reference == said.reference for one in mine) or known.exists():
        return "duplicate"
    money = row.settled_money + said.net_money
    if not row.is_open or said.qty <= 0 or said.qty > row.left_qty:
        return "too_much"
    if said.qty == row.left_qty and money != row.net_money:
        return "wrong_money"
    fact = _fact(work, row, said, at=at)
    work.add(fact)
    row.take(qty=said.qty, money=said.net_money)
    told: dict[str, Any] = {
        "reference": said.reference,
        "amount": said.qty,
        "net_money": said.net_money,
    }
    if row.left_qty:
        tell(work, row, "settlement_part", at=at, also=[fact], left=row.left_qty, **told)
    else:
        row.settle(at=at)
        late = said.value_date > row.settlement_date
        tell(work, row, "settlement_settle", at=at, also=[fact], late=late, **told)
    return "applied"


def fail(work: Unit, row: SettlementInstruction, said: Failed, *, at: datetime) -> str:
    """The custodian says that a day went by without it."""
    if row.status not in (InstructionStatus.PENDING, InstructionStatus.INSTRUCTED):
        return "noted"
    row.fail(on=said.day, code=said.code, reason=said.text)
    tell(work, row, "settlement_fail", at=at, code=row.code, reason=row.reason, on=row.failed_on)
    return "applied"


def _fact(work: Unit, row: SettlementInstruction, said: Settled, *, at: datetime) -> SettlementFact:
    position, purse = _tail(work, row)
    qty = said.qty if row.side == "buy" else -said.qty
    paid = cash(row, said.net_money)
    # Time never runs backward within an account: as-of reads rely on it.
    moment = max(at, *(one.at for one in (position, purse) if one), at)
    return SettlementFact(
        id=ids.prefixed("sf"),
        organization_id=row.organization_id,
        instruction_id=row.id,
        custodian_id=row.custodian_id,
        reference=said.reference,
        order_id=row.order_id,
        account_id=row.account_id,
        instrument_id=row.instrument_id,
        currency=row.currency,
        qty=qty,
        cash=paid,
        value_date=said.value_date,
        at=moment,
        sequence=(position.sequence if position else 0) + 1,
        qty_after=(position.qty_after if position else 0) + qty,
        cash_sequence=(purse.cash_sequence if purse else 0) + 1,
        cash_after=(purse.cash_after if purse else 0) + paid,
    )


def _tail(work: Unit, row: SettlementInstruction) -> _Tail:
    """The last facts of the account's position and purse, this unit's own included."""
    mine = [one for one in work.added(SettlementFact) if one.account_id == row.account_id]
    positions = [one for one in mine if one.instrument_id == row.instrument_id]
    purses = [one for one in mine if one.currency == row.currency]
    stored = SettlementFact.objects.filter(account_id=row.account_id)
    position = positions[-1] if positions else None
    purse = purses[-1] if purses else None
    if position is None:
        of_bond = stored.filter(instrument_id=row.instrument_id)
        position = of_bond.order_by("-sequence").first()
    if purse is None:
        purse = stored.filter(currency=row.currency).order_by("-cash_sequence").first()
    return position, purse
