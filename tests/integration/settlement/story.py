"""Short words for what follows a trade: booked at a real simulator, confirmed, settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from allocations import rounds as bookings
from allocations.custodians.settling import Told
from allocations.custodians.simulator import desk
from allocations.models import (
    SettlementFact,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import fails, mailbox, making, rounds
from oms_site.firm import generation, policies, policy_changes
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import lots
from orders.models import Execution, VenueOrder
from tests import trading
from tests.integration.allocations.outside import CUSTODIANS, Outside
from venues.messages import ExecType, OrdStatus

NEW_YORK = ZoneInfo("America/New_York")
QTY = 1000


def traded(account: str = "alpha-002", *, qty: int = QTY, side: str = "buy", **more: Any) -> str:
    """One filled order for one account, split and booked; its id."""
    child = trading.routed(account_id=account, qty=trading.D(qty), side=side, **more)
    wire_side = "1" if side == "buy" else "2"
    trading.receive(trading.fill(child, qty, cum=qty, side=wire_side))
    book()
    return child.order_id


def book() -> None:
    """Split what was filled and book it at every custodian."""
    lots.drain()
    for custodian in CUSTODIANS:
        bookings.run_round(custodian, most=100)


def policy(**rules: Any) -> None:
    """Two people put another version of alpha's policy in force."""
    one, other = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    before = policies.of("alpha", at=clock.now())
    changed = policy_changes.propose(
        preset=before.preset, rules=rules, reason="for a test", by=one, at=clock.now()
    )
    policy_changes.approve(changed.version, reason="agreed", by=other, at=clock.now())
    generation.check()


def turn(times: int = 2, *, custodians: Sequence[str] = CUSTODIANS) -> None:
    """What the worker does, in one thread: legs, custodians one by one, the calendar."""
    for _ in range(times):
        making.drain()
        for custodian in custodians:
            rounds.turn(custodian)
        fails.sweep()


@contextmanager
def on(month: int, day: int, hour: int = 10, minute: int = 0) -> Iterator[datetime]:
    """A moment of 2026 in New York, standing still."""
    with clock.frozen_at(datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK)):
        yield clock.now()


def confirm_of(order_id: str) -> TradeConfirm:
    """The live confirmation of an order with one leg."""
    return TradeConfirm.objects.exclude(status="canceled").get(order_id=order_id)


def instruction_of(order_id: str) -> SettlementInstruction:
    """The live instruction of an order with one leg."""
    return SettlementInstruction.objects.exclude(status="canceled").get(order_id=order_id)


def events(order_id: str) -> list[str]:
    """What happened after the booking, oldest first."""
    rows = Event.objects.filter(order_id=order_id).order_by("id")
    names = rows.values_list("event_type", flat=True)
    return [name for name in names if name.startswith(("confirm", "settlement"))]


def facts(order_id: str) -> list[SettlementFact]:
    """What has changed hands for an order."""
    return list(SettlementFact.objects.filter(order_id=order_id).order_by("cash_sequence"))


def theirs(outside: Outside) -> dict[str, desk.Settled]:
    """What custodians have settled by their own journals, by their reference."""
    found: dict[str, desk.Settled] = {}
    for custodian in CUSTODIANS:
        found.update(desk.settled(outside.directory, custodian))
    return found


def store(custodian_id: str, seq: int, body: str) -> None:
    """A message as if the custodian had told it."""
    assert mailbox.store(custodian_id, [Told(seq, body)], at=clock.now()) == 1


def bust(order_id: str) -> None:
    """The venue takes the last execution of an order back; legs are reversed and booked."""
    _again(order_id, ExecType.TRADE_CANCEL, qty=0, cum=0)


def correct(order_id: str, *, px: str) -> None:
    """The venue corrects the price of the last execution; legs are reversed and booked anew."""
    last = Execution.objects.filter(order_id=order_id).order_by("-sequence")[0]
    qty = int(last.qty)
    _again(order_id, ExecType.TRADE_CORRECT, qty=qty, cum=qty, last_px=trading.D(px))


def _again(order_id: str, kind: ExecType, *, qty: int, cum: int, **more: Any) -> None:
    child = VenueOrder.objects.get(order_id=order_id)
    last = Execution.objects.filter(order_id=order_id).order_by("-sequence")[0]
    trading.receive(
        trading.fill(
            child,
            qty,
            cum=cum,
            exec_type=kind,
            exec_ref_id=last.exec_id,
            ord_status=OrdStatus.PARTIALLY_FILLED,
            **more,
        )
    )
    book()
    book()  # what replaces a leg is sent once its reversal is booked
