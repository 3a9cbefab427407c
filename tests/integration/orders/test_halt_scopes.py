"""Scopes of halts beyond whole orders: a venue, a strategy, everybody, and what only may reduce."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import Group

from controls import halts
from controls.models import Halt
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import halting, last_look, routing
from orders.models import ExecutionOrder, VenueOrder
from orders.stopping import waiting
from tests import policies, trading
from tests.integration.replacing import story
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


def _engage(scope: str, target: str = "", *, by: Principal | None = None, **how: Any) -> Halt:
    by = by or trading.person("alpha_compliance")
    found = halting.target_of(scope, target, by=by)
    terms = {"cancels": False, **how}
    row = halts.engage(found, reason="a test", by=by, at=clock.now(), **terms)
    generation.check()
    return row


def _house(name: str = "house_admin") -> Principal:
    user, _ = User.objects.get_or_create(
        username=name, defaults={"organization_id": "house", "roles": ["admin"]}
    )
    return principals.of_user(user, via="browser")


def _venue_orders(order_id: str) -> list[str]:
    rows = VenueOrder.objects.filter(order_id=order_id).order_by("pk")
    return [row.venue_id for row in rows]


def _sent(order_id: str) -> list[Outbound]:
    names = VenueOrder.objects.filter(order_id=order_id).values("pk")
    return list(Outbound.objects.filter(kind="D", cl_ord_id__in=names).order_by("pk"))


def _acknowledged(child: VenueOrder) -> VenueOrder:
    trading.receive(trading.report(child, ExecType.NEW), venue_id=child.venue_id)
    return VenueOrder.objects.get(pk=child.pk)


def _gone(child: VenueOrder) -> None:
    ended = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    trading.receive(trading.report(child, ExecType.CANCELED, **ended), venue_id=child.venue_id)


# --- a venue -------------------------------------------------------------------------------------
def test_routing_goes_round_a_halted_venue() -> None:
    before = trading.routed()
    _engage("venue", before.venue_id)
    after = trading.routed(qty=D(4000))
    assert after.venue_id != before.venue_id
    assert trading.order(trading.submit(qty=D(5000))).status == "pending_execution"


def test_nobody_takes_an_order_to_a_halted_venue_by_name() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    _engage("venue", "SIMA")
    with pytest.raises(AssertionError, match="halted"):
        trading.execute(order_id, 1000)
    assert trading.execute(order_id, 1000, venue_id="SIMB").venue_id == "SIMB"


def test_what_is_on_its_way_to_a_halted_venue_is_stopped_before_the_wire() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    first = trading.execute(order_id, 1000)
    second = trading.execute(order_id, 1000, venue_id="SIMB")
    rows = {row.venue_id: row for row in _sent(order_id)}
    _engage("venue", "SIMA")
    assert last_look.before_wire("SIMA", [rows["SIMA"]]) == []
    (passed,) = last_look.before_wire("SIMB", [rows["SIMB"]])
    assert passed.cl_ord_id == second.pk
    assert VenueOrder.objects.get(pk=first.pk).status == "rejected"
    assert trading.order(order_id).status == "pending_execution"


def test_a_venue_is_flat_when_its_own_part_is_gone() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    first = _acknowledged(trading.execute(order_id, 1000))
    second = _acknowledged(trading.execute(order_id, 1000, venue_id="SIMB"))
    halt = _engage("venue", "SIMA", cancels=True)
    assert halting.drain() == 1
    assert halting.drain() == 0
    assert VenueOrder.objects.get(pk=first.pk).pending == "cancel"
    assert VenueOrder.objects.get(pk=second.pk).pending == ""
    assert Halt.objects.get(pk=halt.pk).status == "draining"
    _gone(first)
    halting.drain()
    assert Halt.objects.get(pk=halt.pk).status == "confirmed_flat"
    assert VenueOrder.objects.get(pk=second.pk).status == "new"
    trading.check_tree(order_id)


# --- a strategy ----------------------------------------------------------------------------------
def test_a_halted_strategy_makes_no_execution_orders_and_others_do() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    routed = trading.submit(qty=D(4000))
    _engage("strategy", "limit_order_book/smart_order_routing")
    routing.drain()
    assert not ExecutionOrder.objects.filter(order_id=routed).exists()
    assert trading.order(routed).status == "pending_execution"
    assert Event.objects.filter(event_type="execution_order_reject", subject=routed).exists()
    assert trading.execute(order_id, 1000).venue_id == "SIMA"


def test_a_halted_strategy_is_stopped_before_the_wire() -> None:
    child = trading.routed()
    _engage("strategy", "limit_order_book/smart_order_routing")
    assert last_look.before_wire(child.venue_id, _sent(child.order_id)) == []


# --- everybody -----------------------------------------------------------------------------------
def test_only_the_house_stops_everybody() -> None:
    with pytest.raises(OmsError) as refused:
        _engage("all")
    assert refused.value.code == "house_only"
    _engage("all", by=_house())
    for by, account in (("alpha_trader", "alpha-002"), ("beta_trader", "beta-002")):
        order = trading.order(trading.submit(by=by, account_id=account))
        assert order.reject_code == "kill_switch"


def test_what_the_house_stopped_only_the_house_gives_back_and_by_two() -> None:
    own = _engage("all", by=_house())
    assert own.organization_id == "house"
    imposed = Halt.objects.get(organization_id="alpha")
    by, at = trading.person("alpha_compliance"), clock.now()
    with pytest.raises(OmsError) as refused:
        halts.request_release(imposed.id, reason="x", by=by, at=at)
    assert refused.value.code == "imposed"
    halts.request_release(own.id, reason="over", by=_house(), at=at)
    with pytest.raises(OmsError) as alone:
        halts.release(own.id, by=_house(), at=at)
    assert alone.value.code == "self_release"
    halts.release(own.id, by=_house("house_admin2"), at=at)
    assert set(Halt.objects.values_list("status", flat=True)) == {"released"}
    assert trading.order(trading.submit()).status == "pending_execution"


def test_an_organization_made_later_is_stopped_as_well() -> None:
    _engage("all", by=_house())
    over = halts.over("gamma", accounts=(), trader="nobody", cusip="x")
    assert over.halted == ("the whole firm (a test)",)


def test_a_house_switch_and_an_own_one_stand_side_by_side() -> None:
    _engage("instrument", trading.BOND)
    _engage("instrument", trading.BOND, by=_house())
    assert Halt.objects.filter(organization_id="alpha").count() == 2


def test_the_house_does_not_stop_one_account_of_others() -> None:
    with pytest.raises(OmsError):
        _engage("account", "alpha-002", by=_house())


# --- a desk --------------------------------------------------------------------------------------
def test_a_desk_is_who_belongs_to_it_now() -> None:
    desk = Group.objects.create(name="rates")
    trader = User.objects.get(username="alpha_trader")
    desk.user_set.add(*User.objects.filter(username__in=["alpha_admin", "beta_trader"]))
    _engage("desk", "rates")
    assert trading.order(trading.submit()).status == "pending_execution"
    desk.user_set.add(trader)
    generation.check()
    assert trading.order(trading.submit(qty=D(4000))).reject_code == "kill_switch"
    beta = trading.order(trading.submit(by="beta_trader", account_id="beta-002"))
    assert beta.reject_code != "kill_switch"


def test_a_desk_of_another_organization_cannot_be_named() -> None:
    Group.objects.create(name="theirs").user_set.add(User.objects.get(username="beta_trader"))
    with pytest.raises(OmsError) as refused:
        _engage("desk", "theirs")
    assert refused.value.code == "target_not_found"


# --- reducing ------------------------------------------------------------------------------------
def _holding(qty: int) -> None:
    child = trading.routed(qty=D(qty))
    trading.receive(trading.fill(child, qty, cum=qty), venue_id=child.venue_id)


def test_only_what_lessens_a_position_passes_a_reducing_switch() -> None:
    _holding(3000)
    _engage("organization", mode="reducing")
    more = trading.order(trading.submit(qty=D(1000)))
    assert (more.status, more.reject_code) == ("rejected", "kill_switch")
    assert "Only orders that reduce a position pass" in more.reject_reason
    sell: dict[str, Any] = {"side": "sell", "limit_price": D("99.6")}
    less = trading.submit(qty=D(2000), **sell)
    assert trading.order(less).status == "pending_execution"
    over = trading.order(trading.submit(qty=D(2000), **sell))
    assert over.reject_code == "kill_switch"
    routing.drain()
    rows = _sent(less)
    assert rows
    assert last_look.before_wire("SIMA", rows) == rows


def test_what_lessens_under_a_reducing_switch_is_not_asked_to_stop_by_it() -> None:
    _holding(3000)
    before = _acknowledged(trading.routed(qty=D(4000)))
    with clock.frozen_at(clock.now() + timedelta(seconds=1)):
        halt = _engage("organization", mode="reducing", cancels=True)
    with clock.frozen_at(clock.now() + timedelta(seconds=2)):
        less = trading.submit(side="sell", qty=D(2000), limit_price=D("99.6"))
        halting.drain()
        halting.drain()
        assert VenueOrder.objects.get(pk=before.pk).pending == "cancel"
        assert (trading.order(less).status, trading.order(less).pending) == (
            "pending_execution",
            "",
        )
        _gone(before)
        halting.drain()
        assert Halt.objects.get(pk=halt.pk).status == "confirmed_flat"
        halts.request_release(
            halt.pk, reason="over", by=trading.person("alpha_compliance"), at=clock.now()
        )
        halting.release(halt.pk, by=trading.person("alpha_compliance2"), at=clock.now())
    assert Halt.objects.get(pk=halt.pk).status == "released"


def test_a_buy_on_its_way_does_not_pass_a_reducing_switch_at_the_wire() -> None:
    child = trading.routed()
    _engage("organization", mode="reducing")
    assert last_look.before_wire(child.venue_id, _sent(child.order_id)) == []


def test_a_reducing_switch_does_not_stand_in_the_way_of_a_full_stop(api: Any) -> None:
    _holding(3000)
    engage = {
        "scope": "account",
        "target": "alpha-002",
        "reason": "x",
        "cancel_orders": False,
        "confirm": "alpha-002",
    }
    compliance = api("alpha_compliance")
    status, reducing = compliance.post("/v1/kill-switch/", {**engage, "mode": "reducing"})[:2]
    assert status == 201
    sell: dict[str, Any] = {"side": "sell", "limit_price": D("99.6"), "qty": D(1000)}
    with trading.for_this_example():
        assert trading.order(trading.submit(**sell)).status == "pending_execution"
    status, full = compliance.post("/v1/kill-switch/", {**engage, "mode": "halt"})[:2]
    assert status == 201
    assert compliance.post("/v1/kill-switch/", {**engage, "mode": "halt"})[0] == 409
    assert trading.order(trading.submit(**sell)).reject_code == "kill_switch"
    by, at = trading.person("alpha_compliance"), clock.now()
    halts.request_release(full["id"], reason="over", by=by, at=at)
    halts.release(full["id"], by=trading.person("alpha_compliance2"), at=at)
    (left,) = halts.standing("alpha")
    assert (left.id, left.mode) == (reducing["id"], "reducing")
    assert trading.order(trading.submit(**sell)).status == "pending_execution"
    assert trading.order(trading.submit(qty=D(4000))).reject_code == "kill_switch"


@pytest.mark.parametrize(("qty", "sent"), [(8000, 0), (6000, 0), (5000, 1)])
def test_a_replace_passes_a_reducing_switch_at_the_wire_only_as_what_it_asks_for(
    sandbox: datetime, qty: int, sent: int
) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    _holding(5000)
    order_id, _ = story.working(3000, side="sell", limit_price=D("99.6"))
    assert story.amend(order_id, qty=qty).outcome == "pending"
    _engage("organization", mode="reducing")
    rows = list(Outbound.objects.filter(kind="G"))
    assert len(rows) == 1
    assert len(last_look.before_wire("SIMA", rows)) == sent


# --- refused cancels -----------------------------------------------------------------------------
def test_a_refused_cancel_is_asked_again_ever_more_rarely_and_said_so() -> None:
    child = _acknowledged(trading.routed())
    halt = _engage("organization", cancels=True)
    start, asked = clock.now(), list[float]()
    for second in range(200):
        with clock.frozen_at(start + timedelta(seconds=second)):
            if halting.drain():
                asked.append(second)
                again = VenueOrder.objects.get(pk=child.pk)
                trading.receive(trading.cancel_refused(again, text="busy"), venue_id=child.venue_id)
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert asked[0] == 0
    assert gaps == sorted(gaps)
    assert gaps[0] <= 2
    assert max(gaps) <= 60
    assert 5 <= len(asked) <= 12
    (left,) = waiting.on(halting.selected(halt))
    assert left["why"] == f"{child.venue_id} refused to cancel it (busy): it is asked again."


def test_why_it_is_not_flat_is_told(api: Any) -> None:
    child = _acknowledged(trading.routed())
    halt = _engage("organization", cancels=True)
    halting.drain()
    status, told = api("alpha_trader").get(f"/v1/kill-switch/{halt.id}/")[:2]
    assert (status, told["alive"]) == (200, 1)
    assert told["not_proven_gone"][0]["order_id"] == child.order_id
    assert told["not_proven_gone"][0]["why"].endswith("has been asked and has not answered.")
    assert api("beta_trader").get(f"/v1/kill-switch/{halt.id}/")[0] == 404
