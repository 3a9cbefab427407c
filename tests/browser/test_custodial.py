"""Handing shares to a custodian from the desk, by keyboard."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Opener

Submit = Callable[..., str]


def _shares(account: str) -> dict[str, object]:
    return {
        "account_id": account,
        "instrument_id": "594918104",
        "amount": {"shares": 100},
        "limit_price": 475,
        "bypass_auto_execution": True,
    }


def test_shares_are_handed_to_a_custodian_from_the_execute_dialog(
    window: Opener, submit: Submit
) -> None:
    order_id = submit("alpha_trader", **_shares("alpha-002"))
    screen = window("alpha_trader")
    page = screen.page
    screen.row(order_id).click()
    page.keyboard.press("e")
    expect(page.locator("#x-where-venue")).to_contain_text("LPL Financial (custodian)")
    page.locator("#x-where-venue").select_option("custodian:cust_lpl")
    expect(page.locator("#execute-outcome")).to_contain_text("LPL Financial works it at its desk")
    expect(page.locator("#execute-go")).to_contain_text("Hand it over")
    page.locator("#x-par").fill("60")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    tree = page.locator("[data-part=tree]")
    expect(tree).to_contain_text("60 custodian")
    expect(tree).to_contain_text("manual · LPL Financial · filled 60")
    expect(page.locator("[data-part=executions]")).to_contain_text("LPLDESK")


def test_a_refusal_stands_at_the_choice_and_bonds_offer_no_custodian(
    window: Opener, submit: Submit
) -> None:
    kept_elsewhere = submit("alpha_trader", **_shares("alpha-003"))
    bond = submit("alpha_trader", bypass_auto_execution=True)
    screen = window("alpha_trader")
    screen.expected.append("422")
    page = screen.page
    screen.row(kept_elsewhere).click()
    page.keyboard.press("e")
    page.locator("#x-where-venue").select_option("custodian:cust_lpl")
    page.keyboard.press("Control+Enter")
    fault = page.locator("#x-where-venue-fault")
    expect(fault).to_contain_text("LPL Financial does not keep all its accounts")
    page.keyboard.press("Escape")
    screen.row(bond).click()
    page.keyboard.press("e")
    expect(page.locator("#x-where-venue option")).not_to_have_count(0)
    expect(page.locator("#x-where-venue")).not_to_contain_text("custodian")
    expect(page.locator("#execute-go")).to_contain_text("Send to the book")
