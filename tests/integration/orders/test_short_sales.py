"""Sales that are marked short: a side of their own to callers and venues, a sale to what counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.models import Allocation, Movement, Position
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import day_trades, desk, genuine, lots, picture, render, routing
from orders.books import folding, gate, holdings, ledger, money, running
from orders.books.verdicts import Run
from orders.models import Break, Execution, ExecutionOrder, Order, VenueOrder
from orders.stopping import at_once
from tests import policies, trading
from tests.integration.orders.limits import in_force
from venues import messages, registry
from venues.messages import ExecType, NewOrder, OrdStatus
from venues.models import Outbound

D = Decimal
SHARE = "037833100"
TERMS: dict[str, Any] = {
    "instrument_id": SHARE,
    "amount_type": "shares",
    "qty": D(100),
    "limit_price": D("231.4"),
    "side": "sell",
}
SHORT = {**TERMS, "short_sale": "short", "locate_id": "L-77", "locate_broker": "LEND"}
MARKS = [("sell_short", "5"), ("sell_short_exempt", "6")]


@pytest.fixture(autouse=True)
def _open(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _asked(side: str, **more: Any) -> dict[str, Any]:
    told = {"instrument_id": SHARE, "amount": {"shares": 100}, "limit_price": 231.4}
    return {**told, "side": side, "account_id": "alpha-002", **more}


def _said(name: str) -> Any:
    return messages.decode_outgoing(Outbound.objects.get(cl_ord_id=name).body)


# --- the entrance --------------------------------------------------------------------------------
@pytest.mark.parametrize(("side", "wire"), MARKS)
def test_a_short_sale_is_told_to_its_venue_as_what_it_is(
    api: Callable[..., Any], side: str, wire: str
) -> None:
    status, order = api("alpha_trader").submit(**_asked(side, locate_id="L-1", locate_broker="LB"))
    assert (status, order["side"], order["status"]) == (201, side, "pending_execution")
    assert (order["locate_id"], order["locate_broker"]) == ("L-1", "LB")
    routing.drain()
    sent = _said(VenueOrder.objects.get(order_id=order["id"]).id)
    assert isinstance(sent, NewOrder)
    assert (sent.side, sent.short_sale, sent.locate_broker) == ("2", wire, "LB")


@pytest.mark.parametrize("side", ["sell_short", "sell_short_exempt"])
def test_a_short_sale_without_a_locate_is_refused(api: Callable[..., Any], side: str) -> None:
    status, error = api("alpha_trader").submit(**_asked(side))
    assert status == 422
    assert [(one["field"], one["code"]) for one in error["error_details"]] == [
        ("locate_id", "locate_required")
    ]
    assert not Order.objects.exists()


def test_many_at_once_are_each_refused_without_a_locate(api: Callable[..., Any]) -> None:
    body = {"orders": [_asked("sell_short"), _asked("sell_short", locate_broker="LB")]}
    for one in body["orders"]:
        one["type"] = "limit"
    _, found = api("alpha_trader").post("/v1/trading/order/bulk/", body)
    bad, good = found["results"]
    assert bad["error"]["error_details"][0]["code"] == "locate_required"
    assert good["order"]["side"] == "sell_short"


def test_nobody_locates_what_is_bought(api: Callable[..., Any]) -> None:
    status, error = api("alpha_trader").submit(**_asked("buy", locate_id="L-1"))
    assert (status, error["error_details"][0]["code"]) == (422, "locate_forbidden")


def test_only_shares_are_sold_short(api: Callable[..., Any]) -> None:
    status, error = api("alpha_trader").submit(side="sell_short", locate_id="L-1")
    assert (status, error["error_details"][0]["code"]) == (422, "short_sale_not_allowed")


def test_a_client_id_that_sold_does_not_sell_short(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    assert trader.submit(client_order_id="c-1", **_asked("sell"))[0] == 201
    again = _asked("sell_short", locate_id="L-1")
    assert trader.submit(client_order_id="c-1", **again)[1]["code"] == "idempotency_conflict"


# --- the venue -----------------------------------------------------------------------------------
def test_a_short_sale_passes_the_last_look_and_a_plain_one_in_its_place_does_not() -> None:
    child = trading.routed(**SHORT)
    row = Outbound.objects.get(cl_ord_id=child.id)
    by, at = actors.system("test"), clock.now()
    assert list(genuine.only(child.venue_id, [row], by=by, at=at)) == [row]
    row.body = json.dumps({**json.loads(row.body), "short_sale": ""})
    assert not genuine.only(child.venue_id, [row], by=by, at=at)
    assert Break.objects.get(kind="forged_message").evidence["why"].endswith("marked otherwise")


def test_asking_it_to_stop_says_the_mark_by_either_way() -> None:
    one, other = trading.routed(**SHORT), trading.routed(**{**SHORT, "short_sale": "exempt"})
    for child in (one, other):
        trading.receive(_new(child))
    with unit.work(by=actors.system("halts"), at=clock.now()) as work:
        assert set(at_once.ask(work, [one.order_id, other.order_id], at=work.at)) == {
            one.order_id,
            other.order_id,
        }
    asked = [VenueOrder.objects.get(pk=child.pk).cancel_cl_ord_id for child in (one, other)]
    assert [_said(name).short_sale for name in asked] == ["5", "6"]
    third = trading.routed(**SHORT)
    trading.receive(_new(third))
    desk.cancel([third.order_id], by=trading.person(), at=clock.now())
    assert _said(VenueOrder.objects.get(pk=third.pk).cancel_cl_ord_id).short_sale == "5"


def test_a_venue_that_takes_no_short_sales_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = {
        venue.id: replace(
            venue, capabilities=replace(venue.capabilities, refuses=frozenset({"short_sale"}))
        )
        for venue in registry.every()
        if venue.capabilities is not None
    }
    monkeypatch.setattr(registry, "_venues", SimpleNamespace(get=lambda: held))
    order_id = trading.submit(**SHORT)
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert row.status == "rejected"
    assert "takes no short sales" in row.reason


def test_a_fill_that_a_venue_marks_otherwise_opens_a_break() -> None:
    child = trading.routed(**SHORT)
    trading.receive(_new(child))
    trading.receive(_fill(child, short_sale="6"))
    (found,) = Break.objects.filter(kind="outside_terms")
    assert found.evidence["faults"] == ["side 6, ordered 5"]
    other = trading.routed(**SHORT)
    trading.receive(_new(other))
    trading.receive(_fill(other, short_sale="5"))
    assert Break.objects.filter(kind="outside_terms").count() == 1


def _new(child: VenueOrder) -> Any:
    return trading.report(child, ExecType.NEW, side="2", security_id=SHARE)


def _fill(child: VenueOrder, **more: Any) -> Any:
    return trading.report(
        child,
        ExecType.TRADE,
        side="2",
        security_id=SHARE,
        ord_status=OrdStatus.FILLED,
        last_qty=D(100),
        last_px=D("231.5"),
        cum_qty=D(100),
        leaves_qty=D(0),
        **more,
    )


# --- what counts ---------------------------------------------------------------------------------
def test_a_short_sale_from_nothing_leaves_a_short_position() -> None:
    before = Position.objects.filter(account_id="alpha-002", instrument__cusip=SHARE).first()
    had = before.qty if before else D(0)
    child = trading.routed(**SHORT)
    trading.receive(
        _new(child),
        _fill(child, short_sale="5"),
    )
    order = trading.order(child.order_id)
    assert (order.status, order.side, order.named_side) == ("filled", "sell", "sell_short")
    position = Position.objects.get(account_id="alpha-002", instrument__cusip=SHARE)
    assert position.qty == had - 100
    move = Movement.objects.get(order_id=order.id)
    fill = Execution.objects.get(order_id=order.id)
    assert (move.qty, move.cash) == (D(-100), fill.net_money)
    trading.check_tree(order.id)


def test_a_short_sale_is_named_so_wherever_it_is_told() -> None:
    child = trading.routed(**SHORT)
    trading.receive(
        _new(child),
        _fill(child, short_sale="5"),
    )
    order = trading.order(child.order_id)
    (row,) = picture.rows("alpha", [order.id])
    assert row["side"] == "sell_short"
    told = [
        json.loads(event.body).get("order") for event in Event.objects.filter(order_id=order.id)
    ]
    assert {one["side"] for one in told if one} == {"sell_short"}
    assert render.view(order).side == "sell_short"
    day = day_trades.trades("alpha", trade_date=order.trade_date).decode()
    assert "sell_short" in day


@pytest.mark.parametrize("mark", [None, "short", "exempt"])
def test_its_allocation_is_called_as_the_order_is(
    api: Callable[..., Any], mark: str | None
) -> None:
    child = trading.routed(**(TERMS if mark is None else {**SHORT, "short_sale": mark}))
    trading.receive(_new(child), _fill(child))
    lots.drain()
    row = Allocation.objects.get(order_id=child.order_id)
    assert row.side == "sell"
    _, told = api("alpha_trader").get(f"/v1/trading/allocation/{row.id}/")
    _, order = api("alpha_trader").get(f"/v1/trading/order/{child.order_id}/")
    assert told["side"] == order["side"] == trading.order(child.order_id).named_side


def test_a_list_of_sales_has_the_short_ones_and_one_of_short_ones_no_other(
    api: Callable[..., Any],
) -> None:
    plain, short = trading.submit(**TERMS), trading.submit(**SHORT)
    exempt = trading.submit(**{**SHORT, "short_sale": "exempt"})
    trader = api("alpha_trader")

    def listed(side: str) -> set[str]:
        _, found = trader.get(f"/v1/trading/order/?side={side}")
        return {one["id"] for one in found["orders"]}

    assert listed("sell") == {plain, short, exempt}
    assert (listed("sell_short"), listed("sell_short_exempt")) == ({short}, {exempt})
    status, error = trader.get("/v1/trading/order/?side=short")
    assert (status, error["code"]) == (422, "invalid_filter")


def test_a_control_for_sales_is_for_short_ones_and_one_for_short_ones_for_no_other() -> None:
    in_force("size.max_quantity", only={"side": ["sell_short"]}, max_qty="50")
    assert trading.order(trading.submit(**TERMS)).status == "pending_execution"
    assert trading.order(trading.submit(**SHORT)).status == "rejected"
    assert trading.order(trading.submit(**{**SHORT, "short_sale": "exempt"})).status != "rejected"


def test_a_locate_is_what_the_short_sale_control_asks_for() -> None:
    in_force("short.locate")
    more = trading.order(trading.submit(**{**TERMS, "qty": D(9_000)}))
    assert more.reject_code == "locate_required"
    found = trading.order(trading.submit(**{**TERMS, "qty": D(9_000), "locate_id": "L-1"}))
    assert found.reject_code != "locate_required"
    assert trading.order(trading.submit(**SHORT)).reject_code == ""


# --- the database --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        "short_sale = NULL",
        "short_sale = 'exempt'",
        "locate_id = 'L-9'",
        "locate_broker = NULL",
    ],
)
def test_the_database_keeps_the_mark_as_it_was_made(change: str) -> None:
    order_id = trading.submit(**SHORT)
    with (
        pytest.raises(IntegrityError, match="terms never change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE orders_order SET {change} WHERE id = %s", [order_id])


_COPY = """
INSERT INTO orders_order SELECT n.* FROM orders_order o, LATERAL jsonb_populate_record(
    o, %s::jsonb) n WHERE o.id = %s
"""


@pytest.mark.parametrize(
    "change",
    [
        {"locate_id": None, "locate_broker": None},
        {"locate_id": "", "locate_broker": ""},
        {"side": "buy"},
        {"side": "buy", "short_sale": None},
        {"short_sale": "naked"},
        {"amount_type": "par"},
    ],
)
def test_the_database_refuses_a_mark_that_cannot_be(change: dict[str, Any]) -> None:
    order_id = trading.submit(**SHORT)
    with (
        pytest.raises(IntegrityError, match="order_short_sale_located"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(_COPY, [json.dumps({"id": "mo_copy", **change}), order_id])


def test_the_books_agree_on_short_sales() -> None:
    child = trading.routed(**SHORT)
    trading.receive(
        _new(child),
        _fill(child, short_sale="5"),
    )
    wanted = [*folding.CHECKS, *ledger.CHECKS, *money.CHECKS, *holdings.CHECKS, *gate.CHECKS]
    assert [
        one.name
        for one in running.run(Run(at=clock.now(), machine_at=clock.machine_now()), checks=wanted)
        if one.count
    ] == []
