"""Telling custodians what is due: confirmations, disputes, instructions, withdrawals, buy-ins.

Claiming commits before the first call, and answers are applied after the last one, so nothing
outside happens in a transaction. Every call carries its row's id as key: repeating it is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from django.db.models import QuerySet

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
from allocations.settlement.telling import outside_code, tell
from allocations.settlement_states import InstructionStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
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
Say: TypeAlias = Callable[[Any], Taken | Refused | Withdrawn]


def run_round(custodian_id: str, *, most: int = ROUND_ROWS) -> tuple[int, bool]:
    """Tell one custodian what is due; how many rows were claimed, and whether it is in trouble."""
    generation.check()
    facts = accounts.find_custodian(custodian_id)
    if facts is None:
        raise LookupError(f"{custodian_id} has instructions and no row")
    due = [rows.filter(custodian_id=custodian_id) for rows in _of_custodians()]
    return tell_all(due, _saying, lambda: adapters.desk_of(facts), most=most)


def tell_all(
    due: Sequence[QuerySet[Any]],
    saying: Callable[[Any, datetime], Say],
    connect: Callable[[], Any],
    *,
    most: int = ROUND_ROWS,
) -> tuple[int, bool]:
    """Lease what is due of these rows, say it, apply what is answered; counts as `run_round`.

    `saying` reads all that is said under the row's lock; `connect` gives whom it is said to.
    """
    planned: list[Call] = []
    taken: list[str] = []
    draining.safely(
        partial(_claim, due, saying, most, planned),
        lambda key: _claim([rows.filter(pk=key) for rows in due], saying, 1, planned, []),
        aside=_hold,
        taken=taken,
    )
    if not planned:
        return len(taken), False
    try:
        answers = calls.make(connect(), planned)
    except CustodianError as error:
        answers = {call.row_id: deferred(error) for call in planned}
    draining.safely(
        lambda taken: _apply(planned, answers, taken),
        lambda key: _apply([call for call in planned if call.row_id == key], answers, []),
        aside=partial(_not_applied, planned),
    )
    return len(planned), any(isinstance(one, Deferred) for one in answers.values())


def due_custodians(*, at: datetime) -> set[str]:
    """The custodians that are to be told something."""
    found: set[str] = set()
    for rows in _of_custodians():
        due = rows.filter(due_at__lte=at).order_by()
        found |= set(due.values_list("custodian_id", flat=True).distinct())
    return found


def _of_custodians() -> tuple[QuerySet[Any], ...]:
    """What custodians' desks are told; a trade with a matching service is not confirmed there."""
    confirms = TradeConfirm.objects.filter(service=None)
    return confirms, SettlementInstruction.objects.all()


# --- claiming --------------------------------------------------------------------------------
def _claim(
    due: Sequence[QuerySet[Any]],
    saying: Callable[[Any, datetime], Say],
    most: int,
    planned: list[Call],
    taken: list[str],
) -> int:
    """Lease what is due and commit; what is to be said of it is added to `planned`."""
    at, said = clock.now(), list[Call]()
    with unit.work(by=_by, at=at) as work:
        for rows in due:
            locked = rows.select_for_update(skip_locked=True, no_key=True).filter(due_at__lte=at)
            found = list(locked.order_by("due_at", "id")[:most])
            taken += [one.pk for one in found]
            for row in map(work.hold, found):
                row.lease(retry_at=at + LEASE)
                event = "confirm_sent" if isinstance(row, TradeConfirm) else "settlement_sent"
                tell(work, row, event, at=at, ask=row.ask, attempt=row.attempts)
                said.append(Call(row.id, row.ask, saying(row, at)))
    planned += said
    return len(said)


def _hold(row_id: str, error: Exception) -> None:
    """What cannot be put into words stops here: people are told, and may send it again."""
    refusal = Refused("not_said", f"{type(error).__name__}: {error}"[:200])
    order_id = _answer_one(row_id, lambda work, row, at: _refuse(work, row, refusal, at))
    draining.tell("say", row_id, error, order_id=order_id)


def _not_applied(planned: Sequence[Call], row_id: str, error: Exception) -> None:
    """An answer that cannot be applied counts as none: it is asked again, rarer and rarer."""
    asked = {call.row_id: call.ask for call in planned}
    answer = Deferred("not_applied", f"{type(error).__name__}: {error}"[:200])

    def defer(work: Unit, row: _Row, at: datetime) -> None:
        if row.ask == asked[row_id]:
            _defer(work, row, answer, at)

    order_id = _answer_one(row_id, defer)
    draining.tell("hear", row_id, error, order_id=order_id)


def _answer_one(row_id: str, do: Callable[[Unit, Any, datetime], None]) -> str:
    """Do something about one row alone; the order it belongs to."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        held: dict[str, Any] = work.lock(TradeConfirm, [row_id])
        row = (held or work.lock(SettlementInstruction, [row_id]))[row_id]
        do(work, row, at)
    return str(row.order_id)


def _saying(row: _Row, at: datetime) -> Say:
    """How to say what a row asks for; all that is said is read here, under its lock."""
    match row:
        case TradeConfirm(ask=TradeConfirm.Ask.DISPUTE):
            return partial(_dispute, row.id, row.leg_id, row.reason)
        case TradeConfirm():
            return partial(_confirm, confirmation(row))
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


def confirmation(row: TradeConfirm) -> Confirmation:
    """Our side of a trade, as it is told outside."""
    return Confirmation(
        key=row.id,
        leg_id=row.leg_id,
        account=outside_code(row),
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
        account=outside_code(row),
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
def _apply(planned: list[Call], answers: Mapping[str, Answer], taken: list[str]) -> int:
    """Apply what was answered; a row that asks for something else by now goes on asking."""
    at, asked = clock.now(), {call.row_id: call.ask for call in planned}
    taken += sorted(asked)
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
    return len(rows)


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
