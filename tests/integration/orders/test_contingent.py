"""Lists of orders: held back, let go, and stopped by what happens to the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, execution, triggers
from orders.contingent import canceling, settling, submitting, viewing
from orders.models import Break, Order, OrderList, OrderListLeg, OrderListWatch, VenueOrder
from orders.requests import AmendAsk, AmendRequest
from tests import policies, trading
from tests.integration.orders import lists
from venues.messages import ExecType, OrdStatus

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


@contextmanager
def _later(seconds: float) -> Iterator[None]:
    with clock.frozen_at(clock.now() + timedelta(seconds=seconds)):
        yield


def _bracket(**changes: Any) -> list[str]:
    return lists.made("bracket", lists.ask(**changes), lists.profit(), lists.loss())


def _at_work(order_id: str) -> Decimal:
    return sum((row.leaves_qty for row in VenueOrder.objects.filter(order_id=order_id)), D(0))


def test_a_bracket_sends_its_entry_and_holds_what_closes_it() -> None:
    entry, profit, loss = _bracket()
    lists.settle()
    assert lists.state(entry) == ("pending_execution", D(0), D(10_000))
    assert lists.state(profit) == ("pending_execution", D(0), D(0))
    assert _at_work(entry) == D(10_000)
    assert not VenueOrder.objects.filter(order_id__in=[profit, loss]).exists()
    result = desk.execute(profit, trading.instruction(1000), by=trading.person(), at=clock.now())
    assert result.error is not None
    assert result.error.code == "order_held"


def test_a_fill_of_the_entry_lets_as_much_go_and_the_stop_loss_is_armed() -> None:
    entry, profit, loss = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 4_000, cum=4_000))
    lists.settle()
    assert lists.state(profit) == ("pending_execution", D(0), D(4_000))
    assert lists.state(loss) == ("pending_execution", D(0), D(0))
    assert Order.objects.get(pk=loss).armed_at is not None
    assert _at_work(profit) == D(4_000)
    trading.receive(trading.fill(lists.child(entry), 6_000, cum=10_000))
    lists.settle()
    assert _at_work(profit) == D(10_000)
    assert VenueOrder.objects.filter(order_id=profit).count() == 2


def test_a_filled_take_profit_ends_the_stop_loss() -> None:
    entry, profit, loss = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 10_000, cum=10_000))
    lists.settle()
    trading.receive(trading.fill(lists.child(profit), 10_000, cum=10_000, side="2"))
    lists.settle()
    assert lists.state(profit)[0] == "filled"
    assert lists.state(loss)[0] == "canceled"


def test_the_stop_loss_goes_out_only_when_the_take_profit_is_proven_gone() -> None:
    entry, profit, loss = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 10_000, cum=10_000))
    lists.settle()
    resting = lists.child(profit)
    with _later(1):
        lists.quote("97.9", "98.1")
        lists.settle()
        # Its price has come, and nothing of it has gone out: the other one may still be filled.
        assert Order.objects.get(pk=loss).triggered_at is not None
        assert not VenueOrder.objects.filter(order_id=loss).exists()
        assert Order.objects.get(pk=profit).pending == "cancel"
    with _later(2):
        trading.receive(trading.fill(resting, 3_000, cum=3_000, side="2"))
        lists.settle()
        assert not VenueOrder.objects.filter(order_id=loss).exists()
        lists.canceled(resting)
        lists.settle()
    assert lists.state(profit)[:2] == ("canceled", D(3_000))
    # What the take-profit had filled on its way out is taken off.
    assert lists.state(loss) == ("pending_execution", D(0), D(7_000))
    assert _at_work(loss) == D(7_000)
    trading.receive(trading.fill(lists.child(loss), 7_000, cum=7_000, side="2"))
    lists.settle()
    assert lists.state(loss)[:2] == ("canceled", D(7_000))
    assert not Break.objects.filter(kind=settling.EXCESS).exists()


def test_a_cancel_that_loses_against_a_fill_ends_the_stop_loss_instead() -> None:
    entry, profit, loss = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 10_000, cum=10_000))
    lists.settle()
    with _later(1):
        lists.quote("97.9", "98.1")
        lists.settle()
        resting = lists.child(profit)
        trading.receive(
            trading.fill(resting, 10_000, cum=10_000, side="2"),
            trading.cancel_refused(resting, reason=0, text="too late"),
        )
        lists.settle()
    assert lists.state(profit)[:2] == ("filled", D(10_000))
    assert lists.state(loss)[:2] == ("canceled", D(0))
    assert not VenueOrder.objects.filter(order_id=loss).exists()


def test_an_entry_that_ends_unfilled_takes_its_children_with_it() -> None:
    entry, profit, loss = _bracket(time_in_force="ioc")
    lists.settle()
    row = lists.child(entry)
    trading.receive(trading.report(row, ExecType.CANCELED, ord_status=OrdStatus.CANCELED))
    lists.settle()
    assert [lists.state(one)[0] for one in (entry, profit, loss)] == ["canceled"] * 3


def test_an_entry_that_ends_partly_filled_leaves_the_children_as_much() -> None:
    entry, profit, loss = _bracket(time_in_force="ioc")
    lists.settle()
    row = lists.child(entry)
    trading.receive(
        trading.fill(row, 2_000, cum=2_000),
        trading.report(
            row,
            ExecType.CANCELED,
            ord_status=OrdStatus.CANCELED,
            cum_qty=D(2_000),
            leaves_qty=D(0),
        ),
    )
    lists.settle()
    assert _at_work(profit) == D(2_000)
    trading.receive(trading.fill(lists.child(profit), 2_000, cum=2_000, side="2"))
    lists.settle()
    assert lists.state(profit)[:2] == ("canceled", D(2_000))
    assert lists.state(loss)[:2] == ("canceled", D(0))


def test_children_of_an_oto_are_let_go_in_proportion_rounded_down() -> None:
    parent, first, second = lists.made(
        "oto",
        lists.ask(qty=D(9_000)),
        lists.profit(qty=D(6_000)),
        lists.profit(qty=D(3_000), limit_price=D(102)),
    )
    lists.settle()
    trading.receive(trading.fill(lists.child(parent), 4_000, cum=4_000))
    lists.settle()
    # 6,000 x 4/9 and 3,000 x 4/9, in whole thousands.
    assert [lists.state(one)[2] for one in (first, second)] == [D(2_000), D(1_000)]
    trading.receive(trading.fill(lists.child(parent), 5_000, cum=9_000))
    lists.settle()
    assert [_at_work(one) for one in (first, second)] == [D(6_000), D(3_000)]


def test_a_fill_of_one_reduces_the_other_of_an_oco() -> None:
    profit, loss = lists.made("oco", lists.profit(), lists.loss())
    lists.settle()
    assert _at_work(profit) == D(10_000)
    trading.receive(trading.fill(lists.child(profit), 4_000, cum=4_000, side="2"))
    lists.settle()
    resting = lists.child(profit)
    with _later(1):
        lists.quote("97.9", "98.1")
        lists.settle()
        lists.canceled(resting)
        lists.settle()
    assert lists.state(loss) == ("pending_execution", D(0), D(6_000))
    assert _at_work(loss) == D(6_000)


def test_a_leg_that_its_client_cancels_leaves_the_other_one() -> None:
    profit, loss = lists.made("oco", lists.profit(), lists.loss())
    lists.settle()
    desk.cancel([profit], by=trading.person(), at=clock.now())
    lists.canceled(lists.child(profit))
    lists.settle()
    assert lists.state(profit)[0] == "canceled"
    assert lists.state(loss)[0] == "pending_execution"
    with _later(1):
        lists.quote("97.9", "98.1")
        lists.settle()
    assert _at_work(loss) == D(10_000)


def test_nothing_starts_before_every_leg_has_passed_its_controls() -> None:
    # A limit far from the market is flagged for a second person.
    entry, profit, _ = lists.made(
        "bracket", lists.ask(), lists.profit(limit_price=D(109)), lists.loss()
    )
    lists.settle()
    assert lists.state(profit)[0] == "pending_approval"
    assert lists.state(entry) == ("pending_execution", D(0), D(0))
    assert not VenueOrder.objects.exists()
    decided = desk.decide(
        profit,
        approve=True,
        annotation="fine",
        client_decision_id="",
        by=trading.person("alpha_compliance"),
        at=clock.now(),
    )
    assert decided.error is None
    lists.settle()
    assert _at_work(entry) == D(10_000)


def test_a_leg_that_is_refused_ends_the_list() -> None:
    entry, profit, loss = lists.made(
        "bracket", lists.ask(), lists.profit(limit_price=D(300)), lists.loss()
    )
    lists.settle()
    found = [lists.state(one)[0] for one in (entry, profit, loss)]
    assert found == ["canceled", "rejected", "canceled"]
    assert not VenueOrder.objects.exists()


def test_a_bust_of_the_entry_takes_back_what_nobody_works_yet_and_reports_the_rest() -> None:
    entry, profit, _ = _bracket()
    lists.settle()
    filled = trading.fill(lists.child(entry), 10_000, cum=10_000)
    trading.receive(filled)
    lists.settle()
    bust = trading.fill(
        lists.child(entry),
        10_000,
        cum=0,
        exec_type=ExecType.TRADE_CANCEL,
        exec_ref_id=filled.exec_id,
        ord_status=OrdStatus.NEW,
    )
    trading.receive(bust)
    lists.settle()
    found = Break.objects.get(kind=settling.EXCESS)
    assert found.evidence["excess"] == "10000.000000"
    assert _at_work(profit) == D(10_000)


def test_settling_again_changes_nothing() -> None:
    entry, _, _ = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 4_000, cum=4_000))
    lists.settle()
    before = Event.objects.count()
    OrderListWatch.objects.update(seen=0)
    lists.settle()
    assert Event.objects.count() == before


def test_a_stop_that_was_lost_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, profit, _ = _bracket()
    lists.settle()
    trading.receive(trading.fill(lists.child(entry), 10_000, cum=10_000))
    lists.settle()
    with _later(1):
        lists.quote("97.9", "98.1")
        with monkeypatch.context() as patch:
            patch.setattr(desk, "stop", lambda *_, **__: None)
            triggers.drain()
            assert settling.drain() == 1
        assert Order.objects.get(pk=profit).pending == ""
        lists.settle()
        assert Order.objects.get(pk=profit).pending == "cancel"


def test_a_list_that_has_ended_is_not_looked_at_any_more() -> None:
    _bracket()
    lists.settle()
    row = OrderList.objects.get()
    canceling.cancel(row.id, by=trading.person(), at=clock.now())
    lists.canceled(VenueOrder.objects.get())
    lists.settle()
    assert viewing.views([row])[0]["status"] == "done"
    with _later(8 * 3600):
        settling.drain()
    assert OrderListWatch.objects.get().over


def test_a_cancel_that_breaks_has_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> bool:
        raise RuntimeError("gone")

    _bracket()
    lists.settle()
    row = OrderList.objects.get()
    with monkeypatch.context() as patch:
        patch.setattr(execution, "stop", breaks)
        with pytest.raises(RuntimeError, match="gone"):
            canceling.cancel(row.id, by=trading.person(), at=clock.now())
    assert OrderList.objects.get().cancel_requested_at is None
    assert not Event.objects.filter(event_type="order_list_cancel_request").exists()
    assert canceling.cancel(row.id, by=trading.person(), at=clock.now())
    assert OrderList.objects.get().cancel_requested_at is not None


def test_a_fill_that_comes_after_the_list_was_over_is_told() -> None:
    profit, _ = lists.made("oco", lists.profit(), lists.loss())
    lists.settle()
    resting = lists.child(profit)
    with _later(1):
        lists.quote("97.9", "98.1")
        lists.settle()
        lists.canceled(resting)
        lists.settle()
        loss = VenueOrder.objects.exclude(pk=resting.pk).get()
        trading.receive(trading.fill(loss, 10_000, cum=10_000, side="2"))
        lists.settle()
    with _later(8 * 3600):
        settling.drain()
        assert OrderListWatch.objects.get().over
        assert not Break.objects.filter(kind=settling.EXCESS).exists()
        trading.receive(trading.fill(resting, 3_000, cum=3_000, side="2"))
        assert settling.drain() == 1
        found = Break.objects.get(kind=settling.EXCESS)
        assert D(found.evidence["excess"]) == D(3_000)
        # Nothing more is to come: it is over again.
        settling.drain()
        assert OrderListWatch.objects.get().over
        assert settling.drain() == 0


def test_a_basket_is_staged_together_and_its_lines_stand_alone() -> None:
    ids = lists.made("basket", *[lists.ask(qty=D(1_000 * n)) for n in range(1, 21)])
    assert len(ids) == 20
    lists.settle()
    assert VenueOrder.objects.count() == 20
    trading.receive(trading.fill(lists.child(ids[0]), 1_000, cum=1_000))
    results = canceling.cancel(OrderList.objects.get().id, by=trading.person(), at=clock.now())
    assert set(results) == set(ids[1:])
    assert {one.outcome for one in results.values()} == {"pending"}
    assert lists.state(ids[0])[0] == "filled"


def test_one_line_that_cannot_be_makes_none_of_the_basket() -> None:
    with pytest.raises(OmsError) as refusal, transaction.atomic():
        lists.made("basket", lists.ask(), lists.ask(instrument_id="NOTHING"))
    assert refusal.value.details[0].field == "orders[1].instrument_id"
    assert not Order.objects.exists()


def test_the_same_id_answers_the_same_list_and_other_content_is_refused() -> None:
    first = submitting.ListAsk(
        contingency="basket", orders=(lists.ask(),), client_order_list_id="mine"
    )
    one = submitting.submit(first, by=trading.person(), at=clock.now())
    two = submitting.submit(first, by=trading.person(), at=clock.now())
    assert (two.order_list_id, two.replayed) == (one.order_list_id, True)
    other = submitting.ListAsk(
        contingency="basket", orders=(lists.ask(qty=D(2_000)),), client_order_list_id="mine"
    )
    with pytest.raises(OmsError) as refusal:
        submitting.submit(other, by=trading.person(), at=clock.now())
    assert (refusal.value.code, refusal.value.status) == ("idempotency_conflict", 409)


@pytest.mark.parametrize(
    ("contingency", "orders", "code"),
    [
        ("oco", (lists.profit(), lists.profit(limit_price=D(102))), "contingent_needs_trigger"),
        ("oco", (lists.profit(), lists.loss(qty=D(5_000))), "contingent_amount_differs"),
        ("oco", (lists.profit(account_id=None), lists.loss()), "contingent_needs_account"),
        ("oco", (lists.profit(account_id="alpha-003"), lists.loss()), "contingent_account_differs"),
        (
            "oco",
            (lists.profit(), lists.loss(instrument_id="912810SX7")),
            "contingent_instrument_differs",
        ),
        ("oco", (lists.profit(time_in_force="ioc"), lists.loss()), "contingent_time_in_force"),
        ("oco", (lists.profit(all_or_none=True), lists.loss()), "contingent_all_or_none"),
        ("bracket", (lists.ask(), lists.ask(), lists.loss()), "contingent_side"),
        (
            "bracket",
            (
                lists.ask(),
                lists.profit(),
                lists.ask(side="sell", ord_type="limit_if_touched", stop_price=D(102)),
            ),
            "contingent_needs_stop",
        ),
    ],
)
def test_what_a_list_cannot_be(contingency: str, orders: Any, code: str) -> None:
    with pytest.raises(OmsError) as refusal, transaction.atomic():
        lists.made(contingency, *orders)
    assert code in {one.code for one in refusal.value.details}


def test_without_the_policy_there_are_no_lists(sandbox: datetime) -> None:
    policies.agreed(preset="guide", at=sandbox - timedelta(hours=1))
    with pytest.raises(OmsError) as refusal, transaction.atomic():
        lists.made("basket", lists.ask())
    assert refusal.value.details[0].code == "contingency_not_allowed"


def test_the_amounts_of_dependent_orders_stay() -> None:
    entry, _, _ = _bracket()
    lists.settle()
    asked = AmendRequest(entry, AmendAsk(qty=D(12_000)))
    (result,) = desk.replace([asked], by=trading.person(), at=clock.now())
    assert result.error is not None
    assert result.error.code == "contingent_amount_fixed"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders_order SET released_qty = 10000, version = version + 1",
        "UPDATE orders_order SET order_list_id = NULL",
        "UPDATE orders_orderlistleg SET role = 'line'",
        "UPDATE orders_orderlist SET contingency = 'basket', version = version + 1",
        "DELETE FROM orders_orderlistleg",
    ],
)
def test_the_database_keeps_the_links_and_the_exclusion(sql: str) -> None:
    _bracket()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_refuses_a_leg_of_another_list() -> None:
    entry, _, _ = _bracket()
    basket = lists.made("basket", lists.ask())
    stranger = OrderListLeg.objects.get(order_id=basket[0])
    other = OrderListLeg.objects.get(order_id=entry)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_orderlistleg (id, organization_id, order_list_id, order_id, "
            "position, role) VALUES ('ll_x', 'alpha', %s, %s, 9, 'child')",
            [other.order_list_id, stranger.order_id],
        )
