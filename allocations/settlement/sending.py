"""Telling custodians what is due: confirmations, disputes, instructions, withdrawals, buy-ins.

Claiming commits before the first call, and answers are applied after the last one, so nothing
outside happens in a transaction. Every call carries its row's id as key: repeating it is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial

from allocations import accounts, adapters
from allocations.custodians.asking import Deferred, back_off, deferred
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import (
    Confirmation,
    Delivery,
    SettlementDesk,
    Taken,
    Withdrawn,
)
from allocations.models import SettlementInstruction, TradeConfirm
from allocations.settlement import calls, standing
from allocations.settlement.calls import Answer, Call
from allocations.settlement.telling import account_code, tell
from allocations.settlement_states import InstructionStatus
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import instruments
from venues.messages import Side

ROUND_ROWS = 64
ATTEMPTS_MAX = 50
LEASE = timedelta(seconds=30)
AGAIN = timedelta(seconds=2)
_by = actors.system("settlement")
_SIDES: dict[str, Side] = {"buy": "1", "sell": "2"}
_Row = TradeConfirm | SettlementInstruction


def run_round(custodian_id: str, *, most: int = ROUND_ROWS) -> tuple[int, bool]:
    """Tell one custodian what is due; how many rows were claimed, and whether it is in trouble."""
    generation.check()
    facts = accounts.find_custodian(custodian_id)
    if facts is None:
        raise LookupError(f"{custodian_id} has instructions and no row")
    planned = _claim(custodian_id, most=most)
    if not planned:
        return 0, False
    try:
        answers = calls.make(adapters.desk_of(facts), planned)
    except CustodianError as error:
        answers = {call.row_id: deferred(error) for call in planned}
    _apply(planned, answers)
    return len(planned), any(isinstance(one, Deferred) for one in answers.values())


def due_custodians(*, at: datetime) -> set[str]:
    """The custodians that are to be told something."""
    found: set[str] = set()
    for model in (TradeConfirm, SettlementInstruction):
        rows = model._default_manager.filter(due_at__lte=at).order_by()
        found |= set(rows.values_list("custodian_id", flat=True).distinct())
    return found


# --- claiming --------------------------------------------------------------------------------
def _claim(custodian_id: str, *, most: int) -> list[Call]:
    at = clock.now()
    planned: list[Call] = []
    with unit.work(by=_by, at=at) as work:
        for model in (TradeConfirm, SettlementInstruction):
            rows = (
                model._default_manager.select_for_update(skip_locked=True, no_key=True)
                .filter(custodian_id=custodian_id, due_at__lte=at)
                .order_by("due_at", "id")[:most]
            )
            for found in rows:
                row = work.hold(found)
                row.lease(retry_at=at + LEASE)
                event = "confirm_sent" if model is TradeConfirm else "settlement_sent"
                tell(work, row, event, at=at, ask=row.ask, attempt=row.attempts)
                planned.append(Call(row.id, row.ask, _saying(row, at)))
    return planned


def _saying(row: _Row, at: datetime) -> partial[Taken | Refused | Withdrawn]:
    """How to say what a row asks for; all that is said is read here, under its lock."""
    match row:
        case TradeConfirm(ask=TradeConfirm.Ask.DISPUTE):
            return partial(_dispute, row.id, row.leg_id, row.reason)
        case TradeConfirm():
            return partial(_confirm, _confirmation(row))
        case SettlementInstruction(ask=SettlementInstruction.Ask.CANCEL):
            return partial(_withdraw, row.id)
        case SettlementInstruction(ask=SettlementInstruction.Ask.BUY_IN):
            return partial(_buy_in, row.id, row.buy_in_on or at.date())
        case _:
            return partial(_instruct, _delivery(row))


def _confirm(one: Confirmation, desk: SettlementDesk) -> Taken | Refused | Withdrawn:
    return desk.confirm(one)


def _dispute(
    key: str, leg_id: str, reason: str, desk: SettlementDesk
) -> Taken | Refused | Withdrawn:
    return desk.dispute(key, leg_id=leg_id, reason=reason)


def _instruct(one: Delivery, desk: SettlementDesk) -> Taken | Refused | Withdrawn:
    return desk.instruct(one)


def _withdraw(key: str, desk: SettlementDesk) -> Taken | Refused | Withdrawn:
    return desk.withdraw(key)


def _buy_in(key: str, day: date, desk: SettlementDesk) -> Taken | Refused | Withdrawn:
    return desk.buy_in(key, day=day)


def _confirmation(row: TradeConfirm) -> Confirmation:
    return Confirmation(
        key=row.id,
        leg_id=row.leg_id,
        account=account_code(row),
        cusip=instruments.by_id(row.instrument_id).cusip,
        side=_SIDES[row.side],
        qty=row.qty,
        price=row.price,
        principal=row.principal,
        accrued_interest=row.accrued_interest,
        net_money=row.net_money,
        trade_date=row.trade_date,
        settlement_date=row.settlement_date,
        currency=row.currency,
    )


def _delivery(row: SettlementInstruction) -> Delivery:
    place = standing.of(row.place)
    return Delivery(
        key=row.id,
        leg_id=row.leg_id,
        account=account_code(row),
        cusip=instruments.by_id(row.instrument_id).cusip,
        side=_SIDES[row.side],
        qty=row.qty,
        net_money=row.net_money,
        settlement_date=row.settlement_date,
        depository=place.depository,
        participant=place.participant,
        delivery_account=place.delivery_account,
        currency=row.currency,
    )


# --- answers ---------------------------------------------------------------------------------
def _apply(planned: list[Call], answers: Mapping[str, Answer]) -> None:
    """Apply what was answered; a row that asks for something else by now goes on asking."""
    at, asked = clock.now(), {call.row_id: call.ask for call in planned}
    with unit.work(by=_by, at=at) as work:
        rows: list[_Row] = [*work.lock(TradeConfirm, asked).values()]
        rows += work.lock(SettlementInstruction, asked).values()
        for row in rows:
            answer, same = answers[row.id], row.ask == asked[row.id]
            if isinstance(answer, Deferred):
                if same:
                    _defer(work, row, answer, at)
            elif isinstance(answer, Refused):
                if same:
                    _refuse(work, row, answer, at)
            elif isinstance(row, TradeConfirm):
                if same:
                    row.receive(at=at)
                    tell(work, row, "confirm_received", at=at, ask=asked[row.id])
            else:
                _take(work, row, answer, asked[row.id], same, at)


def _take(
    work: Unit,
    row: SettlementInstruction,
    answer: Taken | Withdrawn,
    asked: str,
    same: bool,
    at: datetime,
) -> None:
    if isinstance(answer, Withdrawn):
        _withdrawn(work, row, answer, at)
        return
    if same and row.is_open:
        row.answered()
    if asked == SettlementInstruction.Ask.BUY_IN:
        tell(work, row, "settlement_notice", at=at, ask=asked)
        return
    row.ref = answer.ref[:80]
    if row.status == InstructionStatus.PENDING:
        row.accept()
    tell(work, row, "settlement_accept", at=at, ref=row.ref)


def _withdrawn(work: Unit, row: SettlementInstruction, answer: Withdrawn, at: datetime) -> None:
    if not row.is_open:
        return
    if answer.settled_qty == row.settled_qty:
        row.cancel(reason="withdrawn at the custodian", at=at)
        tell(work, row, "settlement_cancel", at=at, reason=row.reason, settled=row.settled_qty)
    else:
        # What has changed hands there is on its way to us, and counts first.
        row.due_at = at + AGAIN
        tell(work, row, "settlement_deferred", at=at, code="facts_awaited", due_at=row.due_at)


def _refuse(work: Unit, row: _Row, answer: Refused, at: datetime) -> None:
    row.stop(code=answer.code, reason=answer.reason)
    event = "confirm_refused" if isinstance(row, TradeConfirm) else "settlement_refused"
    tell(work, row, event, at=at, code=row.code, reason=row.reason)


def _defer(work: Unit, row: _Row, answer: Deferred, at: datetime) -> None:
    # What only waits is asked for ever: files are answered in their own time.
    if answer.called and not answer.waits and row.attempts >= ATTEMPTS_MAX:
        _refuse(work, row, Refused(answer.code, f"{answer.reason} (attempt {row.attempts})"), at)
        return
    if answer.called:
        row.due_at = at + back_off(row.id, row.attempts)
    else:
        row.due_at, row.attempts = at, row.attempts - 1
    event = "confirm_deferred" if isinstance(row, TradeConfirm) else "settlement_deferred"
    tell(work, row, event, at=at, code=answer.code[:40], due_at=row.due_at)
