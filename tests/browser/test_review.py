"""The review desk in two browsers: seen at once, decided once, by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect

from orders.review_desk import queue
from tests.browser.conftest import Opener
from tests.browser.test_live import Wire
from tests.product import Product

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


def test_a_large_order_needs_two_and_says_how_many_are_missing(
    window: Opener, submit: Submit, product: Product
) -> None:
    with _policy(product, {"second_approval_above": "50000"}):
        one, two = desk(window, "alpha_compliance"), desk(window, "alpha_compliance2", width=1024)
        order_id = submit(limit_price=FLAGGED_LIMIT)
        choose(one, order_id)
        choose(two, order_id)
        row = two.locator("#queue .item")
        expect(row).to_contain_text("0 of 2 approvals")
        # What it is stands there whole, however narrow the window.
        assert row.locator(".title").evaluate("(one) => one.scrollWidth <= one.clientWidth")
        _decide(one, "a", "Client confirmed by phone")
        expect(row).to_contain_text("1 of 2 approvals")
        # It needs somebody else now: it stands under all flagged, no more under what needs one.
        expect(one.locator("#queue .item")).to_have_count(0)
        one.keyboard.press("2")
        expect(one.locator("#queue .item")).to_contain_text("you approved")
        _decide(two, "a", "Seen as well")
        expect(one.locator("[data-part=stand]")).to_contain_text("Approved by")
        one.keyboard.press("4")
        expect(one.locator("#queue .item")).to_contain_text("✔ approved")


def test_cut_off_the_desk_says_so_and_nobody_decides(window: Opener, submit: Submit) -> None:
    order_id = submit(limit_price=FLAGGED_LIMIT)
    screen, wire = window(), Wire()
    screen.log_in("alpha_compliance")
    screen.context.route_web_socket("**/ws/**", wire)
    page = screen.open("/review/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    choose(page, order_id)
    expect(page.get_by_role("button", name="Approve A")).to_be_enabled()
    wire.hang_up()
    expect(page.locator("#connection")).to_have_text("Disconnected")
    expect(page.locator("#notice-text")).to_contain_text("Disconnected since")
    expect(page.locator("#floor")).to_have_class(re.compile("stale"))
    expect(page.get_by_role("button", name="Approve A")).to_be_disabled()
    page.keyboard.press("a")
    expect(page.locator("#decide")).to_be_hidden()


def _decide(page: Page, key: str, annotation: str) -> None:
    page.keyboard.press(key)
    page.keyboard.type(annotation)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#decide")).to_be_hidden()


@contextmanager
def _policy(product: Product, rules: dict[str, Any]) -> Iterator[None]:
    """Other rules for Alpha, by two people, until the test is over."""

    def agree(wanted: dict[str, Any]) -> None:
        with product.client("alpha_admin") as asks, product.client("alpha_compliance") as agrees:
            path = "/v1/policy/version/"
            asked = {"preset": "guide", "rules": wanted, "reason": "for a test"}
            made = asks.post(path, json=asked)
            assert made.status_code == 201, made.text
            answer = agrees.post(f"{path}{made.json()['version']}/approve/", json={})
            assert answer.status_code == 200, answer.text

    agree(rules)
    try:
        yield
    finally:
        agree({})


def test_what_is_selected_is_decided_and_not_what_is_focused(
    window: Opener, submit: Submit
) -> None:
    page = desk(window, "alpha_compliance", width=1024)
    picked = submit(limit_price=FLAGGED_LIMIT, amount={"par": 13_000})
    focused = submit(limit_price=FLAGGED_LIMIT, amount={"par": 17_000})
    choose(page, picked)
    page.locator("#filter").fill("")
    expect(page.locator(".item .title", has_text="17,000")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("1 selected")
    page.keyboard.press("j")
    expect(item(page, picked)).to_have_count(0)
    page.keyboard.press("a")
    expect(page.locator("#decide-what")).to_contain_text("13,000")
    page.keyboard.press("Escape")
    # What is no longer shown is no longer selected.
    choose(page, focused)
    expect(page.locator("#selection")).to_have_text("Nothing selected")
    page.keyboard.press("r")
    expect(page.locator("#decide-what")).to_contain_text("17,000")
    page.keyboard.press("Escape")


def test_no_more_are_selected_than_one_request_takes(window: Opener, submit: Submit) -> None:
    screen = window("alpha_compliance")
    told = screen.page.request.get(f"{screen.product.url}/review/").text()
    assert f'data-together="{queue.TOGETHER}"' in told
    # Before the page's modules read it.
    screen.page.add_init_script(
        "document.addEventListener('readystatechange',"
        " () => { document.body.dataset.together = 1; })"
    )
    page = screen.open("/review/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    first, second = (submit(limit_price=FLAGGED_LIMIT) for _ in range(2))
    for order_id in (second, first):
        choose(page, order_id)
    page.locator("#filter").fill("")
    expect(page.locator("#queue .item").nth(1)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("#selection")).to_contain_text("1 selected")
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"Selected the first 1 of \d+"))
    page.keyboard.press("x")
    page.keyboard.press("Escape")
