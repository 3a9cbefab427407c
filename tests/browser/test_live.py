"""The blotter stays true: live changes, slow and lost connections, gaps, freezing."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import FILLS, Opener

Submit = Callable[..., str]


class Wire:
    """The live connection under a test's hand: cut, muted, or dropping its next delta."""

    def __init__(self) -> None:
        self.cut = self.mute = False
        self.drop_deltas = 0
        self._open: list[WebSocketRoute] = []

    def __call__(self, socket: WebSocketRoute) -> None:
        if self.cut:
            socket.close(code=1012)
            return
        self._open.append(socket)
        server = socket.connect_to_server()
        socket.on_message(lambda text: server.send(text))
        server.on_message(lambda text: self._pass(socket, str(text)))

    def _pass(self, socket: WebSocketRoute, text: str) -> None:
        if self.mute:
            return
        if self.drop_deltas and json.loads(text)["type"] == "delta":
            self.drop_deltas -= 1
            return
        socket.send(text)

    def hang_up(self) -> None:
        self.cut = True
        for socket in self._open:
            socket.close(code=1012)


def test_a_new_order_and_its_fills_appear_without_a_reload(window: Opener, submit: Submit) -> None:
    screen = window("alpha_trader")
    screen.page.evaluate("window.__same = true")
    order_id = submit(instrument_id=FILLS)
    expect(screen.row(order_id)).to_contain_text("Buy")
    expect(screen.row(order_id)).to_contain_text("filled")
    expect(screen.row(order_id).locator(".meter .amount")).to_have_text("100,000")
    assert screen.page.evaluate("window.__same")


def test_new_rows_wait_while_the_pointer_is_over_the_grid(window: Opener, submit: Submit) -> None:
    first = submit()
    screen = window("alpha_trader")
    screen.row(first).hover()
    before = screen.row(first).bounding_box()
    second = submit()
    expect(screen.page.locator("#notice-text")).to_have_text("1 new")
    expect(screen.row(second)).to_have_count(0)
    assert screen.row(first).bounding_box() == before
    screen.page.keyboard.press("u")
    expect(screen.row(second)).to_be_visible()


def test_freezing_holds_the_picture_and_counts_what_waits(window: Opener, submit: Submit) -> None:
    screen = window("alpha_trader")
    screen.page.keyboard.press("f")
    order_id = submit()
    expect(screen.page.locator("#notice-text")).to_contain_text("1 order has changed")
    expect(screen.row(order_id)).to_have_count(0)
    screen.page.keyboard.press("f")
    expect(screen.row(order_id)).to_be_visible()


def test_a_lost_connection_moves_nothing_and_leaves_only_cancel(
    window: Opener, submit: Submit
) -> None:
    order_id = submit()
    screen, wire = window(), Wire()
    screen.context.route_web_socket("**/ws/desk/**", wire)
    page = screen.log_in("alpha_trader")
    screen.row(order_id).click()
    expect(page.locator("#panel .order")).to_be_visible()
    grid, row = page.locator("#grid").bounding_box(), screen.row(order_id).bounding_box()

    wire.hang_up()
    expect(page.locator("#connection")).to_have_text("Disconnected")
    expect(page.locator("#notice-text")).to_contain_text("Disconnected since")
    assert page.locator("#grid").bounding_box() == grid
    assert screen.row(order_id).bounding_box() == row
    expect(page.get_by_role("button", name="New order")).to_be_disabled()
    expect(page.get_by_role("button", name="Execute")).to_be_disabled()
    expect(page.locator("#act-cancel")).to_be_enabled()

    wire.cut = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.get_by_role("button", name="New order")).to_be_enabled()


def test_what_happened_while_disconnected_is_there_afterwards(
    window: Opener, submit: Submit
) -> None:
    screen, wire = window(), Wire()
    screen.context.route_web_socket("**/ws/desk/**", wire)
    page = screen.log_in("alpha_trader")
    wire.hang_up()
    expect(page.locator("#connection")).to_have_text("Disconnected")
    order_id = submit()
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    wire.cut = False
    # Clicked by a person or not: it tries again by itself as well, and may be faster.
    page.evaluate("document.getElementById('notice-act').click()")
    expect(screen.row(order_id)).to_be_visible()


def test_a_missed_message_is_noticed_and_made_good(window: Opener, submit: Submit) -> None:
    screen, wire = window(), Wire()
    screen.context.route_web_socket("**/ws/desk/**", wire)
    page = screen.log_in("alpha_trader")
    wire.drop_deltas = 1
    order_id = submit(bypass_auto_execution=True)
    expect(screen.row(order_id)).to_be_visible()
    expect(page.locator("#feed-facts")).to_contain_text("1 gap")


def test_silence_is_called_slow_within_four_seconds(window: Opener) -> None:
    screen, wire = window(), Wire()
    screen.context.route_web_socket("**/ws/desk/**", wire)
    page = screen.log_in("alpha_trader")
    wire.mute = True
    expect(page.locator("#connection")).to_have_text("Slow", timeout=5_000)
    expect(page.locator("#notice-text")).to_contain_text("may be late")
    wire.mute = False
    expect(page.locator("#connection")).to_have_text("Live")
