"""On a telephone's width no page is wider than its screen, and every act can be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.browser.test_entrances import log_in
from tests.browser.test_ops import picture
from tests.product import Product

WIDTH = 390
# Acts that lie beside the screen where nothing can be scrolled to them.
_BESIDE = """() => {
  const rolls = (box) => box && (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
    || rolls(box.parentElement));
  return [...document.querySelectorAll("main :is(button, a.button, input, select)")]
    .filter((one) => one.checkVisibility() && !rolls(one.parentElement))
    .filter((one) => !one.closest(".slick-pane"))
    .filter((one) => {
      const at = one.getBoundingClientRect();
      return at.left < 0 || at.right > innerWidth;
    })
    .map((one) => one.id || one.textContent);
}"""


def _fits(page: Page, name: str) -> None:
    page.wait_for_timeout(500)
    picture(page, f"telephone-{name}")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH, name
    assert page.evaluate(_BESIDE) == [], name


@pytest.mark.parametrize(
    ("user", "paths"),
    [
        ("alpha_trader", ["/desk/", "/market/", "/holdings/", "/kill/", "/controls/"]),
        ("alpha_compliance", ["/review/", "/kill/"]),
        ("alpha_ops", ["/ops/", "/allocations/"]),
    ],
)
def test_every_act_is_on_the_screen(
    window: Opener, submit: Callable[..., str], product: Product, user: str, paths: list[str]
) -> None:
    submit(limit_price=107)  # waits for a review
    page = log_in(window, user, paths[0], width=WIDTH)
    for path in paths:
        page.goto(product.url + path)
        if page.locator("#connection").count():
            expect(page.locator("#connection")).to_have_text("Live")
        _fits(page, f"{user}-{path.strip('/')}")


def test_the_selection_is_not_under_the_buttons(window: Opener, submit: Callable[..., str]) -> None:
    order_id = submit(bypass_auto_execution=True)
    screen = window("alpha_trader", width=WIDTH)
    screen.row(order_id).locator(".slick-cell").first.click()
    said = screen.page.locator("#selection").bounding_box()
    act = screen.page.locator("#act-new").bounding_box()
    assert said
    assert act
    assert said["y"] + said["height"] <= act["y"] or said["x"] + said["width"] <= act["x"]
    expect(screen.page.locator("#act-cancel")).to_be_in_viewport(ratio=1)


def test_the_help_of_keys_is_one_readable_column(window: Opener) -> None:
    page = window("alpha_trader", width=WIDTH).page
    page.keyboard.press("?")
    narrowest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('#keys dd')].map((one) => one.clientWidth))"
    )
    assert narrowest >= 150


def test_the_acts_of_the_review_desk_cover_nothing_for_good(
    window: Opener, submit: Callable[..., str]
) -> None:
    submit(limit_price=107)
    page = log_in(window, "alpha_compliance", "/review/", width=WIDTH)
    expect(page.locator(".decision-column")).to_be_visible()
    hidden = page.evaluate(
        "(() => { const all = document.querySelector('main');"
        " return all.scrollHeight - all.clientHeight; })()"
    )
    assert hidden <= 1
    expect(page.locator("#bulk-approve")).to_be_in_viewport(ratio=1)


def test_the_figures_of_a_market_are_not_cut(window: Opener) -> None:
    page = log_in(window, "alpha_trader", "/market/?cusip=912810TC2", width=WIDTH)
    expect(page.locator("#rows tr")).to_have_count(10)
    page.wait_for_timeout(500)
    picture(page, "telephone-ladder")
    cut = page.evaluate(
        "[...document.querySelectorAll('#best dd, #rows td')]"
        ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"
    )
    assert cut == []
