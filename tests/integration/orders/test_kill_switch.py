"""The kill switch: one engages, nothing new passes anywhere, cancels do, two release."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from controls import halts
from controls.models import Halt
from oms_site.firm.models import ApiKey, User, digest
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, halting, last_look, routing
from orders.models import ExecutionOrder, VenueOrder
from tests import hiring, policies, trading
from tests.integration.replacing import story
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")


def _engage(scope: str = "organization", target: str = "", *, cancels: bool = False) -> Halt:
    by = trading.person("alpha_compliance")
    found = halting.target_of(scope, target, by=by)
    return halts.engage(found, reason="a test", cancels=cancels, by=by, at=clock.now())


def _release(halt: Halt) -> None:
    first, second = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    halts.request_release(halt.id, reason="over", by=first, at=clock.now())
    halts.release(halt.id, by=second, at=clock.now())


def _desk(*members: str) -> None:
    desk, _ = Group.objects.get_or_create(name="alpha credit")
    desk.user_set.set(User.objects.filter(username__in=members))


def _code(call: Any) -> str:
    with pytest.raises(OmsError) as refused:
        call()
    return refused.value.code


@pytest.fixture
def theirs(sandbox: datetime) -> str:
    """A staged order of a colleague of alpha_trader's."""
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    user = hiring.hire("alpha_trader2", of="alpha", roles=["trader"])
    token = "oems_test_alpha_trader2"
    ApiKey.objects.create(user=user, digest=digest(token), prefix=token, created_at=clock.now())
    return trading.submit(by="alpha_trader2", bypass_auto_execution=True)


@pytest.mark.parametrize(
    ("scope", "target"), [("trader", "alpha_trader"), ("api_key", "oems_test_alpha_trader")]
)
def test_who_is_stopped_takes_no_order_of_others_to_market_and_amends_none(
    theirs: str, scope: str, target: str
) -> None:
    _engage(scope, target)

    def asked(by: str) -> list[str]:
        with trading.for_this_example():
            made = desk.execute(
                theirs, trading.instruction(1000), by=trading.person(by), at=clock.now()
            )
            amended = story.amend(theirs, by, qty=5000)
            return [fault.code if fault else "" for fault in (made.error, amended.error)]

    assert asked("alpha_trader") == ["kill_switch", "kill_switch"]
    assert asked("alpha_trader2") == ["", ""]
    desk.cancel([theirs], by=trading.person(), at=clock.now())
    assert trading.order(theirs).status == "canceled"


def test_what_was_amended_by_somebody_who_is_stopped_by_now_is_not_sent(theirs: str) -> None:
    child = trading.execute(theirs, 3000)
    trading.receive(trading.report(child, ExecType.NEW))
    assert story.amend(theirs, qty=5000).outcome == "pending"
    _engage("trader", "alpha_trader")
    assert last_look.before_wire(trading.VENUE, list(Outbound.objects.filter(kind="G"))) == []
    assert story.body(theirs, "replace_reject")["code"] == "kill_switch"
    assert trading.order(theirs).leaves_qty == 3000


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ("organization", ""),
        ("account", "alpha-002"),
        ("trader", "alpha_trader"),
        ("instrument", trading.BOND),
        ("api_key", "oems_test_alpha_trader"),
        ("desk", "alpha credit"),
        ("strategy", "limit_order_book/smart_order_routing"),
    ],
)
def test_nothing_new_passes_in_its_scope_until_two_release_it(scope: str, target: str) -> None:
    _desk("alpha_trader")
    halt = _engage(scope, target)
    ways = (trading.instruction(1000, strategy="smart_order_routing", venue_id=""),)
    refused = trading.order(trading.submit(instructions=ways))
    assert (refused.status, refused.reject_code) == ("rejected", "kill_switch")
    _release(halt)
    assert trading.order(trading.submit(qty=trading.D(4000))).status == "pending_execution"


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ("account", "alpha-003"),
        ("instrument", "00033GAB1"),
        ("trader", "alpha_compliance"),
        ("api_key", "oems_test_alpha_admin"),
        ("desk", "alpha credit"),
        ("strategy", "rfq/auto_ex"),
        ("venue", "SIMB"),
    ],
)
def test_what_is_outside_its_scope_trades_on(scope: str, target: str) -> None:
    _desk("alpha_compliance")
    _engage(scope, target)
    assert trading.order(trading.submit()).status == "pending_execution"


def test_another_organization_trades_on() -> None:
    _engage()
    order = trading.order(trading.submit(by="beta_trader", account_id="beta-002"))
    assert order.status == "pending_execution"


def test_an_approved_order_is_not_routed_under_a_switch() -> None:
    order_id = trading.submit()
    _engage()
    routing.drain()
    assert not ExecutionOrder.objects.filter(order_id=order_id, status="pending_execution").exists()
    assert not Outbound.objects.filter(kind="D").exists()


def test_an_order_on_its_way_is_stopped_before_the_wire() -> None:
    child = trading.routed()
    _engage()
    rows = list(Outbound.objects.filter(venue_id=child.venue_id, kind="D"))
    assert last_look.before_wire(child.venue_id, rows) == []
    assert VenueOrder.objects.get(pk=child.pk).status == "rejected"


