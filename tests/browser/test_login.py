"""Coming in, going out, and pages that do not exist."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Opener


def test_a_wrong_password_is_told_and_the_right_one_leads_to_the_desk(window: Opener) -> None:
    screen = window()
    page = screen.open("/desk/")
    page.get_by_label("User name").fill("alpha_trader")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("User name")).to_have_value("alpha_trader")
    page.get_by_label("Password").fill("sandbox")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{screen.product.url}/desk/")
    expect(page.locator(".who")).to_contain_text("alpha_trader")
    expect(page.locator(".env")).to_have_text("SANDBOX")


def test_logging_out_elsewhere_ends_the_live_connection(window: Opener) -> None:
    screen = window("alpha_trader")
    other = screen.context.new_page()
    other.goto(screen.product.url + "/desk/")
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(f"{screen.product.url}/login/")
    expect(screen.page.locator("#notice-text")).to_contain_text("session is over")
    expect(screen.page.get_by_role("button", name="New order")).to_be_disabled()


def test_an_unknown_order_is_a_page_with_a_search_that_finds_by_any_id(
    window: Opener, submit: object
) -> None:
    assert callable(submit)
    order_id = submit(client_order_id="find-me-by-this")
    screen = window("alpha_trader")
    screen.expected.append("404")
    page = screen.open("/desk/orders/mo_unknown/")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_label("Find").fill("find-me-by-this")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(f"{screen.product.url}/desk/orders/{order_id}/")


def test_an_order_of_another_firm_does_not_exist(window: Opener, submit: object) -> None:
    assert callable(submit)
    order_id = submit()
    screen = window("beta_trader")
    screen.expected.append("404")
    expect(screen.row(order_id)).to_have_count(0)
    page = screen.open(f"/desk/orders/{order_id}/")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
