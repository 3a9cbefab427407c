"""What holds for an account holds for all of it, and what holds for a sleeve for this alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from allocations.holdings import transactions
from allocations.holdings.transactions import Ask
from allocations.models import Account, Movement, Position, TaxLot
from controls import halts, listing, simulation
from controls.models import Control, Screening
from oms_site.firm import generation
from oms_site.kit import clock
from orders import crossing, desk, halting, lots, mass_canceling
from orders.brokers import why_not
from orders.models import Cross, Order
from orders.requests import AccountAsk, AllocationAsk
from orders.stopping.selecting import Selection, open_orders
from tests import policies, trading
from tests.integration.orders.limits import in_force
from tests.market import Venue, clean_shelf
from tests.trading import D

pytestmark = pytest.mark.usefixtures("sandbox")
WHOLE, CORE, INCOME, OTHER = "alpha-whole", "alpha-core", "alpha-income", "alpha-003"
PASSED = "pending_execution"


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


def said(account: str = CORE, **changes: Any) -> str:
    """The status, or the reject code, of a new order for an account."""
    order = trading.order(trading.submit(account_id=account, **changes))
    return order.reject_code or order.status


def block(*parts: tuple[str, int]) -> dict[str, Any]:
    """The terms of a block for these accounts."""
    asked = AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in parts),
    )
    return {"account_id": None, "allocation": asked, "qty": D(sum(qty for _, qty in parts))}


def filled(account: str = CORE, *, qty: int = 3000, px: str = "99.4", **more: Any) -> str:
    """An order that is filled; its id."""
    child = trading.routed(account_id=account, qty=D(qty), **more)
    side = "2" if more.get("side") == "sell" else "1"
    trading.receive(trading.fill(child, qty, cum=qty, last_px=D(px), side=side))
    return child.order_id


def for_accounts(rule_class: str, *names: str, **params: Any) -> Control:
    """A control in force for these accounts alone."""
    return in_force(rule_class, only={"account": list(names)}, **params)


def agreed(account: str, **rules: Any) -> None:
    """The account's mandate, by two people."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    row = listing.agree(account, rules, by=maker, at=clock.now())
    listing.approve(row, by=checker, at=clock.now())
    generation.check()


def paid(account: str, amount: str) -> None:
    ask = Ask(kind="deposit", account_id=account, amount=D(amount), reason="a test")
    transactions.submit(ask, by=trading.person("alpha_ops"), at=clock.now())


# --- it trades like any account --------------------------------------------------------------
def test_an_order_for_a_sleeve_is_the_sleeves() -> None:
    filled(CORE)
    assert Position.objects.get().account_id == CORE
    assert TaxLot.objects.get().open_qty == D(3000)


def test_a_block_is_split_over_two_sleeves_and_another_account() -> None:
    child = trading.routed(**block((CORE, 1000), (INCOME, 2000), (OTHER, 3000)))
    trading.receive(trading.fill(child, 6000, cum=6000))
    lots.drain()
    held = Position.objects.exclude(qty=0).order_by("account_id")
    assert dict(held.values_list("account_id", "qty")) == {CORE: 1000, INCOME: 2000, OTHER: 3000}


def test_a_sale_takes_lots_of_its_own_sleeve_only() -> None:
    for name, px in ((INCOME, "99.1"), (CORE, "99.4"), (WHOLE, "99.2")):
        filled(name, px=px)
    filled(CORE, side="sell", limit_price=D(98), px="99.4", qty=2000)
    left = TaxLot.objects.order_by("position__account_id")
    assert dict(left.values_list("position__account_id", "open_qty")) == {
        CORE: D(1000),
        INCOME: D(3000),
        WHOLE: D(3000),
    }
    sale = Movement.objects.get(qty__lt=0)
    assert (sale.account_id, sale.realized_after) == (CORE, D(0))


def test_a_sleeve_of_a_suspended_account_does_not_trade() -> None:
    Account.objects.filter(id=WHOLE).update(status="suspended")
    generation.check()
    assert said(CORE) == "account_not_active"
    assert said(OTHER) == PASSED


# --- limits: the sleeve's, and those of the whole ----------------------------------------------
def test_a_limit_for_every_account_holds_for_each_sleeve_and_for_all_of_them_together() -> None:
    in_force("position.limit", max_qty="5000")
    assert said(CORE, qty=D(6000)) == "position_over_limit"
    assert said(CORE, qty=D(3000)) == PASSED
    assert said(INCOME, qty=D(3000)) == "position_over_limit"
    assert said(INCOME, qty=D(2000)) == PASSED
    assert said(WHOLE, qty=D(1000)) == "position_over_limit"
    assert said(OTHER, qty=D(3000)) == PASSED


