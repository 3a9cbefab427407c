"""After a trade too: a row that breaks its sweep harms only itself, and no page starves."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import F

from allocations import corporate_actions, margin, notices, rounds
from allocations.clearing import making as reporting
from allocations.clearing import sending as clearing
from allocations.custodians.asking import Deferred
from allocations.custodians.port import Booked, Notice
from allocations.custodians.settling import Told
from allocations.feed import bodies, outbox, people
from allocations.holdings import coupons
from allocations.models import (
    Account,
    BookingLeg,
    ClearingDue,
    ClearingReport,
    CorporateAction,
    CustodianMessage,
    FeedDelivery,
    MarginCall,
    MatchingMessage,
    MovementNotice,
    Position,
    SettlementDue,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import central, fails, mailbox, making, matching, sending
from allocations.settlement import rounds as rounds_of_all
from oms_site.firm import generation
from oms_site.journal import draining
from oms_site.kit import clock
from orders import corporate, desk, lots, reconciliation, street
from orders.models import Break, Execution, Order
from tests import poison, trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from venues import instruments

pytestmark = pytest.mark.django_db
LPL = "cust_lpl"
CCP = "clr_nscc"


def _leg(order_id: str) -> BookingLeg:
    return BookingLeg.objects.get(allocation__order_id=order_id)


# --- booking ---------------------------------------------------------------------------------
def _split(*accounts: str) -> list[BookingLeg]:
    """One leg for each, waiting to be booked at the same custodian."""
    made = []
    for account in accounts:
        child = trading.routed(account_id=account, qty=trading.D(1000))
        trading.receive(trading.fill(child, 1000, cum=1000))
        made.append(child.order_id)
    lots.drain()
    return [_leg(order_id) for order_id in made]


def test_a_leg_that_cannot_be_said_is_not_sent_and_the_others_are_booked(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = _split("alpha-002", "alpha-002")
    poison.breaks(monkeypatch, rounds, "_instruction", odd.id)
    rounds.run_round(odd.custodian_id, most=10)
    assert str(BookingLeg.objects.get(id=good.id).status) == "booked"
    left = BookingLeg.objects.get(id=odd.id)
    assert (str(left.status), left.code, left.attempts) == ("queued", "not_said", 0)
    assert left.due_at == clock.now() + draining.AGAIN
    assert poison.aside("book").order_id == left.allocation.order_id
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + draining.AGAIN):
        rounds.run_round(odd.custodian_id, most=10)
    assert str(BookingLeg.objects.get(id=odd.id).status) == "booked"
    assert sorted(outside.lines()) == sorted([odd.id, good.id])


def test_an_answer_that_cannot_be_applied_is_asked_for_again_and_books_once(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = _split("alpha-002", "alpha-002")
    apply = rounds._apply

    def fail(work: Any, leg: BookingLeg, answer: Any, at: Any) -> None:
        if leg.id == odd.id and not isinstance(answer, Deferred):
            raise ValueError("odd")
        apply(work, leg, answer, at)

    monkeypatch.setattr(rounds, "_apply", fail)
    rounds.run_round(odd.custodian_id, most=10)
    assert str(BookingLeg.objects.get(id=good.id).status) == "booked"
    left = BookingLeg.objects.get(id=odd.id)
    assert (str(left.status), left.code) == ("sent", "not_applied")
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + timedelta(minutes=5)):
        rounds.run_round(odd.custodian_id, most=10)
    assert str(BookingLeg.objects.get(id=odd.id).status) == "booked"
    assert sorted(outside.lines()) == sorted([odd.id, good.id])


# --- settlement ------------------------------------------------------------------------------
def test_a_leg_that_cannot_be_followed_keeps_no_other_from_settling(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    poison.breaks(monkeypatch, making._Held, "follow", _leg(odd).id)
    assert making.drain() == 1
    assert TradeConfirm.objects.get().order_id == good
    assert SettlementDue.objects.get().due_at == clock.now() + draining.AGAIN
    assert poison.aside("settle").order_id == odd
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + draining.AGAIN):
        assert making.drain() == 1
    assert TradeConfirm.objects.filter(order_id=odd).count() == 1


def test_a_message_that_cannot_be_applied_holds_up_none_behind_it(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    making.drain()
    poison.breaks(monkeypatch, matching, "state", story.confirm_of(odd).id)
    for _ in range(3):
        story.turn(1)
    assert story.confirm_of(good).status == "affirmed"
    message = CustodianMessage.objects.get(verdict="unreadable")
    assert message.note == "not applied: ValueError"
    assert poison.aside("mailbox").key.endswith(f"/{message.seq}")


def test_messages_that_wait_hold_up_none_behind_them(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = story.traded()
    story.turn(1)
    row = CustodianMessage.objects.order_by("seq").first()
    assert row is not None
    CustodianMessage.objects.update(applied_at=clock.now(), verdict="applied")
    monkeypatch.setattr(mailbox, "_MOST", 2)
    monkeypatch.setattr(mailbox.apply, "__kwdefaults__", {"limit": 2})
    monkeypatch.setattr(mailbox, "_fetch", lambda *_: 0)
    # Three speak of legs that nobody knows yet; the fourth can be accounted for at once.
    for seq in (901, 902, 903):
        body = row.body.replace(_leg(order_id).id, f"bl_{seq}").replace("ST-", f"ST-{seq}")
        story.store(row.custodian_id, seq, body)
    story.store(row.custodian_id, 904, "nonsense")
    mailbox.poll(row.custodian_id)
    assert CustodianMessage.objects.get(seq=904).verdict == "unreadable"
    assert CustodianMessage.objects.filter(applied_at=None).count() == 3


def test_what_cannot_be_said_to_a_custodian_is_held_and_the_rest_is_said(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    making.drain()
    poison.breaks(monkeypatch, sending, "confirmation", story.confirm_of(odd).id)
    sending.run_round(LPL)
    for custodian in ("cust_bny", "cust_pershing"):
        sending.run_round(custodian)
    assert story.confirm_of(good).received_at is not None
    held = story.confirm_of(odd)
    assert (held.code, held.due_at, held.received_at) == ("not_said", None, None)
    assert poison.aside("say").order_id == odd


def test_an_answer_to_a_confirmation_that_cannot_be_applied_is_asked_for_again(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    making.drain()
    key = story.confirm_of(odd).id
    receive = TradeConfirm.receive

    def fail(self: TradeConfirm, **kwargs: Any) -> None:
        if self.id == key:
            raise ValueError("odd")
        receive(self, **kwargs)

    monkeypatch.setattr(TradeConfirm, "receive", fail)
    sending.run_round(story.confirm_of(odd).custodian_id)
    assert story.confirm_of(good).received_at is not None
    left = story.confirm_of(odd)
    assert left.received_at is None
    assert left.due_at is not None
    assert poison.aside("hear").order_id == odd
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + timedelta(minutes=5)):
        sending.run_round(left.custodian_id)
    assert story.confirm_of(odd).received_at is not None


def _failed(count: int) -> list[str]:
    made = [story.traded("alpha-stuck") for _ in range(count)]
    story.turn()
    with story.on(11, 24, 18):
        story.turn(1)
    return sorted(story.instruction_of(one).id for one in made)


def test_a_fail_that_cannot_be_looked_at_keeps_no_other_from_failing(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded("alpha-stuck"), story.traded("alpha-stuck")
    story.turn()
    poison.breaks(monkeypatch, fails, "_day_is_over", story.instruction_of(odd).id)
    with story.on(11, 24, 18):
        fails.sweep()
        assert story.instruction_of(good).status == "failed"
    assert poison.aside("settlement_fails").order_id == odd


def test_fails_that_are_borne_longer_keep_none_from_being_bought_in(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = _failed(3)
    borne = fails._is_borne_no_longer
    monkeypatch.setattr(
        fails, "_is_borne_no_longer", lambda row, *more: row.id == third and borne(row, *more)
    )
    with story.on(12, 1):
        for _ in range(3):
            fails.sweep(limit=1)
    rows = SettlementInstruction.objects.filter(id__in=[first, second, third]).order_by("id")
    assert [str(row.status) for row in rows] == ["failed", "failed", "bought_in"]


def test_a_services_message_that_cannot_be_applied_holds_up_none_behind_it(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = "svc_ctm"
    central.store(service, [Told(1, "nonsense"), Told(2, "nonsense")], at=clock.now())
    apply = central._Batch.apply

    def fail(self: Any, row: MatchingMessage) -> tuple[str, str]:
        if row.seq == 1:
            raise ValueError("odd")
        return apply(self, row)

    monkeypatch.setattr(central._Batch, "apply", fail)
    assert central.apply(service) == 1
    notes = MatchingMessage.objects.order_by("seq").values_list("verdict", "note")
    assert list(notes) == [("unreadable", "not applied: ValueError"), ("unreadable", "")]
    assert poison.aside("matching").key == "matching/svc_ctm/1"


# --- clearing --------------------------------------------------------------------------------
def test_a_trade_that_cannot_be_told_waits_with_its_bust_and_stops_no_other(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    trade = Execution.objects.get(order_id=odd).id
    report = reporting.report

    def fail(work: Any, one: Any, *args: Any, **kwargs: Any) -> Any:
        if one.execution_id == trade:
            raise ValueError("odd")
        return report(work, one, *args, **kwargs)

    monkeypatch.setattr(reporting, "report", fail)
    street.drain()
    assert set(ClearingReport.objects.values_list("order_id", flat=True)) == {good}
    assert poison.aside("clear").order_id == odd
    story.bust(odd)
    while street.drain():
        pass
    # What takes it back is not looked at before the trade itself: the street would keep it.
    assert ClearingDue.objects.count() == 2
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + 2 * draining.AGAIN):
        while street.drain():
            pass
    told = ClearingReport.objects.filter(order_id=odd, party_id=CCP).order_by("id")
    assert [row.trans_type for row in told] == ["new", "cancel"]
    assert not ClearingDue.objects.exists()


def test_a_report_that_cannot_be_said_is_put_off_and_the_others_are_told(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    street.drain()
    key = ClearingReport.objects.get(order_id=odd, party_id=CCP).id
    poison.breaks(monkeypatch, clearing, "_message", key)
    clearing.run_round(CCP)
    told = {row.order_id: row for row in ClearingReport.objects.filter(party_id=CCP)}
    assert str(told[good].status) == "accepted"
    assert (str(told[odd].status), told[odd].code) == ("pending", "not_said")
    assert poison.aside("report").order_id == odd


def test_a_clearing_answer_that_cannot_be_applied_is_asked_for_again(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = story.traded(), story.traded()
    street.drain()
    key = ClearingReport.objects.get(order_id=odd, party_id=CCP).id
    poison.breaks(monkeypatch, clearing, "_take", key)
    clearing.run_round(CCP)
    told = {row.order_id: row for row in ClearingReport.objects.filter(party_id=CCP)}
    assert str(told[good].status) == "accepted"
    assert (str(told[odd].status), told[odd].code) == ("pending", "not_applied")
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + draining.AGAIN):
        clearing.run_round(CCP)
    assert str(ClearingReport.objects.get(pk=key).status) == "accepted"


# --- telling others --------------------------------------------------------------------------
def test_a_delivery_that_cannot_be_put_into_words_is_dead_and_the_others_are_sent(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = trading.person("alpha_admin")
    endpoint, _ = people.register(
        name="Portfolio", url="http://127.0.0.1:9/positions", by=by, at=clock.now()
    )
    story.traded()
    story.traded()
    odd, good = FeedDelivery.objects.order_by("id")
    poison.breaks(monkeypatch, bodies, "of", odd.pk)
    claimed = outbox.claim(endpoint.id, at=clock.now(), most=10)
    assert [one.pk for one in claimed] == [good.pk]
    odd.refresh_from_db()
    assert (odd.state, odd.error) == ("dead", "ValueError: odd")
    assert poison.aside("feed")


def test_a_movement_that_cannot_be_told_waits_and_the_others_are_told(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, api: Any
) -> None:
    ask = {"kind": "deposit", "account_id": "alpha-002", "amount": 2000}
    for _ in range(2):
        assert api("alpha_ops").post("/v1/transaction/", ask)[0] in (200, 201, 202)
    odd, good = MovementNotice.objects.order_by("id")
    poison.breaks(monkeypatch, notices, "_notice", odd.movement_id)
    notices.turn(odd.custodian_id)
    good.refresh_from_db()
    odd.refresh_from_db()
    assert good.answered_at is not None
    assert odd.due_at == clock.now() + draining.AGAIN
    assert poison.aside("notice")


def test_an_answer_that_cannot_be_noted_is_asked_for_again_and_the_others_are_noted(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, api: Any
) -> None:
    ask = {"kind": "deposit", "account_id": "alpha-002", "amount": 2000}
    for _ in range(2):
        assert api("alpha_ops").post("/v1/transaction/", ask)[0] in (200, 201, 202)
    odd, good = MovementNotice.objects.order_by("id")
    told = notices._told

    def answer(adapter: Any, one: Notice) -> Any:
        return Booked("a\x00b") if one.key == odd.movement_id else told(adapter, one)

    with monkeypatch.context() as patch:
        patch.setattr(notices, "_told", answer)
        notices.turn(odd.custodian_id)
    odd.refresh_from_db()
    good.refresh_from_db()
    assert good.answered_at is not None
    assert (odd.answered_at, odd.due_at) == (None, clock.now() + draining.AGAIN)
    assert poison.aside("notice").key == f"notice/{odd.movement_id}"
    with clock.frozen_at(clock.now() + draining.AGAIN):
        notices.turn(odd.custodian_id)
    odd.refresh_from_db()
    assert odd.answered_at is not None


@pytest.mark.parametrize(
    ("room", "name", "drain"), [(notices, "_tell", "notice"), (mailbox, "_fetch", "mailbox")]
)
def test_what_breaks_beside_it_keeps_no_custodian_from_being_told_of_trades(
    outside: Outside,
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
    room: Any,
    name: str,
    drain: str,
) -> None:
    ask = {"kind": "deposit", "account_id": "alpha-002", "amount": 2000}
    assert api("alpha_ops").post("/v1/transaction/", ask)[0] in (200, 201, 202)
    order_id = story.traded()
    making.drain()
    custodian = story.confirm_of(order_id).custodian_id
    poison.breaks(monkeypatch, room, name, custodian)
    rounds_of_all.turn(custodian)
    assert story.confirm_of(order_id).received_at is not None
    assert poison.aside(drain).key == f"{drain}/{custodian}"


# --- margin, issuers, breaks -----------------------------------------------------------------
def test_an_account_whose_margin_cannot_be_worked_out_keeps_no_other_from_its_call(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.traded("alpha-002")
    Account.objects.filter(id__in=["alpha-002", "alpha-003"]).update(margin=True)
    generation.check()
    standings = margin.standings

    def fail(organization_id: str, account_ids: Any, **kwargs: Any) -> Any:
        if "alpha-003" in account_ids:
            raise ValueError("odd")
        return standings(organization_id, account_ids, **kwargs)

    monkeypatch.setattr(margin, "standings", fail)
    assert margin.watch() == 1
    assert MarginCall.objects.get().account_id == "alpha-002"
    assert poison.aside("watch_margin").key == "watch_margin/alpha-003"


def _two_bonds(monkeypatch: pytest.MonkeyPatch, odd: int | None = None) -> tuple[int, int]:
    """Two bonds are held, and both pay a coupon today; the schedule of `odd` cannot be read."""
    story.traded("alpha-002")
    order_id = trading.submit(
        instrument_id="912810SX7", qty=trading.D(1000), bypass_auto_execution=True
    )
    trading.receive(trading.fill(trading.execute(order_id, 1000), 1000, cum=1000))
    story.book()
    first, second = Position.objects.values_list("instrument_id", flat=True).order_by("id")

    def between(bond: Any, *_: object) -> Any:
        if odd is not None and bond is instruments.by_id((first, second)[odd]).bond:
            raise ValueError("odd")
        return [SimpleNamespace(day=clock.now().date(), rate=trading.D(1))]

    monkeypatch.setattr(coupons, "between", between)
    return first, second


def test_an_action_that_cannot_be_applied_keeps_no_other_from_paying(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = _two_bonds(monkeypatch)
    apply = corporate_actions._apply

    def fail(work: Any, row: CorporateAction, **kwargs: Any) -> None:
        if row.instrument_id == odd:
            raise ValueError("odd")
        apply(work, row, **kwargs)

    monkeypatch.setattr(corporate_actions, "_apply", fail)
    assert corporate_actions.run_schedule() == 1
    states = dict(CorporateAction.objects.values_list("instrument_id", "status"))
    assert states == {odd: "announced", good: "applied"}
    assert poison.aside("corporate_actions").organization_id == "alpha"
    assert corporate_actions.run_schedule() == 0


def test_a_bond_whose_schedule_cannot_be_read_keeps_no_other_from_paying(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, good = _two_bonds(monkeypatch, odd=0)
    assert corporate_actions.run_schedule() == 1
    assert CorporateAction.objects.get().instrument_id == good
    assert poison.aside("announce").organization_id == "alpha"


def test_orders_in_what_is_no_more_are_all_asked_to_stop(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = corporate_actions.Ask(
        kind="call",
        instrument_id=trading.BOND,
        record_date=clock.now().date(),
        pay_date=clock.now().date(),
        rate=trading.D(101),
        reason="The issuer says so.",
    )
    row = corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=clock.now())
    odd, *good = sorted(trading.submit(bypass_auto_execution=True) for _ in range(4))
    monkeypatch.setattr(corporate, "_MOST", 1)
    stop = desk.stop

    def fail(order_ids: Any, **kwargs: Any) -> Any:
        if odd in order_ids:
            raise ValueError("odd")
        return stop(order_ids, **kwargs)

    monkeypatch.setattr(desk, "stop", fail)
    by = trading.person("alpha_compliance")
    corporate.decide(row.id, apply_it=True, by=by, at=clock.now())
    assert {str(trading.order(key).status) for key in good} == {"canceled"}
    assert poison.aside("stop_ended").order_id == odd


def test_orders_that_have_a_break_hide_none_that_has_not(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [trading.submit(bypass_auto_execution=True) for _ in range(2)]
    rows = Order._base_manager.filter(id__in=found)
    rows.update(pending="cancel", version=F("version") + 1)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        assert reconciliation.watch() == 2
        assert reconciliation.watch() == 0
    assert Break.objects.filter(kind="stuck_pending").count() == 2
