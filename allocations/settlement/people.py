"""What people do about confirmations: take, affirm, dispute, compare again, and accept by two.

Terms are never edited: a difference is taken as it is by an adjustment that one person proposes and
another one agrees to. Called by the operations API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django_fsm import can_proceed

from allocations.models import (
    ConfirmAdjustment,
    MatchVerdict,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import matching
from allocations.settlement.telling import tell
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError

RESOLVE = "break.resolve"
_MONEY = frozenset({"qty", "price", "principal", "accrued_interest", "net_money"})
_DATES = frozenset({"trade_date", "settlement_date"})
Pair = tuple[Unit, TradeConfirm, SettlementInstruction]


def assign(confirm_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> str:
    """Take an exception: the caller becomes its owner. Raises `NotFound`, `OmsError`."""
    with _held(confirm_id, by, at, correlation_id) as (work, row, _):
        row.owner_id = by.user_id
        tell(work, row, "confirm_assign", at=at, owner=by.username)
    return row.id


def affirm(
    confirm_id: str,
    *,
    by: Principal,
    at: datetime,
    version: int | None = None,
    correlation_id: str = "",
) -> str:
    """Agree to what matched; its instruction goes out. Raises `NotFound`, `OmsError`.

    409 `already_affirmed`, `not_matched` for what has to be disputed or accepted by two, or
    `proposal_changed` when `version`, the one that this person has read, is not the latest.
    """
    with _held(confirm_id, by, at, correlation_id) as (work, row, instruction):
        _same(row, version)
        if row.status == "affirmed":
            raise OmsError("already_affirmed", "It is affirmed already.", status=409)
        if not can_proceed(row.affirm):
            raise OmsError("not_matched", f"It is {row.status}, not matched.", status=409)
        row.affirm(user_id=by.user_id, at=at)
        matching.affirmed(work, row, instruction, at=at)
    return row.id


def dispute(
    confirm_id: str, *, text: str, by: Principal, at: datetime, correlation_id: str = ""
) -> str:
    """Tell the other side that it has it wrong, or not at all. Raises `NotFound`, `OmsError`."""
    if not text.strip():
        raise OmsError("explanation_required", "Say what is wrong.", field="text")
    with _held(confirm_id, by, at, correlation_id) as (work, row, instruction):
        if not can_proceed(row.dispute) or not instruction.is_open:
            raise OmsError("not_disputable", f"It is {row.status}.", status=409)
        said: dict[str, Any] = {"code": "rejected_by_us", "reason": text.strip()}
        matching.dispute(work, row, instruction, **said, tells_them=True, at=at)
    return row.id


def compare(confirm_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> str:
    """Compare once more, with the tolerances in force now. Raises `NotFound`, `OmsError`."""
    with _held(confirm_id, by, at, correlation_id) as (work, row, instruction):
        statement = row.statements.order_by("-seq").first()
        if statement is None:
            raise OmsError("nothing_to_compare", "The other side has said nothing.", status=409)
        theirs = {name: _value(name, text) for name, text in statement.terms.items()}
        matching.judge(work, row, instruction, statement, theirs, fresh=[], at=at)
    return row.id


def propose(
    confirm_id: str,
    *,
    reason_code: str,
    text: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> str:
    """Say why a difference may be taken; another person has to agree. Raises `OmsError`."""
    if reason_code not in ConfirmAdjustment.Reason.values:
        known = ", ".join(ConfirmAdjustment.Reason.values)
        raise OmsError("reason_code_unknown", f"Give one of {known}.", field="reason_code")
    if not text.strip():
        raise OmsError("explanation_required", "Say why it may be taken.", field="text")
    with _held(confirm_id, by, at, correlation_id) as (work, row, _):
        if not can_proceed(row.accept):
            raise OmsError("no_exception", f"It is {row.status}.", status=409)
        row.propose(reason_code=reason_code, text=text.strip(), user_id=by.user_id, at=at)
        tell(work, row, "confirm_propose", at=at, reason_code=reason_code, text=row.resolution)
    return row.id


def decide(
    confirm_id: str,
    *,
    agree: bool,
    by: Principal,
    at: datetime,
    version: int | None = None,
    correlation_id: str = "",
) -> str:
    """Agree to a proposal by an adjusting entry, or send it back. Never by who proposed it.

    `version` is the one that this person has read; without it, the latest is meant. Raises
    `NotFound`, `OmsError` (409 `not_proposed`, `no_exception`, `proposal_changed`; 403
    `same_person`).
    """
    with _held(confirm_id, by, at, correlation_id) as (work, row, instruction):
        _same(row, version)
        if row.proposed_by_id is None:
            raise OmsError("not_proposed", "Nobody has explained this difference.", status=409)
        if row.proposed_by_id == by.user_id:
            raise OmsError("same_person", "Another person has to agree.", status=403)
        if not agree:
            row.refuse()
            tell(work, row, "confirm_send_back", at=at)
            return row.id
        if not can_proceed(row.accept):
            raise OmsError("no_exception", f"It is {row.status}.", status=409)
        entry = _adjustment(row, row.proposed_by_id, by=by, at=at)
        work.add(entry)
        row.accept(user_id=by.user_id, at=at)
        matching.affirmed(work, row, instruction, also=[entry], at=at)
    return row.id


def _adjustment(
    row: TradeConfirm, made_by: int, *, by: Principal, at: datetime
) -> ConfirmAdjustment:
    verdict = MatchVerdict.objects.filter(id=row.verdict_id).first()
    return ConfirmAdjustment(
        id=ids.prefixed("cadj"),
        organization_id=row.organization_id,
        confirm_id=row.id,
        reason_code=row.reason_code,
        text=row.resolution,
        evidence={
            "status": str(row.status),
            "verdict_id": row.verdict_id,
            "differences": verdict.differences if verdict else [],
        },
        made_by_id=made_by,
        approved_by_id=by.user_id,
        made_at=at,
    )


def _same(row: TradeConfirm, version: int | None) -> None:
    if version not in (None, row.version):
        raise OmsError("proposal_changed", "It has changed since: look again.", status=409)


@contextmanager
def _held(confirm_id: str, by: Principal, at: datetime, correlation_id: str) -> Iterator[Pair]:
    """A confirmation of the caller's organization with its instruction, locked, in a unit."""
    by.require(RESOLVE)
    generation.check()
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = work.lock(TradeConfirm, [confirm_id]).get(confirm_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("confirmation")
        if row.status == "canceled":
            raise OmsError("confirm_canceled", "What it confirms was taken back.", status=409)
        keys = SettlementInstruction.objects.filter(confirm_id=confirm_id).values_list("id")
        (instruction,) = work.lock(SettlementInstruction, [key for (key,) in keys]).values()
        yield work, row, instruction


def _value(name: str, text: str) -> Any:
    """A term as it was before it became text."""
    if name in _MONEY:
        return Decimal(text)
    return date.fromisoformat(text) if name in _DATES else text
