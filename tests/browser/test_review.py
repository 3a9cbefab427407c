"""The review desk in two browsers: seen at once, decided once, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener

Submit = Callable[..., str]
FLAGGED_LIMIT = 107


def desk(window: Opener, user: str, **more: Any) -> Page:
    screen = window(user, **more)
    page = screen.open("/review/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    return page


def item(page: Page, order_id: str) -> Any:
    return page.locator(f".one[data-order='{order_id}']")


def choose(page: Page, order_id: str) -> None:
    page.keyboard.press("/")
    page.locator("#filter").fill(order_id)
    expect(page.locator("#queue .item")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(item(page, order_id)).to_be_visible()


def test_a_claim_and_a_decision_are_seen_by_the_other(window: Opener, submit: Submit) -> None:
    one, two = desk(window, "alpha_compliance"), desk(window, "alpha_compliance2")
    order_id = submit(limit_price=FLAGGED_LIMIT)
    choose(one, order_id)
    choose(two, order_id)
    expect(one.locator("#presence")).to_contain_text("alpha_compliance2")
    one.keyboard.press("c")
    expect(two.locator("[data-part=claim]")).to_contain_text("Claimed by alpha_compliance")
    one.keyboard.press("a")
    one.keyboard.type("Client confirmed by phone")
    one.keyboard.press("Control+Enter")
    expect(one.locator("#decide")).to_be_hidden()
    expect(two.locator("[data-part=stand]")).to_contain_text("Approved by alpha_compliance")
    expect(two.get_by_role("button", name="Approve A")).to_have_count(0)


def test_many_alike_are_rejected_by_keyboard(window: Opener, submit: Submit) -> None:
    page = desk(window, "alpha_compliance")
    ids = [submit(limit_price=FLAGGED_LIMIT) for _ in range(2)]
    choose(page, ids[0])
    page.locator("#filter").fill("")
    expect(page.locator(".item").first).to_be_visible()
    page.locator("#queue").focus()
    page.keyboard.press("l")
    page.keyboard.press("r")
    page.keyboard.type("Not at this price")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#decide")).to_be_hidden()
    for order_id in ids:
        page.goto(page.url.split("?")[0] + f"?review={order_id}")
        expect(page.locator("#one")).to_contain_text("Rejected by alpha_compliance")
