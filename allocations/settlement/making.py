"""What follows a booked leg: its confirmation and its instruction; and what a reversal undoes.

Driven by the queue that the database fills with every leg that is booked or taken back. Locks: the
queue's rows, legs by id, then confirmations, then instructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from allocations.matching import routes
from allocations.models import (
    BookingLeg,
    SettlementDue,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import brokers, dues, mailbox, standing
from allocations.settlement.telling import tell
from allocations.states import LegStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from venues import instruments

AGAIN = timedelta(seconds=2)
_by = actors.system("settlement")
_TAKEN_BACK = "What it confirms was taken back."


def drain(*, limit: int = 200) -> int:
    """Make or undo what up to `limit` legs ask for; returns how many entries were done.

    An entry that cannot be followed is put off, and people are told; the others are followed.
    """
    return draining.safely(partial(_drain, limit), lambda key: _drain(1, [], key), aside=_put_off)


def _put_off(key: int, error: Exception) -> None:
    order_id = dues.put_off(key, until=clock.now() + draining.AGAIN)
    draining.tell("settle", key, error, order_id=order_id)


def _drain(limit: int, taken: list[int], only: int | None = None) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.check()
        due = dues.take(at=at, limit=limit, only=only)
        if not due:
            return 0
        taken += [one.pk for one in due]
        held = _Held(work, due, at)
        waiting = [leg.id for leg in held.asked() if not held.follow(leg)]
        done = [one for one in due if one.leg_id not in waiting]
        mailbox.reopen(held.made)
        dues.close(done)
        dues.postpone([one for one in due if one.leg_id in waiting], until=at + AGAIN)
    return len(done)


def take_back(
    work: Unit, confirm: TradeConfirm, instruction: SettlementInstruction | None, *, at: datetime
) -> None:
    """Cancel what is only on paper; ask the custodian, and its service, that may have heard of it.

    Its service only once nothing can have changed hands: that is given back there by a trade of its
    own.
    """
    confirm.cancel(reason=_TAKEN_BACK)
    tell(work, confirm, "confirm_cancel", at=at, reason=confirm.reason)
    if instruction is None or not instruction.was_sent:
        _withdraw(work, confirm, at=at)
    if instruction is None or not instruction.is_open:
        return
    if instruction.was_sent:
        instruction.ask_for(SettlementInstruction.Ask.CANCEL, due_at=at)
        tell(work, instruction, "settlement_ask", at=at, ask=instruction.ask)
    else:
        instruction.cancel(reason=_TAKEN_BACK, at=at)
        tell(work, instruction, "settlement_cancel", at=at, reason=instruction.reason)


def _withdraw(work: Unit, confirm: TradeConfirm, *, at: datetime) -> None:
    """Have a matching service take a trade back, once."""
    if confirm.stands_outside:
        confirm.ask_for(TradeConfirm.Ask.WITHDRAW, due_at=at)
        tell(work, confirm, "confirm_withdraw", at=at, ask=confirm.ask)


class _Held:
    """The legs of one batch with everything that hangs on them, locked."""

    def __init__(self, work: Unit, due: list[SettlementDue], at: datetime) -> None:
        self._work, self._at = work, at
        self.made: list[str] = []
        self._wanted = sorted({one.leg_id for one in due})
        self._brokers: dict[str, str] = {}
        pairs = BookingLeg.objects.filter(id__in=self._wanted).values_list("id", "reverses_id")
        mirrors = BookingLeg.objects.filter(reverses_id__in=self._wanted)
        keys = {key for pair in pairs for key in pair if key}
        keys |= set(mirrors.values_list("id", flat=True))
        self.legs: Mapping[str, BookingLeg] = work.lock(BookingLeg, keys)
        self._parents(keys)
        # What was taken back here and goes through a service may have to be taken back there too.
        confirms = TradeConfirm.objects.filter(leg_id__in=keys)
        confirms = confirms.exclude(status="canceled", service=None)
        rows = work.lock(TradeConfirm, confirms.values_list("id", flat=True)).values()
        self._confirms = {row.leg_id: row for row in rows if row.status != "canceled"}
        self._canceled = [row for row in rows if row.status == "canceled"]
        found = SettlementInstruction.objects.filter(leg_id__in=keys)
        locked = work.lock(SettlementInstruction, found.values_list("id", flat=True)).values()
        self._instructions = {row.leg_id: row for row in sorted(locked, key=lambda r: r.id)}

    def _parents(self, keys: set[str]) -> None:
        rows = BookingLeg.objects.filter(id__in=keys)
        for row in rows.select_related("allocation", "account_allocation"):
            if row.id in self.legs:
                self.legs[row.id].allocation = row.allocation
                self.legs[row.id].account_allocation = row.account_allocation
        self._brokers = brokers.of_legs(self.legs.values())

    def asked(self) -> list[BookingLeg]:
        """The legs in question, oldest first."""
        return [self.legs[key] for key in self._wanted if key in self.legs]

    def follow(self, leg: BookingLeg) -> bool:
        """Do what a leg asks for; False when that has to wait."""
        if leg.reverses_id is not None:
            return self._undo(leg)
        mirrors = [one for one in self.legs.values() if one.reverses_id == leg.id]
        stands = all(one.status == LegStatus.CANCELED for one in mirrors)
        if leg.status == LegStatus.BOOKED and stands and leg.id not in self._confirms:
            self._withdraw(leg.id)  # it goes there once more, under another key
            self._make(leg, qty=leg.qty, money=leg.net_money)
        return True

    def _undo(self, mirror: BookingLeg) -> bool:
        if mirror.status == LegStatus.CANCELED:
            return True
        original = str(mirror.reverses_id)
        confirm = self._confirms.pop(original, None)
        instruction = self._instructions.get(original)
        if confirm is not None:
            take_back(self._work, confirm, instruction, at=self._at)
            self._canceled.append(confirm)
        if mirror.status != LegStatus.BOOKED:
            return True  # it is queued again once it is booked
        if instruction is not None and instruction.is_open:
            return False
        if instruction is None or not instruction.settled_qty:
            self._withdraw(original)
        elif mirror.id not in self._confirms:
            # Only what has changed hands goes back.
            self._make(mirror, qty=instruction.settled_qty, money=instruction.settled_money)
        return True

    def _withdraw(self, leg_id: str) -> None:
        for row in self._canceled:
            if row.leg_id == leg_id:
                _withdraw(self._work, row, at=self._at)

    def _make(self, leg: BookingLeg, *, qty: Decimal, money: Decimal) -> None:
        confirm = _confirm(leg, broker=self._brokers.get(leg.id, ""), at=self._at)
        instruction = _instruction(confirm, qty=qty, money=money)
        self._work.add(confirm, instruction)
        self._confirms[leg.id], self._instructions[leg.id] = confirm, instruction
        tell(
            self._work,
            confirm,
            "confirm_generate",
            at=self._at,
            also=[instruction],
            instruction_id=instruction.id,
            side=confirm.side,
            amount=confirm.qty,
            net_money=confirm.net_money,
            settlement_date=confirm.settlement_date,
            has_ssi=confirm.has_ssi,
        )
        self.made.append(leg.id)


def _confirm(leg: BookingLeg, *, broker: str, at: datetime) -> TradeConfirm:
    allocation = leg.allocation
    account_id = leg.booked_account_id or leg.account_allocation.account_id
    buys = (allocation.side == "buy") == (leg.reverses_id is None)
    place = standing.find(leg.organization_id, leg.custodian_id, account_id)
    security = instruments.by_id(allocation.instrument_id)
    copied = (
        *("organization_id", "custodian_id", "qty", "price", "principal", "accrued_interest"),
        *("fees", "net_money", "trade_date", "settlement_date"),
    )
    return TradeConfirm(
        id=ids.prefixed("cf"),
        leg_id=leg.id,
        order_id=allocation.order_id,
        account_id=account_id,
        instrument_id=allocation.instrument_id,
        side="buy" if buys else "sell",
        currency=security.currency,
        counterparty=broker,
        service_id=routes.find(
            leg.organization_id,
            counterparty=broker,
            custodian_id=leg.custodian_id,
            asset_class=security.asset_class,
        ),
        created_at=at,
        ask=TradeConfirm.Ask.CONFIRM,
        due_at=at,
        has_ssi=place is not None,
        **{name: getattr(leg, name) for name in copied},
    )


def _instruction(confirm: TradeConfirm, *, qty: Decimal, money: Decimal) -> SettlementInstruction:
    copied = (
        *("organization_id", "leg_id", "order_id", "custodian_id", "account_id", "instrument_id"),
        *("side", "currency", "settlement_date", "created_at"),
    )
    place = standing.find(confirm.organization_id, confirm.custodian_id, confirm.account_id)
    return SettlementInstruction(
        id=ids.prefixed("si"),
        confirm_id=confirm.id,
        qty=qty,
        net_money=money,
        place=str(place or ""),
        **{name: getattr(confirm, name) for name in copied},
    )
