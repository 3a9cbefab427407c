"""What the other side says against what we say: verdicts, affirmation, and what follows from it.

Works inside a caller's unit on locked rows. A verdict names the policy version whose tolerances
decided, so that a later change of the policy alters the next verdict and never an old one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django_fsm import can_proceed

from allocations.custodians.settling import Affirmation, Statement
from allocations.models import (
    CounterpartyTrade,
    MatchVerdict,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import comparing, rules
from allocations.settlement.telling import tell, terms
from allocations.settlement_states import ConfirmStatus
from oms_site.journal.rows import LedgerFact
from oms_site.journal.unit import Unit
from oms_site.kit import ids

_SIDES = {"1": "buy", "2": "sell"}
REJECTED, AFFIRMED = 2, 3


def state(
    work: Unit,
    confirm: TradeConfirm,
    instruction: SettlementInstruction,
    said: Statement,
    *,
    seq: int,
    body: str,
    at: datetime,
) -> None:
    """Keep the other side's version of a trade and compare it."""
    theirs = {**{name: getattr(said, name) for name in comparing.FIELDS}, "side": _SIDES[said.side]}
    statement = CounterpartyTrade(
        id=ids.prefixed("ct"),
        organization_id=confirm.organization_id,
        confirm_id=confirm.id,
        custodian_id=confirm.custodian_id,
        seq=seq,
        reference=said.reference,
        body=body,
        terms=comparing.texts(theirs),
        received_at=at,
    )
    work.add(statement)
    judge(work, confirm, instruction, statement, theirs, fresh=[statement], at=at)


def judge(
    work: Unit,
    confirm: TradeConfirm,
    instruction: SettlementInstruction,
    statement: CounterpartyTrade,
    theirs: dict[str, Any],
    *,
    fresh: list[LedgerFact],
    at: datetime,
) -> MatchVerdict:
    """Compare with the rules in force now, and move the confirmation accordingly."""
    in_force = rules.of(confirm.organization_id, at=at)
    found = comparing.differences(terms(confirm), theirs, tolerances=in_force.tolerances)
    verdict = MatchVerdict(
        id=ids.prefixed("mt"),
        organization_id=confirm.organization_id,
        confirm_id=confirm.id,
        statement_id=statement.id,
        policy_id=in_force.policy_id,
        policy_version=in_force.version,
        is_match=not found,
        differences=found,
        at=at,
    )
    work.add(verdict)
    facts: dict[str, Any] = {
        "verdict_id": verdict.id,
        "policy_version": in_force.version,
        "differences": found,
    }
    also = [*fresh, verdict]
    if not found and can_proceed(confirm.match):
        confirm.match(verdict_id=verdict.id)
        tell(work, confirm, "confirm_match", at=at, also=also, **facts)
        affirm_by_rule(work, confirm, instruction, at=at)
    elif found and can_proceed(confirm.mismatch):
        confirm.mismatch(verdict_id=verdict.id)
        tell(work, confirm, "confirm_mismatch", at=at, also=also, **facts)
    else:
        # Agreed or taken back already: what is said now is kept and changes nothing.
        tell(work, confirm, "confirm_state", at=at, also=also, **facts)
    return verdict


def answer(
    work: Unit,
    confirm: TradeConfirm,
    instruction: SettlementInstruction,
    said: Affirmation,
    *,
    at: datetime,
) -> None:
    """The other side's word on our confirmation."""
    confirm.their_word = said.affirm_status
    if said.affirm_status == REJECTED:
        dispute(work, confirm, instruction, code="rejected_by_them", reason=said.text, at=at)
        return
    tell(work, confirm, "confirm_answer", at=at, affirm_status=said.affirm_status)
    affirm_by_rule(work, confirm, instruction, at=at)


def affirm_by_rule(
    work: Unit, confirm: TradeConfirm, instruction: SettlementInstruction, *, at: datetime
) -> None:
    """Affirm what matched, where the policy leaves that to the match or to the other side."""
    if confirm.status != ConfirmStatus.MATCHED or confirm.their_word == REJECTED:
        return
    by = rules.of(confirm.organization_id, at=at).affirmation
    if by == "match" or (by == "counterparty" and confirm.their_word == AFFIRMED):
        confirm.affirm(user_id=None, at=at)
        affirmed(work, confirm, instruction, at=at)


def affirmed(
    work: Unit,
    confirm: TradeConfirm,
    instruction: SettlementInstruction,
    *,
    also: list[LedgerFact] | None = None,
    at: datetime,
) -> None:
    """Say that it is agreed, and have it settled without a further click."""
    event, more = "confirm_affirm", list(also or ())
    if more:
        event = "confirm_accept"
    if instruction.is_open and not instruction.was_sent and confirm.has_ssi:
        instruction.ask_for(SettlementInstruction.Ask.INSTRUCT, due_at=at)
        tell(work, confirm, event, at=at, also=[*more, instruction], instruction_id=instruction.id)
    else:
        tell(work, confirm, event, at=at, also=more, instruction_id=instruction.id)


def dispute(
    work: Unit,
    confirm: TradeConfirm,
    instruction: SettlementInstruction,
    *,
    code: str,
    reason: str,
    tells_them: bool = False,
    at: datetime,
) -> bool:
    """One side says that it is not so; what was not sent to the custodian is held. Whether it is
    disputed now: what has been taken back, or changed hands, is not."""
    facts: dict[str, Any] = {"code": code, "reason": reason[:200]}
    if not can_proceed(confirm.dispute) or not instruction.is_open:
        tell(work, confirm, "confirm_answer", at=at, affirm_status=confirm.their_word, **facts)
        return False
    confirm.dispute(code=code, reason=reason)
    if tells_them:
        confirm.ask_for(TradeConfirm.Ask.DISPUTE, due_at=at)
    held = []
    if instruction.ask == SettlementInstruction.Ask.INSTRUCT and not instruction.was_sent:
        instruction.ask_for(SettlementInstruction.Ask.NOTHING, due_at=None)
        held = [instruction]
    tell(work, confirm, "confirm_dispute", at=at, also=held, **facts)
    return True
