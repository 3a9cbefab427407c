"""Views, filter and sort live in the address; numbers are read and written as desks do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener

Submit = Callable[..., str]


def test_filter_view_and_sort_are_in_the_address_and_a_link_shows_the_same(
    window: Opener, submit: Submit
) -> None:
    mine = submit(bypass_auto_execution=True, side="sell", limit_price=99.5)
    other = submit(bypass_auto_execution=True)
    screen = window("alpha_trader")
    page = screen.page
    page.keyboard.press("3")
    page.keyboard.press("/")
    page.keyboard.type("side:sell account:alpha-002")
    expect(screen.row(mine)).to_be_visible()
    expect(screen.row(other)).to_have_count(0)
    page.locator(".slick-header-column[data-id=par]").click()
    for part in ("view=staged", "f=side:sell", "sort=par"):
        assert part in page.url
    second = window("alpha_auditor")
    second.page.goto(page.url)
    expect(second.row(mine)).to_be_visible()
    expect(second.row(other)).to_have_count(0)
    expect(second.page.get_by_role("button", name="New order")).to_have_count(0)


def test_a_filter_that_is_not_understood_names_the_part(window: Opener) -> None:
    page = window("alpha_trader").page
    page.locator("#filter").fill("colour:red")
    expect(page.locator("#filter-fault")).to_have_text("unknown “colour:”")


def test_a_treasury_limit_is_in_32nds_and_its_average_price_is_not(
    window: Opener, submit: Submit
) -> None:
    order_id = submit(instrument_id="912810SX7", limit_price="101.515625")
    screen = window("alpha_trader")
    expect(screen.row(order_id).locator(".l10")).to_have_text("101-16+")
    expect(screen.row(order_id).locator(".l11")).to_have_text("101.000000")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2.5mm", "2500000"),
        ("250m", "250000"),
        ("250k", "250000"),
        ("1,000,000", "1000000"),
        ("1bn", "1000000000"),
        (".5mm", "500000"),
        ("100.25", "100.25"),
        ("mm", None),
        ("1e6", None),
        ("-5", None),
    ],
)
def test_quantities_are_typed_as_desks_say_them(
    window: Opener, typed: str, meant: str | None
) -> None:
    page = window().open("/login/")
    said = page.evaluate(
        "async (text) => (await import('/static/app/figures.js')).parseQty(text)", typed
    )
    assert said == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("99-16+", "99.515625"),
        ("99-03", "99.09375"),
        ("99-032", "99.1015625"),
        ("100-00", "100"),
        ("99.5", "99.5"),
        ("99-32", None),
        ("99-1", None),
        ("99-168", None),
    ],
)
def test_prices_are_typed_in_32nds_or_decimals(
    window: Opener, typed: str, meant: str | None
) -> None:
    page = window().open("/login/")
    said = page.evaluate(
        "async (text) => (await import('/static/app/figures.js')).parsePrice(text)", typed
    )
    assert said == meant
