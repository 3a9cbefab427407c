"""Mass cancels and a venue's switch on the screen, and the banner on every open page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HANGS, Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_kill import Submit, _picture


def _choose_and_confirm(page: Page, reason: str) -> None:
    page.locator("#mass").get_by_label("Reason").fill(reason)
    expect(page.locator("#mass-go")).to_be_disabled()
    page.locator("#mass").get_by_label("Type").fill("cancel")
    expect(page.locator("#mass-go")).to_be_enabled()


@pytest.mark.parametrize(("theme", "width"), [("dark", 1680), ("light", 1280)])
def test_a_mass_cancel_is_previewed_confirmed_and_answered_for_each_order(
    window: Opener, submit: Submit, theme: str, width: int
) -> None:
    orders = [submit(instrument_id=HANGS, bypass_auto_execution=True) for _ in range(2)]
    page = window("alpha_trader", theme=theme, width=width).open("/kill/")
    expect(page.locator("#connection")).to_have_text("Live")
    page.keyboard.press("m")
    expect(page.locator("#mass-preview")).to_contain_text("at least one field")
    page.locator("#mass").get_by_label("Instrument").fill(HANGS)
    page.locator("#mass").get_by_label("Side").select_option("buy")
    expect(page.locator("#mass-preview")).to_contain_text("open orders")
    reason = f"clearing the desk, {theme}"
    _choose_and_confirm(page, reason)
    _picture(page, f"mass-{theme}-{width}")
    assert _faults(page) == []
    page.keyboard.press("Enter")
    row = page.locator("#board tr[data-mass]", has_text=reason)
    expect(row).to_contain_text("all asked")
    _picture(page, f"mass-board-{theme}-{width}")
    row.get_by_role("button").click()
    expect(page.locator("#results-body")).to_contain_text("canceled")
    for order_id in orders:
        expect(page.locator(f"#results-body a[href*='{order_id}']")).to_have_count(1)
    _picture(page, f"mass-results-{theme}-{width}")
    assert _faults(page) == []


def test_a_double_click_makes_one_mass_cancel(window: Opener, submit: Submit) -> None:
    submit(instrument_id=HANGS, bypass_auto_execution=True)
    page = window("alpha_trader").open("/kill/")
    expect(page.locator("#connection")).to_have_text("Live")
    posted = list[str]()
    page.on("request", lambda one: posted.append(f"{one.method} {one.url}"))
    page.keyboard.press("m")
    page.locator("#mass").get_by_label("Instrument").fill(HANGS)
    _choose_and_confirm(page, "pressed twice")
    page.locator("#mass-go").dblclick()
    row = page.locator("#board tr[data-mass]", has_text="pressed twice")
    expect(row).to_contain_text("all asked")
    expect(row).to_have_count(1)
    made = [one for one in posted if one.startswith("POST") and one.endswith("/mass-cancel/")]
    assert len(made) == 1, posted


def test_a_switch_is_told_on_every_open_page_and_goes_with_it(window: Opener) -> None:
    desk = window("alpha_trader").page
    expect(desk.locator("#halted")).to_be_hidden()
    page = window("alpha_compliance").open("/kill/")
    page.keyboard.press("e")
    page.get_by_label("Scope").select_option("venue")
    page.get_by_label("Which").fill("SIMB")
    expect(page.locator("#preview")).to_contain_text("Stops venue SIMB")
    page.get_by_label("What passes").select_option("reducing")
    expect(page.locator("#engage").get_by_label("Cancel what is open")).not_to_be_checked()
    page.locator("#engage").get_by_label("Reason").fill("its line is bad")
    page.locator("#engage").get_by_label("Type").fill("SIMB")
    _picture(page, "kill-venue")
    page.locator("#engage-go").click()
    row = page.locator("#board tr[data-halt]", has_text="SIMB")
    expect(row).to_contain_text("reducing only")
    expect(desk.locator("#halted")).to_contain_text("its line is bad")
    row.get_by_role("button").click()
    page.locator("#ask").get_by_label("Reason").fill("it is good again")
    page.get_by_role("button", name="Ask to release", exact=True).click()
    expect(page.locator("#board")).to_contain_text("waits for a second person")
    second = window("alpha_compliance2").open("/kill/")
    second.get_by_role("button", name="Release").click()
    expect(second.locator("#board")).to_contain_text("Nothing is halted")
    expect(desk.locator("#halted")).to_be_hidden()
