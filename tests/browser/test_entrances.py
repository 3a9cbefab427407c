"""What people decide, ask for and type on screens where it was the API's alone before."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FILLS, HANGS, Opener, Screen
from tests.browser.test_accessible import _faults
from tests.browser.test_ops import picture
from tests.product import Product

Submit = Callable[..., str]


def log_in(window: Opener, user: str, path: str, **more: int) -> Page:
    """A screen of somebody whose desk may be another page."""
    screen: Screen = window(**more)
    page = screen.open("/login/")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill("sandbox")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#connection")).to_have_text("Live")
    return screen.open(path)


def reported(product: Product, submit: Submit) -> str:
    """An order with a reported trade far from the market."""
    order_id = submit(type="market", limit_price=None, bypass_auto_execution=True)
    with product.client("alpha_trader") as client:
        base = f"/v1/trading/order/{order_id}/execution-order/"
        made = client.post(f"{base}external/", json={"amount": {"par": 100_000}})
        assert made.status_code == 202, made.text
        path = f"{base}{made.json()['id']}/external/trade-report/"
        told = client.post(path, json={"amount": {"par": 100_000}, "price": 180})
        assert (told.status_code, told.json()["status"]) == (202, "held"), told.text
    return order_id


@pytest.mark.parametrize("width", [1440, 1024])
def test_compliance_decides_about_a_reported_trade_on_the_review_desk(
    window: Opener, submit: Submit, product: Product, width: int
) -> None:
    order_id = reported(product, submit)
    page = log_in(window, "alpha_compliance", "/review/", width=width)
    row = page.locator("#reported li", has_text=order_id)
    expect(row).to_contain_text("Nothing of it counts yet.")
    assert _faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"review-reported-{width}")
    row.get_by_role("button", name="Approve: it counts").click()
    expect(row.get_by_role("alert")).to_have_text("Say why you decide so.")
    row.get_by_role("textbox").fill("Confirmed with the dealer by telephone.")
    page.wait_for_timeout(4500)  # the list is renewed meanwhile
    expect(row.get_by_role("textbox")).to_have_value("Confirmed with the dealer by telephone.")
    row.get_by_role("button", name="Approve: it counts").click()
    expect(row).to_have_count(0)
    page.goto(f"{product.url}/desk/orders/{order_id}/")
    expect(page.locator("[data-part=held]")).to_contain_text("approved")
    expect(page.locator("[data-part=executions]")).to_contain_text("100,000")


def test_the_panel_offers_it_too_and_a_trader_only_reads(
    window: Opener, submit: Submit, product: Product
) -> None:
    order_id = reported(product, submit)
    page = log_in(window, "alpha_compliance", f"/desk/orders/{order_id}/")
    held = page.locator("[data-part=held]")
    held.get_by_role("textbox").fill("No such trade.")
    picture(page, "panel-held")
    held.get_by_role("button", name="Reject: it never counts").click()
    expect(held).to_contain_text("rejected alpha_compliance: No such trade.")
    expect(held.locator("form")).to_have_count(0)
    other = reported(product, submit)
    trader = window("alpha_trader").open(f"/desk/orders/{other}/")
    expect(trader.locator("[data-part=held]")).to_contain_text("It waits for compliance.")


def booked(product: Product, submit: Submit) -> str:
    """The allocation of an order whose booking stands."""
    order_id = submit(
        instrument_id=FILLS,
        account_id=None,
        allocations={
            "strategy": "pro_rata_with_averaging",
            "account_allocations": [
                {"account_id": "alpha-002", "requested_amount": {"par": 60_000}},
                {"account_id": "alpha-003", "requested_amount": {"par": 40_000}},
            ],
        },
    )
    with product.client("alpha_ops") as client:
        for _ in range(300):
            name = client.get(f"/v1/trading/order/{order_id}/").json()["allocation_id"]
            told = client.get(f"/v1/trading/allocation/{name}/").json() if name else {}
            if told.get("status") == "approved":
                return str(name)
            time.sleep(0.2)
    raise AssertionError(told)


def test_a_booking_is_given_up_by_two_people(
    window: Opener, submit: Submit, product: Product
) -> None:
    path = f"/ops/allocations/{booked(product, submit)}/"
    page = log_in(window, "alpha_ops", path)
    leg = page.locator(".step tbody tr", has_text="ALPHA-002")
    leg.get_by_role("button", name="Give up…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Clearing firm").select_option("cust_pershing")
    dialog.get_by_label("Quantity").fill("40m")
    dialog.get_by_label("Reason").fill("Cleared by their prime broker.")
    picture(page, "give-up")
    dialog.get_by_role("button", name="Ask for it").click()
    row = page.locator("#give-ups tbody tr")
    expect(row).to_contain_text("waits for a second person")
    expect(row).to_contain_text("somebody else decides")
    admin = log_in(window, "alpha_admin", "/ops/")
    waits = admin.locator("#give-ups tbody tr", has_text="their prime broker")
    picture(admin, "ops-give-ups")
    waits.get_by_role("button", name="Agree").click()
    expect(admin.locator("#given-up")).to_contain_text("taken up", timeout=60_000)
    expect(waits).to_have_count(0)
    page.reload()
    expect(page.locator(".step")).to_have_count(3)
    expect(page.locator("main")).not_to_contain_text("not the same")
    assert _faults(page) == []
    picture(page, "arithmetic-given-up")


def test_a_feed_endpoint_is_registered_and_its_secret_shown_once(window: Opener) -> None:
    page = log_in(window, "beta_admin", "/ops/")
    expect(page.get_by_role("region", name="Valuation feed")).to_contain_text("No portfolio system")
    page.get_by_role("button", name="Register…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Portfolio system")
    dialog.get_by_label("Address").fill("http://127.0.0.1:9/positions")
    page.keyboard.press("Enter")
    secret = dialog.get_by_label("Secret")
    expect(secret).to_be_visible()
    first = secret.input_value()
    assert len(first) > 20
    picture(page, "feed-secret")
    dialog.get_by_role("button", name="I have kept it").click()
    expect(page.locator("#feeds")).to_contain_text("Portfolio system")
    assert first not in page.content()
    page.get_by_role("button", name="New secret…").click()
    dialog.get_by_role("button", name="Make a new secret").click()
    expect(secret).to_be_visible()
    assert secret.input_value() not in ("", first)


def test_an_order_in_money_shows_what_it_buys_and_what_is_left(window: Opener) -> None:
    page = window("beta_trader", width=1440).page
    page.keyboard.press("n")
    page.locator("#t-instrument").fill(HANGS)
    page.locator("#t-par").fill("$10,000")
    expect(page.locator("#t-par-echo")).to_contain_text("10,000 of money")
    page.locator("#t-limit").fill("99.5")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ticket-money")).to_contain_text("left over")
    picture(page, "ticket-money")


def test_a_brokers_algorithm_is_a_form_and_its_faults_stand_at_its_fields(
    window: Opener, submit: Submit
) -> None:
    order_id = submit("beta_trader", account_id="beta-002", bypass_auto_execution=True)
    screen = window("beta_trader", width=1024)
    screen.expected.append("422")
    page = screen.page
    screen.row(order_id).click()
    expect(page.locator(".panel .order")).to_have_attribute("data-order", order_id)
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Where").select_option("FIXSIM")
    expect(dialog.get_by_label("Offset from the peg")).to_be_visible()
    dialog.get_by_label("Algorithm").select_option("TWAP")
    dialog.get_by_label("Until").fill("20:30")
    picture(page, "execute-algorithm")
    page.keyboard.press("Control+Enter")
    expect(dialog.locator("#x-where-StartTime-fault")).to_have_text("FIXSIM needs it.")
    dialog.get_by_label("From").fill("15:00")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-part=tree]")).to_contain_text("FIXSIM")
