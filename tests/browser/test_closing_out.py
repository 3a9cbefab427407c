"""Closing out on the page of the kill switch, and a short sale on the ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FILLS, Opener
from tests.browser.test_accessible import _faults
from tests.product import Product, until

Submit = Callable[..., str]
ACCOUNT, CODE = "alpha-003", "ALPHA-003"
SHARE = "037833100"


@pytest.fixture
def halt(product: Product) -> Iterator[str]:
    """Only what reduces passes in one account; given back by two at the end."""
    said = {"scope": "account", "target": CODE, "reason": "wrong side", "mode": "reducing"}
    with product.client("alpha_compliance") as one, product.client("alpha_compliance2") as two:
        made = one.post("/v1/kill-switch/", json={**said, "confirm": CODE})
        assert made.status_code == 201, made.text
        path = f"/v1/kill-switch/{made.json()['id']}"
        yield str(made.json()["id"])
        one.post(f"{path}/request-release/", json={"reason": "over"})
        assert two.post(f"{path}/release/").status_code == 200


def _filled(product: Product, order_id: str) -> Any:
    with product.client("alpha_trader") as client:
        found = client.get(f"/v1/trading/order/{order_id}/").json()
    return found if found["status"] == "filled" else None


def test_one_proposes_to_close_out_and_another_agrees(
    window: Opener, submit: Submit, product: Product, request: pytest.FixtureRequest
) -> None:
    order_id = submit(instrument_id=FILLS, account_id=ACCOUNT)
    until(lambda: _filled(product, order_id), what="the purchase to be filled")
    halt = request.getfixturevalue("halt")
    page = window("alpha_trader").open("/kill/")
    page.locator(f'[data-flatten="{halt}"]').click()
    box = page.locator("#flatten")
    expect(box.locator("#flatten-preview")).to_contain_text("would be ordered out")
    expect(box.locator("#flatten-preview")).to_contain_text(f"for {CODE}")
    assert _faults(page) == []
    expect(page.locator("#flatten-go")).to_be_disabled()
    box.get_by_label("Price").select_option("market")
    expect(box.locator("#flatten-preview")).to_contain_text("at the market")
    box.get_by_label("Reason").fill("bought by mistake")
    box.get_by_label("Type").fill("close out")
    page.locator("#flatten-go").click()
    row = page.locator("#board tr[data-closing]").first
    expect(row).to_contain_text("waits for a second person")
    expect(row.get_by_role("button", name="Agree…")).to_have_count(0)

    other = window("alpha_compliance").open("/kill/")
    row = other.locator("#board tr[data-closing]").first
    row.get_by_role("button", name="Agree…").click()
    expect(other.locator("#agree-lines")).to_contain_text("bought by mistake")
    expect(other.locator("#agree-lines")).to_contain_text("▼ Sell")
    assert _faults(other) == []
    expect(other.locator("#agree-go")).to_be_disabled()
    other.locator("#agree").get_by_label("Type").fill("close out")
    other.locator("#agree-go").click()
    expect(row).to_contain_text("✔ worked", timeout=15_000)
    expect(row).to_contain_text("ordered")
    row.get_by_role("button", name="Lines…").click()
    expect(other.locator("#results-body")).to_contain_text("ordered, ")
    assert _faults(other) == []


def _ticket(page: Page) -> Any:
    # A key that comes before what it presses can be pressed is not heard.
    expect(page.locator("#act-new")).to_be_enabled()
    page.keyboard.press("n")
    expect(page.locator("#ticket")).to_be_visible()
    return page.locator("#ticket")


def test_a_short_sale_asks_for_its_locate(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected.append("422")
    page = screen.open("/desk/")
    expect(page.locator("#connection")).to_have_text("Live")
    box = _ticket(page)
    expect(page.locator("#t-account option")).not_to_have_count(0)
    page.locator("#t-instrument").fill(SHARE)
    expect(page.locator("#t-mark-field")).to_be_hidden()
    box.get_by_text("▼ Sell").click()
    box.get_by_label("Sale is").select_option("short")
    expect(page.locator("#t-locate-field")).to_be_visible()
    page.locator("#t-par").fill("100")
    page.locator("#t-limit").fill("231.4")
    page.locator("#ticket-go").click()
    expect(page.locator("#t-locate-fault")).to_contain_text("Find the shares first")
    assert _faults(page) == []
    page.locator("#t-locate").fill("L-2026-7")
    page.locator("#ticket-go").click()
    expect(page.locator("#ticket-outcome")).to_contain_text("Estimate")
    expect(page.locator("#ticket-go")).to_be_enabled()