def test_a_block_over_two_sleeves_is_one_for_their_account() -> None:
    in_force("position.limit", max_qty="5000")
    order = trading.order(trading.submit(**block((CORE, 3000), (INCOME, 3000))))
    assert order.reject_code == "position_over_limit"
    assert "account ALPHA-WHOLE with its sleeves" in order.reject_reason
    smaller = trading.order(trading.submit(**block((CORE, 3000), (INCOME, 2000))))
    assert smaller.status == PASSED


def test_orders_of_two_sleeves_in_one_batch_share_the_limit_of_their_account() -> None:
    in_force("position.limit", max_qty="5000")
    asked = [trading.request(account_id=name) for name in (CORE, INCOME)]
    codes = [trading.order(one.order_id).reject_code for one in desk.submit(asked)]
    assert codes == ["", "position_over_limit"]


def test_what_the_sleeves_hold_counts_for_their_account() -> None:
    filled(CORE)
    in_force("position.limit", max_qty="5000")
    assert said(INCOME) == "position_over_limit"
    assert said(WHOLE) == "position_over_limit"
    assert said(INCOME, qty=D(2000)) == PASSED


@pytest.mark.parametrize("name", [WHOLE, "ALPHA-WHOLE"])
def test_a_limit_of_an_account_covers_its_sleeves_together(name: str) -> None:
    for_accounts("position.limit", name, max_qty="5000")
    assert said(CORE) == PASSED
    assert said(INCOME) == "position_over_limit"
    assert said(OTHER, qty=D(9000)) == PASSED


@pytest.mark.parametrize("name", [CORE, "ALPHA-CORE"])
def test_a_limit_of_a_sleeve_is_about_that_sleeve_alone(name: str) -> None:
    for_accounts("position.limit", name, max_qty="3000")
    assert said(INCOME, qty=D(9000)) == PASSED
    assert said(CORE, qty=D(3000)) == PASSED
    assert said(CORE, qty=D(1000)) == "position_over_limit"


def test_a_sleeve_spends_its_own_cash_only() -> None:
    in_force("cash.buying_power")
    for account, amount in ((CORE, "3025"), (WHOLE, "1010"), (INCOME, "1")):
        paid(account, amount)
    assert said(INCOME, qty=D(1000)) == "insufficient_buying_power"
    assert said(CORE) == PASSED
    assert said(WHOLE, qty=D(2000)) == "insufficient_buying_power"
    assert said(WHOLE, qty=D(1000)) == PASSED


def test_the_evidence_says_what_the_whole_account_was_measured_by() -> None:
    filled(CORE)
    in_force("position.limit", max_qty="5000")
    said(INCOME)
    kept = Screening.objects.order_by("-screened_at", "-id").first()
    assert kept is not None
    figures = kept.ticket["figures"]
    assert Decimal(figures["position|account:alpha-income|long|0"]) == 0
    assert Decimal(figures["position|account:whole:alpha-whole|long|0"]) == 3000
    assert kept.ticket["accounts"][0][4:] == ["alpha-whole", "ALPHA-WHOLE"]
    # Looked at again, also when nobody knows any more what it is a part of, it says the same.
    stored = {
        "ticket": kept.ticket,
        "organization_id": "alpha",
        "subject": kept.subject,
        "subject_version": kept.subject_version,
        "stage": kept.stage,
    }
    again = simulation.ticket_of(stored)
    assert [part.qty for part in again.parts("account")] == [D(3000), D(3000)]
    assert again.accounts[0].whole == WHOLE


# --- what the law says of an account ---------------------------------------------------------
def test_sleeves_of_one_account_do_not_cross_each_other() -> None:
    in_force("cross.self")
    assert said(CORE, side="sell", limit_price=D("99.5")) == PASSED
    assert said(INCOME, limit_price=D("99.5")) == "self_cross"
    assert said(WHOLE, limit_price=D("99.5")) == "self_cross"
    assert said(OTHER, limit_price=D("99.5")) == PASSED


def test_two_sleeves_are_not_matched_inside(sandbox: datetime) -> None:
    for one in (Venue("SIMA"), Venue("SIMB")):
        one.begin()
    policies.agreed(preset="full", rules={"internal_cross": "routed"}, at=clock.now())
    generation.check()
    trading.submit(account_id=CORE, side="buy", limit_price=D("100.5"))
    trading.submit(account_id=INCOME, side="sell", limit_price=D("98.5"))
    crossing.drain()
    assert not Cross.objects.exists()
    trading.submit(account_id=OTHER, side="sell", limit_price=D("98.5"))
    crossing.drain()
    assert Cross.objects.count() == 1


