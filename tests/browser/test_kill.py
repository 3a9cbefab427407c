"""The kill switch on the screen: a trader engages, every page says so, two people give it back."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import FILLS, HANGS, Opener
from tests.browser.test_accessible import _faults
from tests.product import Product, until

Submit = Callable[..., str]
# The venue fills half of it at once and then only takes cancels.
HALF = "912810RX8"
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
    expect(page.locator("#preview")).to_contain_text(re.compile("open orders?, .* still to trade"))
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


def test_what_a_venue_has_not_answered_is_named_until_it_does(
    window: Opener, submit: Submit, product: Product
) -> None:
    order_id = submit(instrument_id=HALF)
    page = window("alpha_trader", width=1024).open("/kill/")
    with product.client("alpha_trader") as client:
        until(lambda: _half(client, order_id), what="the venue to fill half of it")
        _silence(product, on=True)
        try:
            asked = {"scope": "instrument", "target": HALF, "confirm": HALF, "reason": "a test"}
            halt = client.post("/v1/kill-switch/", json=asked).json()["id"]
            row = page.locator(f"#board tr[data-halt='{halt}']")
            expect(row).to_contain_text("draining")
            waits = page.locator("#board tr.waits", has_text=HALF)
            expect(waits).to_contain_text("Not proven gone")
            expect(waits).to_contain_text("has been asked and has not answered")
            expect(waits.get_by_role("link").first).to_be_visible()
            expect(row.get_by_role("button")).to_have_count(0)
            _picture(page, "kill-waits")
            assert _faults(page) == []
        finally:
            _silence(product, on=False)
        expect(row).to_contain_text("confirmed flat", timeout=60_000)
        expect(waits).to_have_count(0)
    for name, step in (("alpha_compliance", "request-release"), ("alpha_compliance2", "release")):
        with product.client(name) as client:
            answer = client.post(f"/v1/kill-switch/{halt}/{step}/", json={"reason": "over"})
            assert answer.is_success, answer.text


def _half(client: httpx.Client, order_id: str) -> bool:
    status: str = client.get(f"/v1/trading/order/{order_id}/").json()["status"]
    return status == "partially_filled"


def _silence(product: Product, *, on: bool) -> None:
    ports = json.loads((product.outside / "ports.json").read_bytes())
    with socket.create_connection(("127.0.0.1", ports["admin"]), timeout=5) as line:
        for venue in ("SIMA", "SIMB"):
            said = {"cmd": "silence", "session": venue, "on": on}
            line.sendall(json.dumps(said).encode() + b"\n")
            assert json.loads(line.makefile().readline())["ok"] is True


def test_an_order_group_is_shown_locked_and_reset_by_its_owner(
    window: Opener, product: Product, submit: Submit
) -> None:
    page = window("alpha_trader").open("/kill/")
    with product.client("alpha_trader") as client:
        group = client.post(
            "/v1/trading/order-group/", json={"name": "on screen", "limit": 1000}
        ).json()["id"]
    row = page.locator(f"#groups tr[data-group='{group}']")
    expect(row).to_contain_text("open")
    filled = submit(instrument_id=FILLS, amount={"par": 2000}, order_group_id=group)
    expect(row).to_contain_text("locked", timeout=30_000)
    _picture(page, "kill-groups")
    row.get_by_role("button", name="Reset").click()
    expect(row).to_contain_text("open")
    assert filled
    expect(page.locator("#breakers")).to_contain_text("Price move")
    assert _faults(page) == []
