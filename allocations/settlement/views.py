"""Confirmations and instructions as clients and screens see them, with what is to be done next.

Everything is scoped to an organization.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from allocations.models import (
    CounterpartyTrade,
    MatchVerdict,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import comparing, fails
from allocations.settlement.telling import account_code, terms
from allocations.settlement_states import EXCEPTIONS, ConfirmStatus, InstructionStatus
from venues import instruments

# What the other side has not said by then waits for a person.
PATIENCE = timedelta(minutes=5)


def exceptions(organization_id: str, *, at: datetime) -> QuerySet[TradeConfirm]:
    """Confirmations that wait for a person, oldest first."""
    mine = TradeConfirm.objects.filter(organization_id=organization_id).order_by()
    late = Q(status=ConfirmStatus.UNMATCHED, created_at__lte=at - PATIENCE)
    open_ones = mine.filter(status__in=[*EXCEPTIONS, ConfirmStatus.MATCHED])
    # Each part has an index of its own: most confirmations are agreed and never looked at again.
    parts = (
        open_ones.filter(~Q(status=ConfirmStatus.UNMATCHED) | late),
        mine.filter(has_ssi=False).exclude(status=ConfirmStatus.CANCELED),
        mine.filter(due_at=None).exclude(ask=""),
    )
    waiting = parts[0].values("id").union(*(part.values("id") for part in parts[1:]))
    rows = TradeConfirm.objects.filter(id__in=waiting)
    return rows.select_related("owner", "proposed_by").order_by("created_at", "id")


def troubled(organization_id: str) -> QuerySet[SettlementInstruction]:
    """Instructions that failed, were bought in, or that the custodian will not take."""
    refused = Q(due_at=None) & ~Q(ask="")
    failed = Q(status__in=[InstructionStatus.FAILED, InstructionStatus.BOUGHT_IN])
    rows = SettlementInstruction.objects.filter(refused | failed, organization_id=organization_id)
    rows = rows.filter(closed_at=None).select_related("confirm", "confirm__owner")
    return rows.order_by("settlement_date", "id")


def confirms(rows: Sequence[TradeConfirm]) -> list[dict[str, Any]]:
    """Many confirmations with both sides, in a few queries."""
    keys = [row.id for row in rows]
    said = CounterpartyTrade.objects.filter(confirm_id__in=keys).order_by("confirm_id", "seq")
    latest = {one.confirm_id: one for one in said}
    judged = MatchVerdict.objects.filter(confirm_id__in=keys).order_by("confirm_id", "at", "id")
    verdicts = {one.confirm_id: one for one in judged}
    settling = SettlementInstruction.objects.filter(confirm_id__in=keys)
    instructions = {one.confirm_id: one for one in settling.order_by("id")}
    return [
        _confirm(row, latest.get(row.id), verdicts.get(row.id), instructions.get(row.id))
        for row in rows
    ]


def _confirm(
    row: TradeConfirm,
    statement: CounterpartyTrade | None,
    verdict: MatchVerdict | None,
    instruction: SettlementInstruction | None,
) -> dict[str, Any]:
    differs = {one["field"]: one["tolerance"] for one in verdict.differences} if verdict else {}
    ours = comparing.texts(terms(row))
    return {
        "confirm_id": row.id,
        "service_id": row.service_id,
        "counterparty": row.counterparty or None,
        "version": row.version,
        "booking_id": row.leg_id,
        "order_id": row.order_id,
        "custodian_id": row.custodian_id,
        "account_id": row.account_id,
        "account_code": account_code(row),
        "status": str(row.status),
        "confirm_status": row.confirm_status,
        "match_status": row.match_status,
        "affirm_status": row.affirm_status,
        "created_at": row.created_at,
        "received_at": row.received_at,
        "affirmed_at": row.affirmed_at,
        "affirmed_by": None if row.affirmed_by_id is None else row.affirmed_by_id,
        "code": row.code or None,
        "reason": row.reason or None,
        "owner": _name(row.owner),
        "reason_code": row.reason_code or None,
        "resolution": row.resolution or None,
        "proposed_by": _name(row.proposed_by),
        "proposed_by_id": row.proposed_by_id,
        "owner_id": row.owner_id,
        "policy_version": verdict.policy_version if verdict else None,
        "instruction_id": instruction.id if instruction else None,
        "instruction_status": str(instruction.status) if instruction else None,
        "next_step": next_step(row, instruction),
        "answered": statement is not None,
        "differences": len(differs),
        "sides": [
            {
                "field": name,
                "ours": ours[name],
                "theirs": statement.terms[name] if statement else None,
                "differs": name in differs,
                "tolerance": differs.get(name) or None,
            }
            for name in comparing.FIELDS
        ],
    }


def next_step(row: TradeConfirm, instruction: SettlementInstruction | None = None) -> str:
    """What is to be done about a confirmation now, in words; with its instruction, about both."""
    if row.status == ConfirmStatus.CANCELED:
        if row.ask and row.due_at is None:
            return "Ask the service why, then resend: it did not take the withdrawal."
        return "Nothing: it was taken back."
    if row.proposed_by_id and row.status != ConfirmStatus.AFFIRMED:
        return "Another person agrees, or sends it back."
    if row.ask and row.due_at is None:
        return "Resend: the other side's desk did not take it."
    if row.status == ConfirmStatus.DISPUTED and row.code == "rejected_by_them":
        return "Ask them why; have two people accept it, or have the trade taken back."
    if row.status == ConfirmStatus.AFFIRMED:
        if not row.has_ssi:
            return "Add a standing instruction, then resend the settlement."
        if instruction is not None and instruction.is_open and _is_refused(instruction):
            return "Resend the settlement: the custodian would not take it."
        return "Nothing: it settles."
    return {
        ConfirmStatus.UNMATCHED: "Dispute it: the other side has said nothing.",
        ConfirmStatus.MATCHED: "Affirm it.",
        ConfirmStatus.MISMATCHED: "Dispute it, or have two people accept the difference.",
        ConfirmStatus.DISPUTED: "Wait for their correction, or have two people accept it.",
    }[ConfirmStatus(row.status)]


def _name(person: object) -> str | None:
    """A user's name; None for nobody."""
    return getattr(person, "username", None)


