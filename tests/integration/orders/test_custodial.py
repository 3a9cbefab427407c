"""Execution orders that a custodian works: what is handed over, and what its desk makes of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from allocations.models import BookingLeg
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, last_look, lots, remainders, routing
from orders.models import Break, Execution, ExecutionOrder, Ruleset, VenueOrder
from orders.requests import AmendAsk, AmendRequest
from tests import policies, trading
from tests.integration.orders.handing import (
    DESK,
    SHARE,
    SHARES,
    Apis,
    fill,
    handed,
    hear,
    path,
    refusal,
    said,
    shares,
    staged,
)
from venues import messages
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


# --- what is handed over ---------------------------------------------------------------------


def test_shares_are_handed_to_the_custodian_of_the_order(api: Apis) -> None:
    order_id = staged()
    body = {"amount": {"shares": 60}, "limit_price": 231.25, "client_execution_order_id": "eo-1"}
    status, made = api("alpha_trader").post(path(order_id), body)
    assert status == 202
    assert (made["protocol"], made["strategy"]) == ("custodian", "manual")
    assert (made["custodian_id"], made["venue_id"]) == ("cust_lpl", DESK)
    assert (made["amount"]["value"], made["limit_price"]) == (60, 231.25)
    child = VenueOrder.objects.get(execution_order_id=made["id"])
    assert (child.venue_id, child.qty, child.limit_price) == (DESK, D(60), D("231.25"))
    (sent,) = Outbound.objects.filter(venue_id=DESK)
    message = messages.decode_outgoing(sent.body)
    assert isinstance(message, messages.NewOrder)
    assert (message.security_id, message.order_qty, message.price) == (SHARE, D(60), D("231.25"))
    assert last_look.before_wire(DESK, [sent]) == [sent]
    created = Event.objects.get(event_type="execution_order_create", order_id=order_id)
    assert msgspec.json.decode(created.body)["event"]["routing"] == "handed to LPL Financial"
    trading.check_tree(order_id)
    # The same request again is the same execution order.
    status, again = api("alpha_trader").post(path(order_id), body)
    assert (status, again["id"]) == (200, made["id"])
    other = {**body, "amount": {"shares": 40}}
    assert refusal(api("alpha_trader").post(path(order_id), other))[0] == 409


def test_an_execution_order_without_a_limit_inherits_the_order_s(api: Apis) -> None:
    child = handed(api)
    assert (child.limit_price, child.execution_order.limit_price) == (D("231.5"), D("231.5"))
    order_id = staged(limit_price=None, ord_type="market")
    status, made = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})
    assert (status, made["limit_price"]) == (202, None)
    assert VenueOrder.objects.get(execution_order_id=made["id"]).limit_price is None


def test_an_order_s_own_instructions_hand_it_over(api: Apis) -> None:
    way = {"protocol": "custodian", "strategy": "manual", "quantity": {"shares": 100}}
    status, order = api("alpha_trader").submit(**SHARES, execution_instructions=[way])
    assert status == 201, order
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order["id"])
    assert (row.custodian_id, row.venue_id, row.origin) == ("cust_lpl", DESK, "instruction")
    named = {**way, "custodian_id": "cust_lpl"}
    status, order = api("alpha_trader").submit(**SHARES, execution_instructions=[named])
    assert (status, order["execution_instructions"][0]["custodian_id"]) == (201, "cust_lpl")


def test_a_rule_hands_orders_over(api: Apis) -> None:
    way = {"protocol": "custodian", "strategy": "manual"}
    rules = [{"id": "shares", "when": {"asset_class": ["equity"]}, "then": way}]
    Ruleset.objects.filter(organization_id="alpha", active=True).update(rules=rules)
    generation.check()
    order_id = staged(bypass_auto_execution=False)
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.custodian_id, row.venue_id, row.rule) == ("cust_lpl", DESK, "v1/shares")
    # What no desk may have is staged, with the reason.
    other = staged(bypass_auto_execution=False, account_id="alpha-003")
    routing.drain()
    assert not ExecutionOrder.objects.filter(order_id=other).exists()
    refused = Event.objects.get(event_type="execution_order_reject", order_id=other)
    assert msgspec.json.decode(refused.body)["event"]["code"] == "custodian_does_not_execute"


def test_money_buys_whole_shares_at_the_limit(api: Apis) -> None:
    policies.agreed(preset="full", at=clock.now())
    generation.check()
    order_id = staged()
    body = {"amount": {"notional": 10_000}, "client_execution_order_id": "money-1"}
    status, made = api("alpha_trader").post(path(order_id), body)
    assert status == 202, made
    # 10,000 / 231.50 is 43.19: nobody pays more than was asked for.
    assert (made["amount"], made["notional"]) == (shares(43), 10_000)
    created = Event.objects.get(event_type="execution_order_create", order_id=order_id)
    money = msgspec.json.decode(created.body)["event"]["money"]
    assert (money["principal"], money["residual"]) == (9_954.5, 45.5)
    assert (money["price"], money["price_source"]) == (231.5, "limit")
    status, again = api("alpha_trader").post(path(order_id), body)
    assert (status, again["id"]) == (200, made["id"])
    tight = {"amount": {"notional": 10_000}, "limit_price": 200}
    status, other = api("alpha_trader").post(path(order_id), tight)
    assert (status, other["amount"]["value"]) == (202, 50)
    trading.check_tree(order_id)


def test_money_at_the_market_is_priced_by_the_market(api: Apis) -> None:
    policies.agreed(preset="full", at=clock.now())
    generation.check()
    order_id = staged(limit_price=None, ord_type="market")
    status, made = api("alpha_trader").post(path(order_id), {"amount": {"notional": 1_000}})
    assert (status, made["amount"]["value"]) == (202, 4)
    created = Event.objects.get(event_type="execution_order_create", order_id=order_id)
    assert msgspec.json.decode(created.body)["event"]["money"]["price_source"] == "evaluated"


# --- what the custodian answers --------------------------------------------------------------


def test_fills_of_a_desk_fill_the_order_and_are_allocated_and_booked(api: Apis) -> None:
    child = handed(api)
    hear(said(child, ExecType.NEW, OrdStatus.NEW), fill(child, 40, cum=40))
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty) == ("partially_filled", D(40))
    hear(fill(child, 60, cum=100))
    lots.drain()
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty, order.avg_px) == ("filled", D(100), D("231.4"))
    row = ExecutionOrder.objects.get()
    assert (row.status, row.cum_qty) == ("filled", D(100))
    legs = BookingLeg.objects.filter(allocation__order_id=order.id)
    assert sum(leg.qty for leg in legs) == 100
    assert {leg.custodian_id for leg in legs} == {"cust_lpl"}
    assert {one.source for one in Execution.objects.all()} == {DESK}
    trading.check_tree(order.id)


def test_the_same_report_twice_is_one_trade_and_a_late_one_is_kept(api: Apis) -> None:
    child = handed(api)
    one = fill(child, 40, cum=40)
    hear(said(child, ExecType.NEW, OrdStatus.NEW), one)
    hear(msgspec.structs.replace(one, seq=trading.next_seq()))
    assert trading.order(child.order_id).cum_qty == 40
    gone = said(child, ExecType.CANCELED, OrdStatus.CANCELED, cum_qty=D(40), leaves_qty=D(0))
    hear(gone)
    assert ExecutionOrder.objects.get().status == "canceled"
    hear(fill(child, 10, cum=50))
    order = trading.order(child.order_id)
    assert order.cum_qty == 50
    assert Execution.objects.filter(late=True).count() == 1
    assert Break.objects.filter(order_id=order.id).exists()


def test_a_desk_that_refuses_gives_the_quantity_back(api: Apis) -> None:
    child = handed(api)
    no = said(child, ExecType.REJECTED, OrdStatus.REJECTED, leaves_qty=D(0), text="not today")
    hear(no)
    row = ExecutionOrder.objects.get()
    assert (row.status, row.reason) == ("rejected", "not today")
    order = trading.order(child.order_id)
    assert (order.status, order.leaves_qty) == ("pending_execution", D(100))
    assert api("alpha_trader").post(path(order.id), {"amount": {"shares": 100}})[0] == 202


def test_a_cancel_waits_for_the_custodian_s_answer(api: Apis) -> None:
    child = handed(api)
    hear(said(child, ExecType.NEW, OrdStatus.NEW))
    where = f"/v1/trading/order/{child.order_id}/execution-order/{child.execution_order_id}/"
    status, answer = api("alpha_trader").delete(where)
    assert (status, answer["outcome"]) == (202, "pending")
    row = ExecutionOrder.objects.get()
    assert (row.status, row.pending) == ("pending_execution", "cancel")
    child = VenueOrder.objects.get(pk=child.pk)
    gone = said(
        child,
        ExecType.CANCELED,
        OrdStatus.CANCELED,
        cl_ord_id=child.cancel_cl_ord_id,
        orig_cl_ord_id=child.id,
        leaves_qty=D(0),
    )
    hear(gone)
    row = ExecutionOrder.objects.get()
    assert (row.status, row.pending) == ("canceled", "")


def test_a_cancel_beaten_by_a_fill_keeps_the_fill(api: Apis) -> None:
    child = handed(api)
    hear(said(child, ExecType.NEW, OrdStatus.NEW))
    where = f"/v1/trading/order/{child.order_id}/execution-order/{child.execution_order_id}/"
    assert api("alpha_trader").delete(where)[0] == 202
    hear(fill(child, 100, cum=100), trading.cancel_refused(child, reason=0, text="too late"))
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty) == ("filled", D(100))
    row = ExecutionOrder.objects.get()
    assert (row.status, row.pending) == ("filled", "")
    trading.check_tree(order.id)


def test_what_nobody_works_any_more_is_ended_by_the_sweep(
    api: Apis, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = handed(api)
    with monkeypatch.context() as patch:
        patch.setattr(remainders, "settle", lambda *a, **k: False)
        gone = said(child, ExecType.CANCELED, OrdStatus.CANCELED, leaves_qty=D(0))
        hear(gone)
    assert ExecutionOrder.objects.get().status == "pending_execution"
    assert remainders.sweep() == 1
    assert ExecutionOrder.objects.get().status == "canceled"


def test_new_terms_are_asked_of_the_desk(api: Apis) -> None:
    policies.agreed(preset="full", at=clock.now())
    generation.check()
    child = handed(api)
    hear(said(child, ExecType.NEW, OrdStatus.NEW))
    ask = AmendAsk(qty=D(80), limit_price=D("231.25"))
    (result,) = desk.replace(
        [AmendRequest(child.order_id, ask)], by=trading.person(), at=clock.now()
    )
    assert result.error is None
    (sent,) = Outbound.objects.filter(venue_id=DESK, kind="G")
    message = messages.decode_outgoing(sent.body)
    assert isinstance(message, messages.ReplaceRequest)
    assert (message.order_qty, message.price) == (D(80), D("231.25"))
    assert last_look.before_wire(DESK, [sent]) == [sent]
