"""How much of an account's assets may be in one issuer, sector, country or group of securities."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from allocations.models import CashBalance
from controls import listing, parameters
from controls.checks.money import ConcentrationParams
from controls.models import Screening
from oms_site.firm import generation
from oms_site.kit import clock
from tests import trading
from tests.integration.orders.limits import in_force, listed

pytestmark = pytest.mark.usefixtures("sandbox")
Api = Callable[..., Any]
D = Decimal
BOND, SHARE, TREASURY, OTHER = trading.BOND, "037833100", "912810SX7", "594918BY9"


@pytest.fixture(autouse=True)
def _a_hundred_thousand(api: Api) -> None:
    """All that the account has is cash: a percent is 1,000."""
    deposit = {"kind": "deposit", "account_id": "alpha-002", "amount": 100_000}
    assert api("alpha_ops").post("/v1/transaction/", deposit)[0] == 201
    assert CashBalance.objects.get(account_id="alpha-002", currency="USD").amount == 100_000


def said(**changes: Any) -> str:
    """The status, or the reject code, of a new order at a hundred."""
    order = trading.order(trading.submit(**{"limit_price": D(100), **changes}))
    return order.reject_code or order.status


def group(*cusips: str, issuers: tuple[str, ...] = (), accounts: tuple[str, ...] = ()) -> None:
    """The next version of the group, by two persons."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    row = listing.draft(
        "big-tech",
        kind="group",
        cusips=cusips,
        issuers=issuers,
        accounts=accounts,
        by=maker,
        at=clock.now(),
    )
    listing.approve(row, by=checker, at=clock.now())
    generation.check()


@pytest.mark.parametrize("by", ["issuer", "sector", "country"])
def test_eleven_percent_of_one_is_refused_where_ten_are_allowed(by: str) -> None:
    in_force("concentration.limit", max_percent="10", by=by)
    assert said(qty=D(11_000)) == "concentration_over_limit"
    assert said(qty=D(10_000)) == "pending_execution"
    assert said(qty=D(1000)) == "concentration_over_limit"


def test_bonds_and_shares_of_an_issuer_count_together() -> None:
    in_force("concentration.limit", max_percent="10", by="issuer")
    assert said(qty=D(5000)) == "pending_execution"
    share = {"instrument_id": SHARE, "amount_type": "shares", "limit_price": D("231.4")}
    assert said(qty=D(22), **share) == "concentration_over_limit"
    assert said(qty=D(21), **share) == "pending_execution"


def test_what_is_held_counts_and_a_sale_is_never_refused() -> None:
    child = trading.routed(limit_price=D(100), qty=D(9000))
    trading.receive(trading.fill(child, 9000, cum=9000))
    in_force("concentration.limit", max_percent="10", by="issuer")
    assert said(qty=D(2000)) == "concentration_over_limit"
    assert said(qty=D(9000), side="sell", limit_price=D(99)) == "pending_execution"


def test_a_group_is_as_its_version_in_force_says() -> None:
    in_force("concentration.limit", max_percent="10", by="group:big-tech")
    # A group that nobody has agreed is no reason to let anything pass.
    assert said(qty=D(1000)) == "control_unavailable"
    group(TREASURY)
    assert said(qty=D(50_000)) == "pending_execution"
    group(TREASURY, BOND)
    order = trading.order(trading.submit(limit_price=D(100), qty=D(1000)))
    assert order.reject_code == "concentration_over_limit"
    assert "big-tech version 2 would be 51.00 %" in order.reject_reason
    kept = Screening.objects.get(pk=order.screening_id).ticket
    assert kept["list_versions"]["big-tech"] == 2
    # Taken out again by a third version, the same order passes.
    group(TREASURY)
    assert said(qty=D(1000)) == "pending_execution"


def test_a_version_that_one_person_proposes_counts_for_nobody() -> None:
    in_force("concentration.limit", max_percent="10", by="group:big-tech")
    group(TREASURY)
    maker = trading.person("alpha_compliance")
    listing.draft("big-tech", kind="group", cusips=[BOND], by=maker, at=clock.now())
    generation.check()
    assert said(qty=D(50_000)) == "pending_execution"


def test_a_group_of_an_issuer_counts_every_security_of_it() -> None:
    in_force("concentration.limit", max_percent="10", by="group:big-tech")
    group(issuers=("APPLE INC.",))
    assert said(qty=D(9000)) == "pending_execution"
    share = {"instrument_id": SHARE, "amount_type": "shares", "limit_price": D("231.4")}
    # 9,000 of its bonds are open: they count, though only the issuer is named.
    assert said(qty=D(10), **share) == "concentration_over_limit"
    assert said(qty=D(4), **share) == "pending_execution"


def test_an_account_on_the_list_of_a_group_makes_no_security_a_member() -> None:
    in_force("concentration.limit", max_percent="10", by="group:big-tech")
    group(TREASURY, accounts=("alpha-002",))
    assert said(qty=D(50_000)) == "pending_execution"


def test_an_account_on_the_list_of_a_universe_makes_no_security_eligible() -> None:
    in_force("universe.eligible", universe="green")
    listed("green", TREASURY, kind="universe")
    assert said(qty=D(1000)) == "not_in_universe"
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    row = listing.draft(
        "green",
        kind="universe",
        cusips=[TREASURY],
        accounts=["alpha-002"],
        by=maker,
        at=clock.now(),
    )
    listing.approve(row, by=checker, at=clock.now())
    generation.check()
    assert said(qty=D(1000)) == "not_in_universe"


@pytest.mark.parametrize("by", ["rating", "order_id", "group:", ""])
def test_nothing_else_can_be_what_is_concentrated(by: str) -> None:
    with pytest.raises(parameters.BadParams, match="by is one of"):
        parameters.read(ConcentrationParams, {"max_percent": "10", "by": by})


def test_a_stored_control_by_something_else_refuses_and_breaks_nothing() -> None:
    in_force("concentration.limit", readable=False, max_percent="10", by="rating")
    assert said(qty=D(1000)) == "control_unavailable"
