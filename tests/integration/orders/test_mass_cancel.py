"""Mass cancels: exactly what fits, once each, whatever is cut off; parts where parts are meant."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from oms_site.firm.models import ApiKey, digest
from oms_site.journal.models import Event
from oms_site.kit import clock, correlation
from oms_site.kit.errors import NotFound, OmsError
from orders import desk, mass_canceling
from orders.models import ExecutionOrder, MassCancel, MassCancelOrder, Order, VenueOrder
from orders.stopping import at_once
from orders.stopping.selecting import Selection
from tests import hiring, trading
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
PATH = "/v1/trading/mass-cancel/"
BY = {"reason": "a test", "confirm": "cancel"}


def _wanted(**fields: str) -> Selection:
    return Selection(organization_id="alpha", **fields)


def _create(**fields: str) -> MassCancel:
    row, fresh = mass_canceling.create(
        _wanted(**fields), reason="a test", by=trading.person(), at=clock.now()
    )
    assert fresh
    return row


def _drain() -> int:
    asked = 0
    while found := mass_canceling.drain():
        asked += found
    return asked


def _live(**changes: Any) -> str:
    child = trading.routed(**changes)
    trading.receive(trading.report(child, ExecType.NEW))
    return child.order_id


def _second_trader() -> None:
    user = hiring.hire("alpha_trader2", of="alpha", roles=["trader"])
    token = "oems_test_alpha_trader2"
    ApiKey.objects.create(user=user, digest=digest(token), prefix=token, created_at=clock.now())


def _gone(child: VenueOrder) -> None:
    trading.receive(
        trading.report(
            child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=trading.D(0)
        )
    )


@pytest.mark.parametrize(
    ("chosen", "other"),
    [
        ({"instrument": trading.BOND}, {"instrument_id": "912810SX7"}),
        ({"side": "buy"}, {"side": "sell", "limit_price": trading.D("99.6")}),
        ({"account": "alpha-002"}, {"account_id": "alpha-003"}),
        ({"trader": "alpha_trader"}, {"by": "alpha_trader2"}),
        ({"api_key": "oems_test_alpha_trader"}, {"by": "alpha_trader2"}),
        ({"instrument": trading.BOND, "side": "buy"}, {"instrument_id": "912810SX7"}),
    ],
)
def test_only_what_fits_is_asked(chosen: dict[str, str], other: dict[str, Any], api: Any) -> None:
    _second_trader()
    one, two = _live(), trading.submit(bypass_auto_execution=True, **other)
    names = {"instrument": "instrument_id", "account": "account_id"}
    asked = {names.get(name, name): value for name, value in chosen.items()}
    status, found = api("alpha_trader").post(f"{PATH}preview/", asked)[:2]
    assert (status, found["orders"], found["par"], found["shares"]) == (200, 1, 3000, 0)
    assert found["notional"] == [{"currency": "USD", "amount": 2985}]
    status, made = api("alpha_trader").post(PATH, {**asked, **BY})[:2]
    assert (status, made["orders"], made["counts"]["due"]) == (202, 1, 1)
    _drain()
    assert trading.order(one).pending == "cancel"
    assert trading.order(two).status == "pending_execution"
    assert trading.order(two).pending == ""
    status, told = api("alpha_trader").get(f"{PATH}{made['id']}/")[:2]
    assert [row["result"] for row in told["results"]] == ["pending"]
    _gone(VenueOrder.objects.get(order_id=one))
    told = api("alpha_trader").get(f"{PATH}{made['id']}/")[1]
    assert [row["result"] for row in told["results"]] == ["canceled"]
    assert told["done_at"] is not None


def test_another_organization_is_never_meant() -> None:
    mine = trading.submit(bypass_auto_execution=True)
    order = trading.submit(by="beta_trader", account_id="beta-002", bypass_auto_execution=True)
    row = _create()
    assert [item.order_id for item in row.items.all()] == [mine]
    _drain()
    assert trading.order(order).status != "canceled"
    with pytest.raises(NotFound):
        mass_canceling.find(row.id, organization_id="beta")


def test_every_kind_of_open_order_is_asked_and_says_what_came_of_it() -> None:
    working = _live()
    staged = trading.submit(bypass_auto_execution=True)
    flagged = trading.submit(limit_price=trading.D("90"))
    refuses = _live(qty=trading.D(5000))
    row = _create()
    assert row.orders == 4
    assert _drain() == 4
    child = VenueOrder.objects.get(order_id=refuses)
    trading.receive(trading.cancel_refused(child, text="not now"))
    results = {one["order_id"]: one for one in mass_canceling.results(row)}
    assert {key: one["result"] for key, one in results.items()} == {
        working: "pending",
        staged: "canceled",
        flagged: "canceled",
        refuses: "refused",
    }
    assert results[refuses]["reason"] == "SIMA: not now"
    events = Event.objects.filter(subject=row.id).order_by("seq")
    assert [event.event_type for event in events] == ["mass_cancel_request", "mass_cancel_done"]
    said = json.loads(events[1].body)["event"]
    assert (said["pending"], said["canceled"], said["nothing"]) == (2, 2, 0)


def test_what_a_worker_does_of_it_names_the_request_that_asked(monkeypatch: Any) -> None:
    orders = [_live(qty=trading.D(1000 + 1000 * n)) for n in range(3)]
    before = max(Event.objects.values_list("id", flat=True))
    with correlation.within("rq_cancel"):
        row = _create()
    monkeypatch.setattr(mass_canceling, "AT_ONCE", 2)
    _drain()
    events = Event.objects.filter(id__gt=before)
    assert {one.order_id or one.subject for one in events} >= {row.id, *orders}
    assert {one.correlation_id for one in events} == {"rq_cancel"}


def test_one_cut_off_in_the_middle_goes_on_and_asks_nobody_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = [_live(qty=trading.D(1000 + 1000 * n)) for n in range(5)]
    row = _create()
    monkeypatch.setattr(mass_canceling, "AT_ONCE", 2)
    assert mass_canceling.drain() == 2
    original = at_once.ask

    def killed(*args: Any, **named: Any) -> Any:
        original(*args, **named)
        raise KeyboardInterrupt("killed after asking, before it was noted")

    with monkeypatch.context() as patch:
        patch.setattr(at_once, "ask", killed)
        with pytest.raises(KeyboardInterrupt):
            mass_canceling.drain()
    assert mass_canceling.counts(row)["due"] == 3
    assert _drain() == 3
    asked = Event.objects.filter(event_type="cancel_request", subject__in=orders)
    assert asked.count() == 5
    assert Outbound.objects.filter(kind="F").count() == 5
    assert MassCancel.objects.get(pk=row.pk).done_at is not None


def test_the_set_is_what_was_open_when_it_was_asked(sandbox: datetime) -> None:
    before = trading.submit(bypass_auto_execution=True)
    row = _create()
    after = trading.submit(bypass_auto_execution=True, qty=trading.D(4000))
    desk.cancel([before], by=trading.person(), at=sandbox)
    _drain()
    assert [one["result"] for one in mass_canceling.results(row)] == ["nothing"]
    assert trading.order(after).status == "pending_execution"


def _split_order() -> tuple[str, VenueOrder, VenueOrder]:
    order_id = trading.submit(bypass_auto_execution=True)
    first = trading.execute(order_id, 1000)
    second = trading.execute(order_id, 1000, venue_id="SIMB", strategy="smart_order_routing")
    return order_id, first, second


@pytest.mark.parametrize("chosen", [{"venue": "SIMA"}, {"strategy": "limit_order_book/manual"}])
def test_a_venue_or_a_strategy_means_only_its_own_part(chosen: dict[str, str]) -> None:
    order_id, first, second = _split_order()
    untouched = trading.submit(bypass_auto_execution=True, qty=trading.D(5000))
    row = _create(**chosen)
    assert [item.order_id for item in row.items.all()] == [order_id]
    assert _drain() == 1
    assert VenueOrder.objects.get(pk=first.pk).pending == "cancel"
    assert VenueOrder.objects.get(pk=second.pk).pending == ""
    assert trading.order(order_id).pending == ""
    _gone(VenueOrder.objects.get(pk=first.pk))
    assert [one["result"] for one in mass_canceling.results(row)] == ["canceled"]
    assert ExecutionOrder.objects.get(pk=first.execution_order_id).status == "canceled"
    assert trading.order(order_id).status == "pending_execution"
    assert trading.order(untouched).status == "pending_execution"
    trading.check_tree(order_id)


def test_cancels_pass_under_a_kill_switch(api: Any) -> None:
    one = _live()
    body = {"scope": "organization", "reason": "x", "confirm": "organization"}
    status, _ = api("alpha_trader").post("/v1/kill-switch/", {**body, "cancel_orders": False})[:2]
    assert status == 201
    _create()
    _drain()
    assert trading.order(one).pending == "cancel"


def test_the_same_client_id_asks_once(api: Any) -> None:
    _live()
    asked = {"everything": True, "client_mass_cancel_id": "mc-1", **BY}
    first = api("alpha_trader").post(PATH, asked)
    again = api("alpha_trader").post(PATH, asked)
    assert (first[0], again[0]) == (202, 200)
    assert first[1]["id"] == again[1]["id"]
    assert MassCancelOrder.objects.count() == 1
    other = {**asked, "everything": False, "side": "sell"}
    status, said = api("alpha_trader").post(PATH, other)[:2]
    assert (status, said["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "nothing_chosen"),
        ({"everything": True, "side": "buy"}, "nothing_chosen"),
        ({"account_id": "beta-002"}, "target_not_found"),
        ({"trader": "beta_trader"}, "target_not_found"),
        ({"venue_id": "NOWHERE"}, "target_not_found"),
        ({"strategy": "a/b"}, "target_not_found"),
        ({"side": "buy", "confirm": "yes"}, "not_confirmed"),
        ({"side": "sell"}, "nothing_to_cancel"),
    ],
)
def test_what_is_unclear_is_refused(api: Any, body: dict[str, Any], code: str) -> None:
    _live()
    status, said = api("alpha_trader").post(PATH, {**BY, **body})[:2]
    assert (status, said["code"]) == (422, code)
    assert not MassCancel.objects.exists()


def test_who_may_not_cancel_does_not(api: Any) -> None:
    _live()
    status, _ = api("alpha_ops").post(PATH, {"everything": True, **BY})[:2]
    assert status == 403
    with pytest.raises(OmsError, match=r"order\.cancel"):
        mass_canceling.create(
            _wanted(), reason="x", by=trading.person("alpha_auditor"), at=clock.now()
        )


def test_what_was_said_of_an_order_is_said_once() -> None:
    _live()
    row = _create()
    _drain()
    for sql in (
        "UPDATE orders_masscancelorder SET outcome = 'canceled'",
        "UPDATE orders_masscancel SET reason = 'other', version = version + 1",
        "DELETE FROM orders_masscancel",
    ):
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
    assert Order.objects.filter(pk=row.items.get().order_id, pending="cancel").exists()
