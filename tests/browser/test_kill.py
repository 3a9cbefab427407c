"""The kill switch on the screen: a trader engages, every page says so, two people give it back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import HANGS, Opener
from tests.browser.test_accessible import _faults

Submit = Callable[..., str]
PICTURES = os.environ.get("OMS_PICTURES")


def _picture(page: Page, name: str) -> None:
    """Kept for people to look at, when they ask for it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_one_engages_by_keyboard_and_two_give_it_back(window: Opener, submit: Submit) -> None:
    order_id = submit(instrument_id=HANGS, bypass_auto_execution=True)
    trader = window("alpha_trader")
    page = trader.open("/kill/")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#board")).to_contain_text("Nothing is halted")
    assert _faults(page) == []
    page.keyboard.press("e")
    page.get_by_label("Scope").select_option("instrument")
    page.get_by_label("Which").fill(HANGS)
    expect(page.locator("#preview")).to_contain_text("open orders")
    page.locator("#engage").get_by_label("Reason").fill("wrong prices")
    expect(page.locator("#engage-go")).to_be_disabled()
    page.locator("#engage").get_by_label("Type").fill(HANGS)
    expect(page.locator("#engage-go")).to_be_enabled()
    _picture(page, "kill-engage")
    page.keyboard.press("Enter")
    row = page.locator("#board tr[data-halt]", has_text=HANGS)
    expect(row).to_contain_text("confirmed flat", timeout=15_000)
    expect(row.get_by_role("button")).to_have_count(0)

    first = window("alpha_compliance")
    other = first.open("/desk/")
    expect(other.locator(".halted")).to_contain_text(HANGS)
    _picture(other, "kill-desk")
    other = first.open(f"/desk/orders/{order_id}/")
    expect(other.locator("main")).to_contain_text("canceled")
    other = first.open("/kill/")
    other.locator("#board tr[data-halt]", has_text=HANGS).get_by_role("button").click()
    other.locator("#ask").get_by_label("Reason").fill("prices are right")
    other.get_by_role("button", name="Ask to release", exact=True).click()
    expect(other.locator("#board")).to_contain_text("waits for a second person")
    _picture(other, "kill-asked")

    second = window("alpha_compliance2").open("/kill/")
    second.get_by_role("button", name="Release").click()
    expect(second.locator("#board")).to_contain_text("Nothing is halted")
    expect(second.locator("#board")).to_contain_text("prices are right")
    expect(other.locator("#board")).to_contain_text("Nothing is halted", timeout=5_000)
    _picture(second, "kill-released")
    assert _faults(second) == []
