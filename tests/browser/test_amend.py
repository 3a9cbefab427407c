"""Amending an order from the desk, by keyboard, where the policy allows it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Opener

Submit = Callable[..., str]
RESTS, HANGS = "037833DP2", "912810RY6"


def _terms(instrument: str, price: float) -> dict[str, object]:
    return {
        "account_id": "beta-002",
        "instrument_id": instrument,
        "limit_price": price,
        "bypass_auto_execution": True,
    }


def test_a_staged_order_is_amended_by_keyboard_alone(window: Opener, submit: Submit) -> None:
    order_id = submit("beta_trader", **_terms(RESTS, 98))
    screen = window("beta_trader")
    page = screen.page
    expect(screen.row(order_id)).to_contain_text("staged")
    screen.row(order_id).click()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_contain_text("0 filled")
    expect(page.locator("#m-par")).to_be_focused()
    page.locator("#m-par").fill("120k")
    expect(page.locator("#m-par-echo")).to_have_text("120,000 par in all")
    page.locator("#m-limit").fill("98.5")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(screen.row(order_id)).to_contain_text("120,000")
    expect(page.locator("[data-part=amendments]")).to_contain_text("100,000 → 120,000")
    expect(page.locator("[data-part=amendments]")).to_contain_text("replaced")


def test_an_order_at_a_venue_shows_that_it_pends_until_the_venue_answers(
    window: Opener, submit: Submit
) -> None:
    order_id = submit("beta_trader", **_terms(HANGS, 101))
    screen = window("beta_trader")
    page = screen.page
    with screen.product.client("beta_trader") as client:
        path = f"/v1/trading/order/{order_id}/execution-order/lob/manual/"
        answer = client.post(path, json={"amount": {"par": 100_000}, "venue_id": "SIMA"})
    assert answer.status_code == 202, answer.text
    expect(screen.row(order_id)).to_contain_text("working")
    screen.row(order_id).click()
    page.keyboard.press("a")
    page.locator("#m-par").fill("90k")
    page.keyboard.press("Control+Enter")
    expect(screen.row(order_id)).to_contain_text("amend pending")
    page.keyboard.press("x")
    page.locator("#confirm-act").click()
    expect(screen.row(order_id)).to_contain_text("canceled")
    expect(page.locator("[data-part=amendments]")).to_contain_text("rejected")


def test_what_the_server_refuses_stands_in_the_dialog(window: Opener, submit: Submit) -> None:
    order_id = submit("beta_trader", **_terms(RESTS, 98))
    screen = window("beta_trader")
    screen.expected.append("422")
    page = screen.page
    screen.row(order_id).click()
    page.keyboard.press("a")
    page.locator("#m-par").fill("100,001")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#m-par-fault")).to_contain_text("1000")
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_nobody_is_offered_what_the_policy_does_not_allow(window: Opener, submit: Submit) -> None:
    submit()
    screen = window("alpha_trader")
    expect(screen.page.locator("#act-new")).to_be_enabled()
    expect(screen.page.locator("#act-amend")).to_have_count(0)