def test_cancels_pass_under_a_switch() -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW))
    _engage()
    (answer,) = desk.cancel([child.order_id], by=trading.person(), at=clock.now())
    assert answer.outcome == "pending"
    rows = list(Outbound.objects.filter(venue_id=child.venue_id, kind="F"))
    assert len(last_look.before_wire(child.venue_id, rows)) == 1


def test_it_is_flat_only_when_the_venue_has_said_so_of_every_order() -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW))
    staged = trading.submit(bypass_auto_execution=True)
    flagged = trading.submit(limit_price=trading.D("90"))
    assert trading.order(flagged).status == "pending_approval"
    halt = _engage(cancels=True)
    while halting.drain():
        pass
    assert {trading.order(one).status for one in (staged, flagged)} == {"canceled"}
    assert Halt.objects.get(pk=halt.pk).status == "draining"
    by = trading.person("alpha_compliance")
    asked = lambda: halts.request_release(halt.id, reason="", by=by, at=clock.now())  # noqa: E731
    assert _code(asked) == "not_flat"
    trading.receive(
        trading.report(
            child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=trading.D(0)
        )
    )
    halting.drain()
    assert Halt.objects.get(pk=halt.pk).status == "confirmed_flat"
    assert trading.order(child.order_id).status == "canceled"
    said = Event.objects.filter(subject=halt.id).order_by("seq")
    kinds = list(said.values_list("event_type", flat=True))
    assert kinds == ["trading_halt", "halt_drain", "halt_flat"]


def test_a_drain_that_was_cut_off_goes_on_and_asks_nobody_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = [trading.submit(bypass_auto_execution=True) for _ in range(5)]
    _engage(cancels=True)
    monkeypatch.setattr(halting, "MOST_AT_ONCE", 2)
    assert halting.drain() == 2
    assert halting.drain() == 2
    assert halting.drain() == 1
    assert halting.drain() == 0
    asked = Event.objects.filter(event_type="cancel_request", subject__in=orders)
    assert asked.count() == 5


def test_one_person_does_not_release_alone_by_any_door(sandbox: datetime) -> None:
    halt = _engage()
    by = trading.person("alpha_compliance")
    halts.request_release(halt.id, reason="over", by=by, at=sandbox)
    assert _code(lambda: halts.release(halt.id, by=by, at=sandbox)) == "self_release"
    with (
        pytest.raises(IntegrityError, match="two_persons_release"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE controls_halt SET status = 'released', version = version + 1,"
            " released_by_id = release_requested_by_id WHERE id = %s",
            [halt.id],
        )
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM controls_halt WHERE id = %s", [halt.id])


def test_the_same_scope_is_engaged_once() -> None:
    _engage()
    assert _code(_engage) == "already_engaged"


def test_a_trader_engages_and_does_not_release(api: Any) -> None:
    trader = api("alpha_trader")
    asked = {"scope": "trader", "target": "alpha_trader", "reason": "stop me"}
    status, refused = trader.post("/v1/kill-switch/", {**asked, "confirm": "x"})[:2]
    assert (status, refused["code"]) == (422, "not_confirmed")
    status, made = trader.post("/v1/kill-switch/", {**asked, "confirm": "alpha_trader"})[:2]
    assert (status, made["status"]) == (201, "engaged")
    status, _ = trader.post(f"/v1/kill-switch/{made['id']}/request-release/", {"reason": "ok"})[:2]
    assert status == 403
    status, seen = api("beta_compliance").get("/v1/kill-switch/")[:2]
    assert (status, seen["kill_switches"]) == (200, [])
    status, _ = api("beta_compliance").post(
        f"/v1/kill-switch/{made['id']}/request-release/", {"reason": "ok"}
    )[:2]
    assert status == 404


def test_a_preview_counts_what_it_would_stop(api: Any) -> None:
    child = trading.routed()
    status, found = api("alpha_compliance").get("/v1/kill-switch/preview/?scope=organization")[:2]
    assert status == 200
    assert found["orders"] == 1
    assert found["venues"][0]["venue_id"] == child.venue_id


def test_an_order_in_doubt_keeps_it_from_being_flat_and_from_release() -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW))
    halt = _engage(cancels=True)
    halting.drain()
    trading.receive(
        trading.report(
            child,
            ExecType.CANCELED,
            ord_status=OrdStatus.CANCELED,
            leaves_qty=trading.D(0),
            cum_qty=trading.D(1000),
        )
    )
    halting.drain()
    assert VenueOrder.objects.get(pk=child.pk).in_doubt
    assert Halt.objects.get(pk=halt.pk).status == "draining"
    first, second = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    asked: dict[str, Any] = {"reason": "over", "by": first, "at": clock.now()}
    assert _code(lambda: halts.request_release(halt.id, **asked)) == "not_flat"
    assert _code(lambda: halting.release(halt.id, by=second, at=clock.now())) == "not_flat"