def instructions_shown(
    rows: Iterable[SettlementInstruction], *, at: datetime
) -> list[dict[str, Any]]:
    """Instructions with their age, owner and what is to be done; reads their confirmations."""
    return [_instruction(row, at) for row in rows]


def _instruction(row: SettlementInstruction, at: datetime) -> dict[str, Any]:
    buy_in = fails.buy_in_day(row, at=at) if row.is_open else None
    return {
        "instruction_id": row.id,
        "confirm_id": row.confirm_id,
        "booking_id": row.leg_id,
        "order_id": row.order_id,
        "custodian_id": row.custodian_id,
        "account_id": row.account_id,
        "account_code": account_code(row),
        "cusip": instruments.by_id(row.instrument_id).cusip,
        "side": row.side,
        "currency": row.currency,
        "amount": row.qty,
        "net_money": row.net_money,
        "settled_amount": row.settled_qty,
        "settled_money": row.settled_money,
        "left_amount": row.left_qty,
        "settlement_date": row.settlement_date,
        "status": str(row.status),
        "place": row.place or None,
        "ref": row.ref or None,
        "asks": row.ask or None,
        "code": row.code or None,
        "reason": row.reason or None,
        "failed_on": row.failed_on,
        "owner": _name(row.confirm.owner),
        "days_failed": fails.days_failed(row, at=at) if row.is_open else 0,
        "buy_in_on": row.buy_in_on,
        "buy_in_due": buy_in,
        "closed_at": row.closed_at,
        "next_step": _instruction_step(row, buy_in),
    }


def _instruction_step(row: SettlementInstruction, buy_in: date | None) -> str:
    if not row.is_open:
        return "Nothing: it is over."
    if _is_refused(row):
        return "Resend: the custodian would not take it."
    if row.ask == SettlementInstruction.Ask.CANCEL:
        return "Wait: it is being withdrawn."
    if not row.was_sent:
        return _unsent_step(row)
    if row.status not in (InstructionStatus.FAILED, InstructionStatus.BOUGHT_IN):
        return "Wait for its day."
    if not row.ref:
        return "Wait: the custodian has not answered yet."
    if row.side != "buy":
        return "Deliver: the other side waits for it."
    if row.status == InstructionStatus.BOUGHT_IN:
        return "Wait for the buy-in to be delivered."
    return f"Chase the other side; bought in on {buy_in}." if buy_in else "Chase them."


def _is_refused(row: SettlementInstruction) -> bool:
    return bool(row.ask) and row.due_at is None


def _unsent_step(row: SettlementInstruction) -> str:
    """Of what was never instructed; the exception is ours until it is."""
    agreed = row.confirm.status == ConfirmStatus.AFFIRMED
    if agreed and not row.place:
        return "Add a standing instruction, then resend it."
    if row.status == InstructionStatus.PENDING:
        return "Wait: it is being instructed." if row.ask else "Wait for its confirmation."
    return "Affirm or resend: it was never instructed."
