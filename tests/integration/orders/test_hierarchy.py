"""A clearing organization sees what the brokers below it do; they see nothing of it, nor of each
other; and seeing is all: nobody acts for another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from oms_site.firm import hierarchy
from oms_site.firm.models import Organization
from tests import trading
from tests.client import Api
from tests.integration.orders.limits import in_force, listed

Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def orders(sandbox: datetime) -> tuple[str, str]:
    """An order of the parent, alpha, and one of its child, beta."""
    Organization.objects.filter(id="beta").update(parent_id="alpha")
    mine = trading.submit()
    theirs = trading.submit(by="beta_trader", account_id="beta-002")
    return mine, theirs


def listed_by(api: Apis, who: str, query: str = "") -> list[str]:
    status, body = api(who).get(f"/v1/trading/order/{query}")
    assert status == 200, body
    return sorted(one["id"] for one in body["orders"])


def test_the_parent_sees_the_childs_orders_and_not_the_other_way_round(
    api: Apis, orders: tuple[str, str]
) -> None:
    mine, theirs = orders
    assert listed_by(api, "alpha_trader") == sorted(orders)
    assert listed_by(api, "beta_trader") == [theirs]
    status, body = api("alpha_trader").get(f"/v1/trading/order/{theirs}/")
    assert (status, body["organization_id"]) == (200, "beta")
    assert api("beta_trader").get(f"/v1/trading/order/{mine}/")[0] == 404


def test_the_list_narrows_to_one_organization_and_never_to_a_strange_one(
    api: Apis, orders: tuple[str, str]
) -> None:
    mine, theirs = orders
    assert listed_by(api, "alpha_trader", "?organization_id=beta") == [theirs]
    assert listed_by(api, "alpha_trader", "?organization_id=alpha") == [mine]
    assert listed_by(api, "beta_trader", "?organization_id=alpha") == []


def test_the_parent_does_not_act_for_its_child(api: Apis, orders: tuple[str, str]) -> None:
    _, theirs = orders
    desk = api("alpha_trader")
    assert desk.delete(f"/v1/trading/order/{theirs}/")[0] == 404
    assert desk("PATCH", f"/v1/trading/order/{theirs}/", {"limit_price": 99})[0] == 404
    book = {"amount": {"par": 1000}}
    path = f"/v1/trading/order/{theirs}/execution-order/lob/sor/"
    assert desk.post(path, book)[0] == 404
    assert trading.order(theirs).cancel_requested_at is None


def test_without_a_parent_nobody_sees_the_others(api: Apis, orders: tuple[str, str]) -> None:
    Organization.objects.filter(id="beta").update(parent_id=None)
    assert listed_by(api, "alpha_trader") == [orders[0]]
    assert api("alpha_trader").get(f"/v1/trading/order/{orders[1]}/")[0] == 404


def test_all_below_are_seen_and_a_circle_ends(sandbox: datetime) -> None:
    for name, parent in (("gamma", "beta"), ("delta", "gamma")):
        Organization.objects.create(id=name, name=name, parent_id=parent)
    Organization.objects.filter(id="beta").update(parent_id="alpha")
    assert hierarchy.seen_by("alpha") == ("alpha", "beta", "delta", "gamma")
    assert hierarchy.seen_by("gamma") == ("delta", "gamma")
    Organization.objects.filter(id="alpha").update(parent_id="delta")
    assert hierarchy.seen_by("gamma") == ("alpha", "beta", "delta", "gamma")


# --- the universe of a risk group -------------------------------------------------------------
def test_what_is_not_in_the_risk_groups_universe_is_rejected_with_its_code(
    api: Apis, sandbox: datetime
) -> None:
    listed("house", "912810TD0", kind="universe")
    in_force("universe.eligible", universe="house", risk_groups=["rg_alpha_commission"])
    _, order = api("alpha_trader").submit(account_id="alpha-fee")
    assert order["status"] == "rejected"
    assert order["rejection"]["code"] == "not_in_universe"
    # Another risk group has no universe, and what is in it passes.
    _, order = api("alpha_trader").submit(account_id="alpha-002")
    assert order["status"] == "pending_execution"
    listed("house", "912810TD0", trading.BOND, kind="universe")
    _, order = api("alpha_trader").submit(account_id="alpha-fee")
    assert order["status"] == "pending_execution"


def test_a_block_with_one_account_outside_its_universe_is_rejected(
    api: Apis, sandbox: datetime
) -> None:
    listed("house", "912810TD0", kind="universe")
    in_force("universe.eligible", universe="house", risk_groups=["rg_alpha_commission"])
    _, order = api("alpha_trader").submit(
        account_id=None,
        allocations={
            "strategy": "fifo_without_averaging",
            "account_allocations": [
                {"account_id": name, "requested_amount": {"par": qty}}
                for name, qty in (("alpha-002", 2000), ("alpha-fee", 1000))
            ],
        },
    )
    assert order["rejection"]["code"] == "not_in_universe"


def test_an_unknown_custodian_is_refused(api: Apis, sandbox: datetime) -> None:
    status, body = api("alpha_trader").submit(custodian_id="cust_nobody")
    assert (status, body["code"]) == (422, "custodian_not_found")
