"""The day begins with a comparison, and where the policy says so no order is taken before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from allocations.custodians.simulated.adapter import SimulatedCustodian
from oms_site.firm import generation
from oms_site.kit import clock
from orders import breaks, reconciliation
from orders.models import Break, Order, Reconciliation
from tests import policies, trading
from tests.client import Api
from tests.integration.allocations.outside import Outside
from tests.integration.settlement.conftest import outside
from venues import drop_copy
from venues.drop_copy import DropCopy, DropCopyUnavailable, DropCopyUnsupported, TheirOrder

Apis = Callable[[str], Api]
__all__ = ["outside"]  # a fixture


@pytest.fixture
def hold(sandbox: datetime) -> None:
    """Alpha's orders are held until the day has begun clean."""
    rules = {"start_of_day_check": "hold"}
    policies.agreed(rules=rules, at=sandbox - timedelta(days=1))
    generation.check()


@pytest.fixture
def venue(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What venues say when they are asked: nothing at first; a test may change it."""
    said: dict[str, Any] = {"copy": DropCopy((), ())}

    def ask(venue_id: str) -> DropCopy:
        found = said.get(venue_id, said["copy"])
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, DropCopy)
        return found

    for kind in list(drop_copy.PORTS):
        monkeypatch.setitem(drop_copy.PORTS, kind, ask)
    return said


def compared() -> dict[str, str]:
    """The next comparison as beat makes it: the outcome of each party."""
    made = reconciliation.run(reconciliation.phase_now())
    outcomes: dict[str, str] = {}
    for row in made:
        # The parts of one party's answer come and go together here.
        name = row.party or row.kind
        assert outcomes.setdefault(name, str(row.outcome)) == row.outcome
    return outcomes


def held(api: Apis) -> str:
    """Why an order is not taken; empty when it is."""
    before = Order.objects.count()
    status, body = api("alpha_trader").submit()
    if status == 201:
        return ""
    assert (status, body["code"]) == (503, "start_of_day_hold")
    assert Order.objects.count() == before
    return str(body["error"])


def test_orders_are_held_until_everybody_was_compared_with_and_agreed(
    api: Apis, hold: None, venue: dict[str, Any]
) -> None:
    assert "not been compared" in held(api)
    assert set(compared().values()) <= {"clean", "unsupported"}
    assert held(api) == ""


def test_a_policy_that_only_warns_takes_orders(api: Apis, venue: dict[str, Any]) -> None:
    assert held(api) == ""
    venue["copy"] = DropCopyUnavailable("SIMA hung up")
    assert compared()["SIMA"] == "not_checked"
    assert held(api) == ""


def test_a_comparison_that_broke_off_half_way_lets_nobody_in(
    api: Apis, hold: None, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after our own facts and some venues: who is left was not checked."""
    one = reconciliation._one
    done: list[Reconciliation] = []

    def dies(*about: Any) -> list[Reconciliation]:
        if len(done) == 2:
            raise SystemError("the power went")
        made = one(*about)
        done.extend(made)
        return made

    with monkeypatch.context() as patched:
        patched.setattr(reconciliation, "_one", dies)
        with pytest.raises(SystemError):
            compared()
    assert "not_checked" not in {str(row.outcome) for row in done}
    assert "cust_bny" in held(api)
    # The next comparison is the day's start again, and then there is no more to wait for.
    assert reconciliation.phase_now() == "start"
    compared()
    assert held(api) == ""


def test_who_did_not_answer_at_first_is_asked_again_and_then_orders_are_taken(
    api: Apis, hold: None, venue: dict[str, Any], outside: Outside
) -> None:
    outside.fault(mode="down", custodian="cust_bny")
    venue["SIMA"] = DropCopyUnavailable("SIMA hung up")
    first = compared()
    assert (first["SIMA"], first["cust_lpl"]) == ("not_checked", "clean")
    assert "SIMA" in held(api)
    del venue["SIMA"]
    outside.fault(mode="normal")
    assert set(compared().values()) <= {"clean", "unsupported"}
    assert held(api) == ""


def test_people_ask_again_from_the_screen_and_the_day_can_begin(
    api: Apis, hold: None, venue: dict[str, Any]
) -> None:
    venue["SIMA"] = DropCopyUnavailable("SIMA hung up")
    compared()
    del venue["SIMA"]
    assert "SIMA" in held(api)
    assert api("alpha_ops").post("/v1/ops/reconciliation/")[0] == 200
    assert held(api) == ""


def test_a_party_that_talks_nonsense_is_not_checked_and_holds_up_no_other(
    api: Apis, hold: None, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(self: SimulatedCustodian, **about: Any) -> Any:
        raise KeyError("positions")

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedCustodian, "statement", nonsense)
        found = compared()
    assert found["cust_bny"] == "not_checked"
    # Who comes after it was asked all the same, and answers by files.
    assert found["cust_northern"] == "clean"
    assert "cust_bny" in held(api)
    notes = Reconciliation.objects.filter(party="cust_bny").order_by("kind")
    assert [row.kind for row in notes] == ["cash", "custodian", "settled"]
    assert all("KeyError" in row.note for row in notes)


def test_a_venue_that_cannot_list_what_it_has_holds_nobody_and_is_never_called_clean(
    api: Apis, hold: None, venue: dict[str, Any]
) -> None:
    venue["SIMA"] = DropCopyUnsupported("SIMA")
    assert compared()["SIMA"] == "unsupported"
    assert not Break.objects.exists()
    assert held(api) == ""


def test_a_difference_holds_orders_until_two_people_have_explained_it(
    api: Apis, hold: None, venue: dict[str, Any], sandbox: datetime
) -> None:
    """An order that the venue has taken further than we know: a break of alpha's own."""
    policies.agreed(rules={"start_of_day_check": "warn"}, at=sandbox - timedelta(hours=1))
    generation.check()
    child = trading.routed()
    policies.agreed(rules={"start_of_day_check": "hold"}, at=sandbox - timedelta(minutes=30))
    generation.check()
    told = TheirOrder(cl_ord_id=child.id, cum_qty=child.qty, is_open=False)
    venue["SIMA"] = DropCopy((told,), ())
    with clock.frozen_at(sandbox + timedelta(minutes=5)):
        assert compared()["SIMA"] == "breaks"
        (row,) = Break.objects.filter(organization_id="alpha")
        assert row.kind == "venue_order_differs"
        assert "1 break" in held(api)
        closed(row.id)
        assert held(api) == ""


def closed(break_id: str) -> None:
    ops, admin, at = trading.person("alpha_ops"), trading.person("alpha_admin"), clock.now()
    breaks.propose(break_id, reason_code="accepted", text="They told us late.", by=ops, at=at)
    breaks.decide(break_id, agree=True, by=admin, at=at)


def test_what_two_people_have_explained_opens_no_second_break_until_it_changes(
    venue: dict[str, Any], sandbox: datetime
) -> None:
    child = trading.routed()
    told = TheirOrder(cl_ord_id=child.id, cum_qty=child.qty, is_open=False)
    venue["SIMA"] = DropCopy((told,), ())
    with clock.frozen_at(sandbox + timedelta(minutes=5)):
        compared()
        closed(Break.objects.get().id)
        compared()
        assert Break.objects.filter(closed_at=None).count() == 0
        # What is explained is no agreement: the outcome says so as long as it differs.
        assert reconciliation.latest("alpha")[-1].kind == "venue"
        assert "breaks" in {row.outcome for row in reconciliation.latest("alpha")}
        other = TheirOrder(cl_ord_id=child.id, cum_qty=child.qty - 1000, is_open=False)
        venue["SIMA"] = DropCopy((other,), ())
        compared()
        assert Break.objects.filter(closed_at=None).count() == 1


def test_the_day_is_new_yorks_and_an_evening_run_does_not_begin_tomorrow(
    api: Apis, hold: None, venue: dict[str, Any], sandbox: datetime
) -> None:
    """Half past seven in the evening in New York is tomorrow in London."""
    evening = sandbox + timedelta(hours=9, minutes=30)
    with clock.frozen_at(evening):
        compared()
        assert {row.day for row in Reconciliation.objects.order_by("id")} == {sandbox.date()}
    with clock.frozen_at(sandbox + timedelta(days=1)):
        assert "not been compared" in held(api)


def test_the_board_says_unknown_before_the_first_look_and_not_checked_after_a_failed_one(
    venue: dict[str, Any], client: Any, sandbox: datetime
) -> None:
    from oms_site.firm.models import User

    client.force_login(User.objects.get(username="alpha_ops"))

    def board() -> str:
        return str(client.get("/ops/?part=board").content.decode())

    assert "unknown, not clean" in board()
    venue["SIMA"] = DropCopyUnavailable("SIMA hung up")
    compared()
    shown = board()
    assert "not checked" in shown
    assert "SIMA hung up" in shown
    assert ">clean</td>" in shown
    # What was clean yesterday is not known today.
    with clock.frozen_at(sandbox + timedelta(days=1)):
        shown = board()
        assert "not checked today" in shown
        assert ">clean</td>" not in shown