def test_a_loss_in_one_sleeve_makes_a_wash_sale_of_a_purchase_in_another() -> None:
    filled(CORE)
    filled(CORE, side="sell", limit_price=D(98), px="98")
    in_force("wash.sale")
    assert said(INCOME) == "wash_sale"
    assert said(WHOLE) == "wash_sale"
    assert said(CORE) == "wash_sale"
    assert said(OTHER) == PASSED


def test_no_loss_is_no_wash_sale() -> None:
    filled(CORE)
    filled(CORE, side="sell", limit_price=D(98), px="99.6")
    in_force("wash.sale")
    assert said(INCOME) == PASSED


def test_what_came_from_another_sleeve_cost_what_the_account_paid() -> None:
    filled(CORE)
    filled(INCOME, side="sell", limit_price=D(98), px="98")
    in_force("wash.sale")
    assert said(CORE) == "wash_sale"


# --- mandates, lists, brokers ----------------------------------------------------------------
def test_the_mandate_of_an_account_holds_for_its_sleeves_beside_their_own() -> None:
    in_force("mandate.guideline", required=True)
    assert said(CORE) == "control_unavailable"
    agreed(WHOLE, asset_classes=["corporate"])
    assert said(CORE) == PASSED
    agreed(CORE, asset_classes=["treasury"])
    assert said(CORE) == "outside_mandate"
    assert said(INCOME) == PASSED
    agreed(WHOLE, asset_classes=["treasury"])
    assert said(INCOME) == "outside_mandate"


def test_a_broker_that_an_account_may_not_use_gets_none_of_its_sleeves_orders() -> None:
    agreed(WHOLE, restricted_brokers=["SIMA"])
    order = trading.order(trading.submit(account_id=CORE))
    assert "ALPHA-WHOLE" in why_not(order, "SIMA")
    assert why_not(order, "SIMB") == ""
    assert why_not(trading.order(trading.submit(account_id=OTHER)), "SIMA") == ""


def test_a_list_that_names_an_account_names_its_sleeves() -> None:
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    row = listing.draft("frozen", kind="do_not_trade", accounts=[WHOLE], by=maker, at=clock.now())
    listing.approve(row, by=checker, at=clock.now())
    generation.check()
    assert said(CORE) == "instrument_restricted"
    assert said(OTHER) == PASSED


# --- stopping --------------------------------------------------------------------------------
def _engage(account: str, **how: Any) -> None:
    by = trading.person("alpha_compliance")
    found = halting.target_of("account", account, by=by)
    halts.engage(found, reason="a test", by=by, at=clock.now(), **{"cancels": True, **how})
    generation.check()


def _staged() -> dict[str, str]:
    staged = {
        name: trading.submit(account_id=name, bypass_auto_execution=True)
        for name in (WHOLE, CORE, INCOME, OTHER)
    }
    parts = block((INCOME, 1000), (OTHER, 1000))
    return {**staged, "block": trading.submit(bypass_auto_execution=True, **parts)}


def _statuses(orders: dict[str, str]) -> dict[str, str]:
    return {name: trading.order(key).status for name, key in orders.items()}


def test_a_kill_switch_of_an_account_stops_its_sleeves_and_cancels_their_orders() -> None:
    orders = _staged()
    _engage(WHOLE)
    assert [said(name) for name in (WHOLE, CORE, INCOME)] == ["kill_switch"] * 3
    assert said(OTHER) == PASSED
    while halting.drain():
        pass
    gone = dict.fromkeys((WHOLE, CORE, INCOME, "block"), "canceled")
    assert _statuses(orders) == {**gone, OTHER: PASSED}


def test_a_kill_switch_of_a_sleeve_stops_that_sleeve_alone() -> None:
    orders = _staged()
    _engage(CORE)
    while halting.drain():
        pass
    stay = dict.fromkeys((WHOLE, INCOME, OTHER, "block"), PASSED)
    assert _statuses(orders) == {**stay, CORE: "canceled"}
    assert said(INCOME) == PASSED


def test_a_mass_cancel_of_an_account_takes_its_sleeves_orders() -> None:
    orders = _staged()
    wanted = Selection(organization_id="alpha", account=WHOLE)
    meant = open_orders(wanted).order_by("id").values_list("id", flat=True)
    assert set(meant) == {orders[name] for name in (WHOLE, CORE, INCOME, "block")}
    mass_canceling.create(wanted, reason="a test", by=trading.person(), at=clock.now())
    while mass_canceling.drain():
        pass
    assert Order.objects.filter(status="canceled").count() == 4
