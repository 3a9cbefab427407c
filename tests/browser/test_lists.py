"""A bracket and a trailing stop from the ticket, where the policy allows them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener

HANGS, RESTS = "912810RY6", "037833DP2"


def _ticket(page: Page, **fields: str) -> None:
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    for name, text in fields.items():
        page.locator(f"#t-{name}").fill(text)


def _send(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ticket-go")).to_contain_text("Send order")
    expect(page.locator("#ticket-go")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_bracket_is_sent_by_keyboard_and_its_panel_shows_all_three(window: Opener) -> None:
    screen = window("beta_trader")
    page = screen.page
    _ticket(page, instrument=HANGS, par="100k", limit="99", profit="101.5", loss="98")
    _send(page)
    expect(page.locator("#toasts")).to_contain_text("Bracket of three orders received")
    panel = page.locator("[data-part=order-list]")
    expect(panel).to_contain_text("take profit")
    expect(panel).to_contain_text("stop loss")
    expect(panel.locator("tr[aria-current]")).to_contain_text("100,000")
    expect(panel.locator("tbody tr").nth(2)).to_contain_text("held")


def test_a_trailing_stop_shows_where_it_stands(window: Opener) -> None:
    screen = window("beta_trader")
    page = screen.page
    _ticket(page, instrument=RESTS, par="100k")
    page.locator("#ticket-form").get_by_text("▼ Sell").click()
    page.locator("#t-types").get_by_text("Trailing stop", exact=True).click()
    expect(page.locator("#t-stop-field")).to_be_hidden()
    page.locator("#t-trail").fill("5%")
    _send(page)
    level = page.locator("[data-level]")
    expect(level).to_contain_text("5 % below")
    expect(level).not_to_contain_text("no price seen yet")


def test_the_guides_ticket_offers_none_of_it(window: Opener) -> None:
    page = window("alpha_trader").page
    _ticket(page)
    for name in ("trail", "display", "least", "bracket"):
        expect(page.locator(f"#t-{name}-field")).to_be_hidden()
    expect(page.get_by_text("Post only")).to_have_count(0)
