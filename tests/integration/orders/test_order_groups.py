"""Order groups: too much filled too fast locks the group and cancels all that rests in it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from controls import order_groups
from controls.models import OrderGroup
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import NotFound, OmsError
from orders import desk, halting, last_look, routing
from orders.desk.external import TradeReport
from orders.models import VenueOrder
from tests import trading
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
PATH = "/v1/trading/order-group/"


def _group(limit: int = 1000, window_s: int = 15, **who: Any) -> OrderGroup:
    by = trading.person(who.get("by", "alpha_trader"))
    row, fresh = order_groups.create(
        name="maker", limit_qty=Decimal(limit), window_s=window_s, by=by, at=clock.now()
    )
    assert fresh
    return row


def _resting(group: OrderGroup, **changes: Any) -> VenueOrder:
    child = trading.routed(order_group_id=group.id, **changes)
    trading.receive(trading.report(child, ExecType.NEW))
    return child


def _status(group: OrderGroup) -> str:
    return str(OrderGroup.objects.get(pk=group.pk).status)


def _fill(child: VenueOrder, qty: int, *, cum: int) -> None:
    trading.receive(trading.fill(child, qty, cum=cum))


def _gone(child: VenueOrder, *, cum: int = 0) -> None:
    trading.receive(
        trading.report(
            child,
            ExecType.CANCELED,
            ord_status=OrdStatus.CANCELED,
            leaves_qty=Decimal(0),
            cum_qty=Decimal(cum),
        )
    )


def _locked() -> tuple[OrderGroup, list[VenueOrder]]:
    group = _group()
    resting = [_resting(group, qty=Decimal(3000 + n * 1000)) for n in range(2)]
    _fill(resting[0], 1000, cum=1000)
    assert _status(group) == "open"
    _fill(resting[1], 1000, cum=1000)
    return group, resting


def test_over_the_limit_all_of_it_is_asked_to_stop_and_nothing_new_passes() -> None:
    group, resting = _locked()
    other = trading.routed(qty=Decimal(9000))
    assert _status(group) == "locked"
    assert halting.drain_groups() == 2
    asked = Outbound.objects.filter(kind="F").values_list("body", flat=True)
    assert {child.id for child in resting} == {
        child.id for child in resting if any(child.id in body for body in asked)
    }
    assert not VenueOrder.objects.get(pk=other.pk).pending
    refused = trading.order(trading.submit(order_group_id=group.id, qty=Decimal(7000)))
    assert (refused.status, refused.reject_code) == ("rejected", "kill_switch")
    assert "order group maker (2000 filled, limit 1000 within 15 s)" in refused.reject_reason
    assert trading.order(trading.submit(qty=Decimal(8000))).status == "pending_execution"
    assert halting.drain_groups() == 0


def test_the_limit_itself_passes() -> None:
    group = _group(limit=3000)
    child = _resting(group)
    _fill(child, 3000, cum=3000)
    assert _status(group) == "open"


def test_what_is_older_than_the_window_counts_no_more(sandbox: Any) -> None:
    group = _group(limit=1000)
    child = _resting(group, qty=Decimal(9000))
    _fill(child, 1000, cum=1000)
    with clock.frozen_at(clock.now() + timedelta(seconds=15)):
        _fill(child, 1000, cum=2000)
        assert _status(group) == "open"
    with clock.frozen_at(clock.now() + timedelta(seconds=29, milliseconds=999)):
        _fill(child, 1000, cum=3000)
        assert _status(group) == "locked"


def test_two_fills_of_one_report_batch_count_together() -> None:
    group = _group(limit=1000)
    children = [_resting(group, qty=Decimal(3000 + n * 1000)) for n in range(2)]
    trading.receive(*(trading.fill(child, 1000, cum=1000) for child in children))
    assert _status(group) == "locked"


def test_busts_and_corrections_neither_give_room_nor_take_it() -> None:
    group = _group(limit=2000)
    child = _resting(group, qty=Decimal(9000))
    first = trading.fill(child, 1000, cum=1000)
    trading.receive(first)
    trading.receive(
        trading.fill(child, 0, cum=0, exec_type=ExecType.TRADE_CANCEL, exec_ref_id=first.exec_id)
    )
    _fill(child, 1000, cum=1000)
    assert _status(group) == "open"
    _fill(child, 1000, cum=2000)
    assert _status(group) == "locked"


def test_a_trade_by_voice_counts_as_well() -> None:
    group = _group(limit=1000)
    order_id = trading.submit(order_group_id=group.id, bypass_auto_execution=True)
    made = desk.execute(
        order_id,
        trading.instruction(3000, protocol="external", strategy="external", venue_id=""),
        by=trading.person(),
        at=clock.now(),
        correlation_id="",
    )
    report = TradeReport(qty=Decimal(2000), price=Decimal("99.4"))
    desk.report_trade(
        order_id, made.execution_order_id, report, by=trading.person(), at=clock.now()
    )
    assert _status(group) == "locked"


def test_what_waits_to_be_sent_is_held_back_at_the_wire() -> None:
    group = _group()
    queued = trading.routed(order_group_id=group.id, qty=Decimal(5000))
    child = _resting(group)
    _fill(child, 2000, cum=2000)
    assert _status(group) == "locked"
    rows = list(Outbound.objects.filter(cl_ord_id=queued.id))
    assert rows
    assert last_look.before_wire(trading.VENUE, rows) == []


def test_what_is_approved_and_not_routed_is_not_routed_after() -> None:
    group = _group()
    child = _resting(group)
    waiting = trading.submit(order_group_id=group.id, qty=Decimal(6000))
    _fill(child, 2000, cum=2000)
    routing.drain()
    assert not VenueOrder.objects.filter(order_id=waiting).exists()


def test_it_is_reset_once_all_of_it_is_gone_and_then_counts_anew(api: Any) -> None:
    group, resting = _locked()
    halting.drain_groups()
    trader = api("alpha_trader")
    status, said = trader.post(f"{PATH}{group.id}/reset/", {})
    assert (status, said["code"]) == (409, "not_flat")
    _, detail = trader.get(f"{PATH}{group.id}/")
    assert detail["alive"] == 2
    assert "has not answered" in detail["not_proven_gone"][0]["why"]
    for child in resting:
        _gone(child, cum=1000)
    with clock.frozen_at(clock.now() + timedelta(milliseconds=1)):
        status, said = trader.post(f"{PATH}{group.id}/reset/", {})
        assert (status, said["status"], said["reset_by"]) == (200, "open", "alpha_trader")
        status, said = trader.post(f"{PATH}{group.id}/reset/", {})
        assert (status, said["code"]) == (409, "order_group_open")
        child = _resting(group, qty=Decimal(7000))
    with clock.frozen_at(clock.now() + timedelta(milliseconds=2)):
        _fill(child, 1000, cum=1000)
        assert _status(group) == "open"


def test_the_address_makes_one_shows_it_and_answers_a_repetition_alike(api: Any) -> None:
    trader = api("alpha_trader")
    body = {"name": "quotes", "limit": 1000, "client_order_group_id": "g-1"}
    status, made = trader.post(PATH, body)
    assert (status, made["window_s"], made["status"]) == (201, 15, "open")
    assert trader.post(PATH, body) == (200, made)
    status, other = trader.post(PATH, {**body, "limit": 2000})
    assert (status, other["code"]) == (409, "idempotency_conflict")
    assert trader.get(PATH)[1]["order_groups"] == [made]
    assert trader.post(PATH, {"name": "x", "limit": 1, "window_s": 0})[0] == 422
    status, order = trader.submit(order_group_id=made["id"])
    assert (status, order["order_group_id"]) == (201, made["id"])


def test_nobody_joins_or_resets_a_group_of_another_organization(api: Any) -> None:
    theirs = _group(by="beta_trader")
    result = desk.submit([trading.request(order_group_id=theirs.id)])[0]
    assert result.error is not None
    assert result.error.code == "order_group_not_found"
    with pytest.raises(NotFound):
        halting.reset_group(theirs.id, by=trading.person(), at=clock.now())
    assert api("alpha_trader").get(f"{PATH}{theirs.id}/")[0] == 404


def test_whoever_may_not_submit_may_not_reset() -> None:
    group, _ = _locked()
    with pytest.raises(OmsError) as refused:
        halting.reset_group(group.id, by=trading.person("alpha_auditor"), at=clock.now())
    assert refused.value.code == "not_entitled"


def test_lock_and_reset_are_told() -> None:
    group, resting = _locked()
    halting.drain_groups()
    for child in resting:
        _gone(child, cum=1000)
    with clock.frozen_at(clock.now() + timedelta(milliseconds=1)):
        halting.reset_group(group.id, by=trading.person(), at=clock.now())
    told = Event.objects.filter(subject=group.id).order_by("seq")
    assert [event.event_type for event in told] == [
        "order_group_create",
        "order_group_lock",
        "order_group_reset",
    ]


@pytest.mark.parametrize(
    ("attack", "law"),
    [
        (
            "UPDATE controls_ordergroup SET limit_qty = 9999999, version = version + 1",
            "its terms never change",
        ),
        (
            "UPDATE controls_ordergroup SET window_s = 1, version = version + 1",
            "its terms never change",
        ),
        ("DELETE FROM controls_ordergroup", "rows are kept"),
        (
            "UPDATE controls_ordergroup SET status = 'open', locked_at = NULL,"
            " version = version + 1",
            "a person resets it, and counts anew",
        ),
        (
            "UPDATE orders_order SET order_group_id = NULL, version = version + 1",
            "its terms never change",
        ),
        (
            "INSERT INTO orders_order SELECT (r).* FROM (SELECT jsonb_populate_record(o, "
            '\'{"id": "or_x", "client_order_id": null}\') AS r FROM orders_order o'
            " WHERE order_group_id IS NOT NULL LIMIT 1) one",
            "order group og_.* takes no order now",
        ),
        (
            "INSERT INTO orders_order SELECT (r).* FROM (SELECT jsonb_populate_record(o, "
            '\'{"id": "or_x", "client_order_id": null, "order_group_id": "og_nobody"}\') AS r'
            " FROM orders_order o LIMIT 1) one",
            "order group og_nobody takes no order now",
        ),
    ],
)
def test_the_database_refuses_to_pass_by_a_locked_group(attack: str, law: str) -> None:
    _locked()
    with (
        pytest.raises(DatabaseError, match=law),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(attack)


def test_an_order_of_the_other_organization_cannot_name_the_group_in_the_database() -> None:
    group = _group()
    trading.submit()
    with (
        pytest.raises(DatabaseError, match="order_group_of_its_own"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO orders_order SELECT (r).* FROM (SELECT jsonb_populate_record(o,"
            " jsonb_build_object('id', 'or_x', 'organization_id', 'beta',"
            " 'client_order_id', null, 'order_group_id', %s::text)) AS r"
            " FROM orders_order o LIMIT 1) one",
            [group.id],
        )
