"""A broker's algorithm from the new-order ticket: its own form, faults by field, group 957."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_ops import picture
from tests.product import Product, until

BOND = "912810TL2"
GROUP = (
    "\x01847=1000\x01957=3\x01"
    "958=EndTime\x01959=19\x01960={day}-23:50:00.000000\x01"
    "958=StartTime\x01959=19\x01960={day}-23:40:00.000000\x01"
    "958=Urgency\x01959=14\x01960=low\x01"
)


def ticket(page: Page) -> None:
    """A new order far from the market, up to where it goes."""
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    expect(page.locator("#t-where-venue")).to_be_visible()
    for name, text in {"instrument": BOND, "par": "10m", "limit": "88"}.items():
        page.locator(f"#t-{name}").fill(text)


def on_the_wire(product: Product, client_order_id: str) -> str:
    """What was said to the venue of an order."""

    def sent() -> Any:
        with psycopg.connect(product.run["database_url"], autocommit=True) as database:
            return database.execute(
                "SELECT m.raw FROM venues_fixmessage m JOIN orders_venueorder v"
                " ON v.id = m.cl_ord_id JOIN orders_order o ON o.id = v.order_id"
                " WHERE o.client_order_id = %s AND m.msg_type = 'D'",
                [client_order_id],
            ).fetchone()

    (raw,) = until(sent, seconds=30, what="the order on the wire")
    return str(raw)


@pytest.mark.parametrize("width", [1440, 1024])
def test_an_algorithm_is_filled_in_by_keyboard_and_goes_out_as_its_group(
    window: Opener, product: Product, width: int
) -> None:
    screen = window("alpha_trader", width=width)
    page = screen.page
    screen.expected.append("422")
    ticket(page)
    # Nothing is asked before a venue is named, and rules route it.
    expect(page.locator("#t-where-algorithm")).to_be_hidden()
    page.locator("[name=bypass_auto_execution]").check()
    page.locator("#t-where-venue").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#t-where-venue")).to_have_value("FIXSIM")
    expect(page.locator("[name=bypass_auto_execution]")).to_be_disabled()
    expect(page.locator("[name=bypass_auto_execution]")).not_to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#t-where-algorithm")).to_have_value("TWAP")
    expect(page.locator("#t-where-StartTime")).to_be_visible()
    # Faults stand at their own fields, and the first has the focus.
    page.keyboard.press("Control+Enter")
    expect(page.locator("#t-where-StartTime-fault")).to_have_text("FIXSIM needs it.")
    expect(page.locator("#t-where-EndTime-fault")).to_have_text("FIXSIM needs it.")
    focused = page.evaluate("document.activeElement.id")
    assert focused in ("t-where-EndTime", "t-where-StartTime")
    page.locator("#t-where-StartTime").fill("23:40")
    page.locator("#t-where-EndTime").fill("midnight")
    page.locator("#t-where-Urgency").select_option("low")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#t-where-EndTime-fault")).to_contain_text("is no time that FIXSIM takes")
    expect(page.locator("#t-where-EndTime")).to_be_focused()
    picture(page, f"ticket-algorithm-faults-{width}")
    page.keyboard.press("Control+A")
    page.keyboard.type("23:50")
    page.keyboard.press("Control+Enter")
    outcome = page.locator("#ticket-outcome")
    expect(outcome).to_contain_text("Passes its controls")
    expect(outcome).to_contain_text("Route: Simulated ATS by FIX, algorithm TWAP.")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert _faults(page) == []
    picture(page, f"ticket-algorithm-{width}")
    client_id = str(page.locator("#ticket-id").get_attribute("title"))
    page.get_by_role("button", name="Send order").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    raw = on_the_wire(product, client_id)
    day = raw.split("\x01960=")[1][:8]
    assert GROUP.format(day=day) in raw


def test_a_change_of_the_form_asks_for_another_preview(window: Opener) -> None:
    page = window("alpha_trader").page
    ticket(page)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Send order")).to_be_enabled()
    page.locator("#t-where-venue").select_option("FIXSIM")
    expect(page.locator("#ticket-go")).to_contain_text("Preview")
    page.locator("#t-where-algorithm").select_option("TWAP")
    page.locator("#t-where-venue").select_option("")
    expect(page.locator("#t-where-StartTime")).to_have_count(0)
    expect(page.locator("[name=bypass_auto_execution]")).to_be_enabled()
    # Opened again, nothing of it is left.
    page.locator("#t-where-venue").select_option("FIXSIM")
    page.locator("#ticket [data-close]").click()
    page.keyboard.press("n")
    expect(page.locator("#t-where-venue")).to_have_value("")
    expect(page.locator("[name=bypass_auto_execution]")).to_be_enabled()
