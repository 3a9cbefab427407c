"""Watching the calendar: what has not settled at the end of its day has failed, and ages.

After as many settling days as the policy bears, what we were to receive is bought in. Reads the
market's calendar; moves nothing that has changed hands.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Any

from allocations.models import SettlementInstruction
from allocations.settlement import rules
from allocations.settlement.telling import tell
from allocations.settlement_states import InstructionStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import Event
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import instruments, sessions
from venues.calendar import NoSession, OutsideCalendar, new_york_date

_by = actors.system("settlement")
_TO_FAIL = (InstructionStatus.PENDING, InstructionStatus.INSTRUCTED)
# What is borne longer, or has its day before it, stays: each sweep looks at the next page.
_fresh, _aged = draining.Turns(), draining.Turns()
_odd = draining.Aside("settlement_fails")


def sweep(*, limit: int = 200) -> int:
    """Fail what is over and buy in what has failed for too long; how many rows moved.

    One that cannot be looked at is left out for a while, and people are told.
    """
    return draining.safely(partial(_sweep, limit), lambda key: _sweep(1, [], key), aside=_put_aside)


def _put_aside(key: str, error: Exception) -> None:
    rows = SettlementInstruction.objects.filter(pk=key)
    _odd.put(key, error, order_id=rows.values_list("order_id", flat=True).first() or "")


def _sweep(limit: int, taken: list[str], only: str = "") -> int:
    at = clock.now()
    today, moved = new_york_date(at), 0
    with unit.work(by=_by, at=at) as work:
        generation.check()
        due = SettlementInstruction.objects.select_for_update(skip_locked=True, no_key=True).filter(
            closed_at=None, settlement_date__lte=today
        )
        due = due.exclude(pk__in=_odd.keys())
        if only:
            found = list(due.filter(pk=only))
        else:
            found = _fresh.page(due.filter(status__in=_TO_FAIL), limit)
            found += _aged.page(due.filter(status=InstructionStatus.FAILED), limit)
        taken += [row.id for row in found]
        for row in map(work.hold, found):
            if row.status in _TO_FAIL and _day_is_over(row, at):
                row.fail(on=row.settlement_date, code="not_settled", reason="its day is over")
                told: dict[str, Any] = {"code": row.code, "reason": row.reason, "on": row.failed_on}
                tell(work, row, "settlement_fail", at=at, **told)
                moved += 1
            if row.status == InstructionStatus.FAILED and _is_borne_no_longer(row, today, at):
                _buy_in(work, row, today, at)
                moved += 1
    return moved


def days_failed(row: SettlementInstruction, *, at: datetime) -> int:
    """Calendar days since it should have settled; 0 while it is not late."""
    return max((new_york_date(at) - row.settlement_date).days, 0)


def buy_in_day(row: SettlementInstruction, *, at: datetime) -> date | None:
    """When a failed one is bought in; None where it never is, or the calendar does not reach.

    Who receives buys in, from who does not deliver: our own sales only age, and of what the
    custodian has not taken nobody can be late but us. What it took late is borne from that day on.
    """
    if row.failed_on is None or row.side != "buy" or not row.ref:
        return None
    borne = rules.of(row.organization_id, at=at).buy_in_days
    market = instruments.by_id(row.instrument_id).market
    since = max(row.failed_on, _taken_on(row) or row.failed_on)
    try:
        return sessions.calendar(market).settlement_date(since, lag=borne)
    except OutsideCalendar:
        return None


def _taken_on(row: SettlementInstruction) -> date | None:
    """The day on which the custodian took it, by the journal."""
    taken = Event.objects.filter(subject=row.id, event_type="settlement_accept").order_by("seq")
    first = taken.values_list("at", flat=True).first()
    return new_york_date(first) if first else None


def _day_is_over(row: SettlementInstruction, at: datetime) -> bool:
    """Whether the market has closed on its day; without a session, whether the day has passed."""
    market = instruments.by_id(row.instrument_id).market
    try:
        return at >= sessions.calendar(market).close_for(row.settlement_date, True)
    except (NoSession, OutsideCalendar):
        return new_york_date(at) > row.settlement_date


def _is_borne_no_longer(row: SettlementInstruction, today: date, at: datetime) -> bool:
    if row.ask:
        return False  # something else is to be told first: it may be on its way out
    day = buy_in_day(row, at=at)
    return day is not None and today >= day


def _buy_in(work: Unit, row: SettlementInstruction, today: date, at: datetime) -> None:
    row.buy_in(on=today)
    row.ask_for(SettlementInstruction.Ask.BUY_IN, due_at=at)
    told: dict[str, Any] = {"on": today, "left": row.left_qty, "failed_on": row.failed_on}
    tell(work, row, "settlement_buy_in", at=at, **told)
