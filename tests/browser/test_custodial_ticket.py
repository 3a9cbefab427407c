"""Handing shares to a custodian from the new-order ticket, by keyboard."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import HANGS, Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_ops import picture
from tests.product import Product

KEPT, ELSEWHERE = "alpha-002", "alpha-003"  # by LPL Financial, which executes; by another
SHARE = "594918104"
DESK = "LPL Financial (custodian)"


def _ticket(page: Page, *, instrument: str = SHARE, account: str = KEPT) -> None:
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    expect(page.locator("#t-where-venue")).to_be_visible()
    page.locator("#t-account").select_option(account)
    for name, text in {"instrument": instrument, "par": "60", "limit": "475"}.items():
        page.locator(f"#t-{name}").fill(text)


def test_a_new_order_in_shares_is_handed_to_the_accounts_custodian(window: Opener) -> None:
    screen = window("alpha_trader", width=1440)
    page = screen.page
    _ticket(page)
    page.locator("#t-where-venue").focus()
    page.keyboard.type("LPL")
    expect(page.locator("#t-where-venue")).to_have_value("custodian:cust_lpl")
    expect(page.locator("[name=bypass_auto_execution]")).to_be_disabled()
    expect(page.locator("#t-where-algorithm")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    outcome = page.locator("#ticket-outcome")
    expect(outcome).to_contain_text("Route: handed to LPL Financial, which works it at its desk.")
    assert _faults(page) == []
    picture(page, "ticket-custodian")
    expect(page.get_by_role("button", name="Send order")).to_be_enabled()
    expect(outcome).not_to_contain_text("the books would fill")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    tree = page.locator("[data-part=tree]")
    expect(tree).to_contain_text("60 custodian")
    expect(tree).to_contain_text("LPL Financial")
    expect(page.locator("[data-part=executions]")).to_contain_text("LPLDESK")


def test_it_is_offered_only_for_shares_of_an_account_that_it_keeps(window: Opener) -> None:
    page = window("alpha_trader").page
    venue = page.locator("#t-where-venue")
    _ticket(page, instrument=HANGS)
    expect(venue).not_to_contain_text("custodian")
    page.locator("#t-instrument").fill(SHARE)
    expect(venue).to_contain_text(DESK)
    page.locator("#t-account").select_option(ELSEWHERE)
    expect(venue).not_to_contain_text("custodian")
    page.locator("#t-account").select_option(KEPT)
    expect(venue).to_contain_text(DESK)
    page.locator("#ticket [data-close]").click()
    page.keyboard.press("n")
    expect(venue).not_to_contain_text("custodian")


def test_a_custodian_that_does_not_keep_the_new_account_is_said_to_be_gone(
    window: Opener,
) -> None:
    page = window("alpha_trader").page
    _ticket(page)
    venue = page.locator("#t-where-venue")
    venue.select_option("custodian:cust_lpl")
    page.locator("#t-par").fill("80")  # what leaves it possible leaves it chosen
    expect(venue).to_have_value("custodian:cust_lpl")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Send order")).to_be_enabled()
    page.locator("#t-account").select_option(ELSEWHERE)
    expect(venue).to_have_value("")
    expect(page.locator("#t-where-venue-fault")).to_contain_text("Not with LPL Financial any more")
    expect(page.locator("#ticket-go")).to_contain_text("Preview")
    expect(page.locator("[name=bypass_auto_execution]")).to_be_enabled()
    venue.select_option("FIXSIM")
    expect(page.locator("#t-where-venue-fault")).to_have_text("")


def _template(product: Product, name: str, *accounts: str) -> None:
    shares = [{"account_id": one, "percent": 50} for one in accounts]
    with product.client() as client:
        path = f"/v1/trading/allocation-template/{name}/"
        body = {"strategy": "pro_rata_with_averaging", "shares": shares}
        assert client.put(path, json=body).status_code == 200


def test_a_block_goes_to_a_custodian_that_keeps_all_its_accounts(
    window: Opener, product: Product
) -> None:
    _template(product, "kept", "ALPHA-001", "ALPHA-002")
    _template(product, "mixed", "ALPHA-002", "ALPHA-003")
    page = window("alpha_trader").page
    _ticket(page)
    venue, parts = page.locator("#t-where-venue"), page.locator("#t-split-rows input")
    page.locator("#t-account").select_option("template:mixed")
    expect(parts).to_have_count(2)
    expect(venue).not_to_contain_text("custodian")
    page.locator("#t-account").select_option("template:kept")
    expect(venue).to_contain_text(DESK)
    venue.select_option("custodian:cust_lpl")
    page.locator("#t-par").fill("100")  # split anew: the choice outlasts it
    expect(parts.nth(0)).to_have_value("50")
    expect(venue).to_have_value("custodian:cust_lpl")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ticket-outcome")).to_contain_text("handed to LPL Financial")
