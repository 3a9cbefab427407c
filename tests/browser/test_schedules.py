"""A schedule from the desk, by keyboard: started, watched live, paused, resumed and stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HANGS, Opener

Submit = Callable[..., str]
TERMS = {
    "account_id": "beta-002",
    "instrument_id": HANGS,
    "limit_price": 101,
    "bypass_auto_execution": True,
}


@pytest.mark.parametrize("width", [1440, 1024])
def test_a_schedule_is_started_and_steered_by_keyboard(
    window: Opener, submit: Submit, tmp_path: Path, width: int
) -> None:
    order_id = submit("beta_trader", **TERMS)
    screen = window("beta_trader", width=width)
    page = screen.page
    expect(screen.row(order_id)).to_contain_text("staged")
    screen.row(order_id).click()
    expect(page.locator(".panel .order")).to_have_attribute("data-order", order_id)
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("100,000 of 100,000 par can be sent")
    expect(page.locator("#p-par")).to_be_focused()
    page.get_by_text("Shortfall").click()
    expect(page.locator("#p-urgency")).to_be_visible()
    page.get_by_text("TWAP").click()
    expect(page.locator("#p-urgency")).to_be_hidden()
    page.locator("#p-slices").fill("4")
    page.screenshot(path=str(tmp_path / f"dialog-{width}.png"))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)

    card = page.locator(".schedules .schedule")
    expect(card).to_have_count(1)
    expect(card.locator("tbody tr")).to_have_count(4)
    expect(card.locator("tbody tr").first).to_contain_text("sent")
    expect(card).to_contain_text("25,000 at venues")
    expect(card.locator("[data-next]")).to_contain_text("min")
    expect(card.get_by_role("img")).to_have_attribute(
        "aria-label", "0 of 100,000 filled, 25,000 due by now"
    )
    page.screenshot(path=str(tmp_path / f"card-{width}.png"))
    page.keyboard.press("p")
    expect(card).to_have_attribute("data-status", "paused")
    expect(card.get_by_role("button", name="Resume")).to_be_visible()
    page.keyboard.press("p")
    expect(card).to_have_attribute("data-status", "working")
    page.keyboard.press("t")
    expect(page.locator("#confirm-safe")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card).to_have_attribute("data-status", "canceled")
    expect(card.locator("tbody tr").last).to_contain_text("skipped")
    expect(card.get_by_role("button")).to_have_count(0)
    expect(page.locator(".timeline")).to_contain_text("schedule canceled: requested")
    page.screenshot(path=str(tmp_path / f"over-{width}.png"))


def test_what_the_server_refuses_stands_in_the_dialog(window: Opener, submit: Submit) -> None:
    order_id = submit("beta_trader", **TERMS)
    screen = window("beta_trader")
    screen.expected.append("422")
    page = screen.page
    screen.row(order_id).click()
    expect(page.locator(".panel .order")).to_have_attribute("data-order", order_id)
    page.keyboard.press("s")
    page.locator("#p-random").fill("51")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#p-random-fault")).to_contain_text("50 at most")
    page.locator("#p-random").fill("10")
    page.locator("#p-limit").fill("102")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#p-limit-fault")).to_contain_text("not be worse")
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_a_share_of_the_volume_waits_until_something_trades(
    window: Opener, submit: Submit, tmp_path: Path
) -> None:
    order_id = submit("beta_trader", **TERMS)
    screen = window("beta_trader", width=1024)
    screen.expected.append("422")
    page = screen.page
    screen.row(order_id).click()
    expect(page.locator(".panel .order")).to_have_attribute("data-order", order_id)
    page.keyboard.press("s")
    page.locator("#p-share").fill("101")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#p-share-fault")).to_contain_text("100")
    page.locator("#p-share").fill("10")
    page.screenshot(path=str(tmp_path / "dialog.png"))
    page.keyboard.press("Control+Enter")
    card = page.locator(".schedules .schedule")
    expect(card).to_contain_text("10 % of what trades")
    expect(card.locator("tbody tr").first).to_contain_text("participation cap")
    page.screenshot(path=str(tmp_path / "capped.png"))
    # It would go on skipping slices, and others count on a quiet stream.
    page.keyboard.press("t")
    expect(page.locator("#confirm-safe")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("data-status", "canceled")


def test_nobody_is_offered_what_the_policy_does_not_allow(window: Opener, submit: Submit) -> None:
    submit()
    screen = window("alpha_trader")
    expect(screen.page.locator("#act-new")).to_be_enabled()
    expect(screen.page.locator("#act-plan")).to_have_count(0)
