"""The market on the screen: a live ladder, staleness and a lost connection, and why orders went."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Opener
from tests.browser.test_accessible import _faults
from tests.product import Product

Submit = Callable[..., str]
PICTURES = os.environ.get("OMS_PICTURES")
BOND = "912810TC2"


def _picture(page: Page, name: str) -> None:
    """Kept for people to look at, when they ask for it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def _tell(product: Product, **command: Any) -> None:
    """Through the venue's back door."""
    ports = json.loads((product.outside / "ports.json").read_bytes())
    with socket.create_connection(("127.0.0.1", ports["admin"]), timeout=5) as line:
        line.sendall(json.dumps(command).encode() + b"\n")
        assert json.loads(line.makefile().readline())["ok"] is True


def _market(page: Page) -> None:
    """The page is there and follows the books."""
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    expect(page.locator("#rows tr")).to_have_count(10)


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 1024)])
def test_the_ladder_shows_both_venues_and_follows_the_book(
    window: Opener, product: Product, theme: str, width: int
) -> None:
    screen = window("alpha_trader", theme=theme, width=width)
    page = screen.open(f"/market/?cusip={BOND}")
    _market(page)
    expect(page.locator("#state")).to_have_text("● live")
    venues = page.locator("#venues")
    expect(venues).to_contain_text("SIMA")
    expect(venues).to_contain_text("SIMB")
    before = page.locator("#best-ask").inner_text()
    box = page.locator("#rows").bounding_box()
    _tell(product, cmd="move", session="SIMA", security_id=BOND, ticks=-1)
    expect(page.locator("#best-ask")).not_to_have_text(before)
    expect(page.locator("#rows tr").first).to_contain_text("SIMA")
    assert page.locator("#rows").bounding_box() == box, "nothing moves under the pointer"
    expect(page.locator("#tape-state")).to_have_text("● live")
    expect(page.locator("#volumes tr[data-venue=SIMB]")).to_contain_text("● live")
    expect(page.locator("#prints tr").first).to_be_visible()
    _picture(page, f"market-{theme}-{width}")
    page.get_by_role("button", name="Joined").click()
    expect(page.locator("#rows")).to_contain_text("SIMA+SIMB")
    assert _faults(page) == []
    _tell(product, cmd="move", session="SIMA", security_id=BOND, ticks=1)


def test_a_venue_that_lost_its_line_is_stale_and_comes_back(
    window: Opener, product: Product
) -> None:
    page = window("alpha_trader").open(f"/market/?cusip={BOND}")
    _market(page)
    _tell(product, cmd="silence", session="SIMB", on=True)
    row = page.locator("#venues tr[data-venue=SIMB]")
    expect(row).to_contain_text("stale")
    expect(page.locator("#state")).to_have_text("● live")
    expect(page.locator("#rows")).not_to_contain_text("SIMB")
    _tell(product, cmd="silence", session="SIMA", on=True)
    expect(page.locator("#state")).to_have_text("⚠ stale")
    expect(page.locator("#tape-state")).to_have_text("⚠ stale")
    expect(page.locator("#notice-text")).to_contain_text("No book is live")
    expect(page.locator("#best-bid")).to_contain_text("none")
    expect(page.locator("#rows tr").first).to_contain_text("SIM")
    _picture(page, "market-stale")
    for venue in ("SIMA", "SIMB"):
        _tell(product, cmd="silence", session=venue, on=False)
    expect(page.locator("#state")).to_have_text("● live")
    expect(row).to_contain_text("● live")


def test_a_lost_connection_is_told_and_the_prices_are_marked(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected.append("WebSocket")
    lines: list[WebSocketRoute] = []

    def between(route: WebSocketRoute) -> None:
        if lines:
            route.close()
            return
        lines.append(route)
        route.connect_to_server()

    screen.page.route_web_socket("**/ws/market/**", between)
    page = screen.open(f"/market/?cusip={BOND}")
    _market(page)
    box = page.locator("#rows").bounding_box()
    lines[0].close()
    expect(page.locator("#connection")).to_have_text("Disconnected")
    expect(page.locator("#notice-text")).to_contain_text("these prices are out of date")
    expect(page.locator("#state")).to_have_text("⚠ stale")
    expect(page.locator("#venues")).not_to_contain_text("● live")
    assert page.locator("#rows").bounding_box() == box
    _picture(page, "market-disconnected")


def test_an_order_tells_why_it_went_where_it_went(
    window: Opener, submit: Submit, product: Product
) -> None:
    with product.client() as client:
        market = client.get(f"/v1/trading/market/{BOND}/").json()
    order_id = submit(instrument_id=BOND, limit_price=market["ask"]["price"], amount={"par": 1_000})
    screen = window("alpha_trader")
    page = screen.open(f"/desk/orders/{order_id}/")
    routed = page.locator("details.routing").first
    expect(routed).to_contain_text("Routed")
    routed.locator("summary").click()
    expect(routed).to_contain_text("takes no limit orders")
    _picture(page, "market-order")
    page.get_by_title("Its order books").click()
    expect(page.locator("h1")).to_contain_text(BOND)


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 1024)])
def test_without_a_name_the_page_lists_all_instruments_with_their_prices(
    window: Opener, theme: str, width: int
) -> None:
    page = window("alpha_trader", theme=theme, width=width).open("/market/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    row = page.locator(f"#prices tr[data-cusip='{BOND}']")
    expect(row.locator("td.bid")).to_have_text(re.compile(r"\d+-\d\d[+\d]?"))
    _picture(page, f"market-all-{theme}-{width}")
    assert _faults(page) == []
    page.keyboard.press("/")
    page.keyboard.type(BOND)
    expect(page.locator("#prices tbody tr:visible")).to_have_count(1)
    expect(page.locator("#shown")).to_contain_text("1 of")
    page.keyboard.press("Enter")
    expect(row.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    _market(page)


def test_a_list_that_nothing_is_called_in_says_so_and_a_lost_connection_too(
    window: Opener,
) -> None:
    screen = window("alpha_trader")
    screen.expected += ["ERR_INTERNET_DISCONNECTED", "WebSocket"]
    page = screen.open("/market/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    page.get_by_label("Narrow down").fill("no such thing")
    expect(page.locator("#none")).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#notice-text")).to_contain_text("renewed")
    page.context.set_offline(False)
    expect(page.locator("#notice-text")).to_have_text("Up to date.")


def test_the_page_takes_a_name(window: Opener) -> None:
    screen = window("alpha_trader")
    page = screen.open("/market/")
    page.locator("#cusip").fill(BOND)
    page.keyboard.press("Enter")
    _market(page)
    screen.expected.append("404")
    page = screen.open("/market/?cusip=NOSUCH")
    expect(page.locator("body")).to_contain_text("NOSUCH")
