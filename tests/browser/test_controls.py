"""A control's new version on the screen: one writes, simulates and submits, another approves."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.browser.test_accessible import _faults

PICTURES = os.environ.get("OMS_PICTURES")


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_two_people_put_a_new_version_in_force_by_keyboard(window: Opener) -> None:
    maker = window("alpha_compliance").open("/controls/notional-review/")
    expect(maker.locator("#connection")).to_have_text("Live")
    maker.keyboard.press("n")
    maker.locator("[name='params.max_notional']").fill("24000000")
    maker.locator("#version-form [name=reason]").fill("a smaller desk")
    _picture(maker, "controls-version")
    maker.get_by_role("button", name="Make the draft").click()
    expect(maker.locator("#board")).to_contain_text("draft")
    expect(maker).to_have_url(re.compile("version="))
    expect(maker.locator("#connection")).to_have_text("Live")
    maker.keyboard.press("m")
    expect(maker.locator(".counts")).to_contain_text("newly flagged")
    maker.keyboard.press("s")
    maker.locator("#ask [name=reason]").fill("please look")
    maker.locator("#ask-go").click()
    expect(maker.locator("#board")).to_contain_text("Another person has to decide")
    expect(maker.get_by_role("button", name="Approve")).to_have_count(0)
    assert _faults(maker) == []

    checker = window("alpha_compliance2", theme="light", width=1280).open("/controls/")
    row = checker.locator("tr[data-held]", has_text="Notional for review")
    expect(row).to_contain_text("please look")
    _picture(checker, "controls-waiting")
    row.get_by_role("link").click()
    expect(checker.locator("#connection")).to_have_text("Live")
    checker.keyboard.press("a")
    checker.locator("#ask-go").click()
    expect(checker.locator(".steps")).to_contain_text("in force")
    expect(checker.locator("ins")).to_contain_text(["24,000,000"])
    _picture(checker, "controls-approved")
    # The maker's page has heard of it.
    expect(maker.locator(".steps")).to_contain_text("in force")


@pytest.mark.parametrize(("theme", "width"), [("dark", 1680), ("light", 1280)])
def test_the_list_is_found_filtered_and_walked_by_keys(
    window: Opener, theme: str, width: int
) -> None:
    page = window("alpha_compliance", theme=theme, width=width).open("/controls/")
    expect(page.locator("#connection")).to_have_text("Live")
    assert _faults(page) == []
    page.keyboard.press("/")
    page.keyboard.type("collar")
    expect(page.locator("#found")).to_have_text("2 of 7")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_have_text("")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Duplicate order")
    _picture(page, f"controls-{theme}-{width}")


def test_a_refusal_stays_in_the_dialog_and_says_the_field(window: Opener) -> None:
    screen = window("alpha_compliance")
    screen.expected.append("422")
    page = screen.open("/controls/max-quantity/")
    expect(page.locator("#connection")).to_have_text("Live")
    page.keyboard.press("n")
    page.locator("[name='params.max_qty']").fill("many")
    page.locator("#version-form [name=reason]").fill("r")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.locator("#version .fault")).to_contain_text("params.max_qty")
    page.keyboard.press("Escape")
    expect(page.locator("#version")).not_to_be_visible()


def test_a_trader_looks_and_changes_nothing(window: Opener) -> None:
    page = window("alpha_trader").open("/controls/price-limit/")
    expect(page.locator("#board")).to_contain_text("What it states")
    expect(page.locator("#board button")).to_have_count(0)


def test_a_list_and_a_policy_are_proposed_on_the_screen_and_another_agrees(
    window: Opener,
) -> None:
    maker = window("alpha_compliance", width=1440).open("/controls/")
    maker.get_by_role("button", name="New list…").click()
    box = maker.locator("#write-list")
    box.get_by_label("Name").fill("screen-watch")
    box.get_by_label("Kind").select_option("watch")
    box.get_by_label("CUSIPs").fill("26441CZA6, 68389XZA6")
    expect(box.locator("[data-moves]")).to_contain_text("+26441CZA6")
    box.get_by_label("Reason").fill("rumors")
    _picture(maker, "controls-list")
    box.get_by_role("button", name="Propose").click()
    expect(box).not_to_be_visible()
    waits = maker.locator("tr[data-held]", has_text="screen-watch")
    expect(waits).to_contain_text("adds 26441CZA6, 68389XZA6")
    expect(waits.get_by_role("button", name="Approve")).to_have_count(0)

    checker = window("alpha_compliance2", width=1024).open("/controls/")
    checker.locator("tr[data-held]", has_text="screen-watch").get_by_role(
        "button", name="Approve"
    ).click()
    checker.locator("#ask-go").click()
    row = checker.locator("#lists tr", has_text="screen-watch")
    expect(row).to_contain_text("26441CZA6, 68389XZA6")
    row.get_by_role("button", name="Change").click()
    again = checker.locator("#write-list")
    expect(again.get_by_label("Name")).to_have_value("screen-watch")
    again.get_by_label("CUSIPs").fill("68389XZA6")
    expect(again.locator("[data-moves]")).to_have_text("cusips: −26441CZA6")
    checker.keyboard.press("Escape")
    assert _faults(checker) == []

    policy = maker.locator("section[aria-label=Policy]")
    policy.get_by_role("button", name="Change").click()
    box = maker.locator("#write-policy")
    box.get_by_label("Rules").fill("{nothing}")
    expect(box.locator("[data-moves]")).to_contain_text("give an object")
    box.get_by_label("Rules").fill('{"gtc_max_days": 30}')
    expect(box.locator("[data-moves]")).to_contain_text("gtc_max_days: none → 30")
    box.get_by_label("Reason").fill("shorter")
    box.get_by_role("button", name="Propose").click()
    held = maker.locator("tr[data-held]", has_text="policy v")
    expect(held).to_contain_text("gtc max days: 90 → 30")
    held.get_by_role("button", name="Withdraw").click()
    maker.locator("#ask [name=reason]").fill("never mind")
    maker.locator("#ask-go").click()
    expect(held).to_have_count(0)
    _picture(maker, "controls-written")
    assert _faults(maker) == []
