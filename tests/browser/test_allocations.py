"""Splits after the trade on the screen: entered by one, decided by another, shown line by line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FILLS, Opener
from tests.browser.test_accessible import _faults
from tests.product import Product

Submit = Callable[..., str]
PICTURES = os.environ.get("OMS_PICTURES")


def picture(page: Page, name: str) -> None:
    """Kept for people to look at, when they ask for it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.fixture
def allowed(product: Product) -> None:
    """Alpha's policy lets splits be entered after the trade: one person's word, another's yes."""
    with product.client("alpha_admin") as maker, product.client("alpha_compliance") as checker:
        held = maker.get("/v1/policy/").json()
        if held["effective"]["allocation_entry"] == "post_trade_with_review":
            return
        rules = {**held["rules"], "allocation_entry": "post_trade_with_review"}
        body = {"preset": held["preset"], "rules": rules}
        made = maker.post("/v1/policy/version/", json={**body, "reason": "Splits come late."})
        assert made.status_code == 201, made.text
        agreed = checker.post(f"/v1/policy/version/{made.json()['version']}/approve/", json={})
        assert agreed.status_code == 200, agreed.text
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if maker.get("/v1/policy/").json()["version"] == made.json()["version"]:
                return
        raise AssertionError("the policy did not come into force")


def test_two_people_split_an_order_and_the_arithmetic_is_shown(
    allowed: None, window: Opener, submit: Submit
) -> None:
    order_id = submit(instrument_id=FILLS, account_id=None)
    trader = window("alpha_trader", theme="light", width=1280)
    page = trader.open("/allocations/")
    row = page.locator(f'#blocks tr[data-block="{order_id}"]')
    row.get_by_role("button", name="Split…").click(timeout=30_000)
    parts = page.locator("#parts tbody tr")
    parts.nth(0).get_by_label("Account").select_option(label="ALPHA-002")
    parts.nth(0).get_by_label("Quantity").fill("60,000")
    expect(page.locator("#left")).to_contain_text("40,000 of 100,000 are left")
    page.get_by_role("button", name="Add account").click()
    parts.nth(1).get_by_label("Account").select_option(label="ALPHA-003")
    parts.nth(1).get_by_label("Quantity").fill("40000")
    expect(page.locator("#left")).to_contain_text("All 100,000 are given")
    page.get_by_label("Strategy").select_option("pro_rata_with_averaging")
    page.get_by_label("Reason").fill("The client's split came by phone.")
    assert _faults(page) == []
    picture(page, "allocate-form-light-1280")
    page.get_by_role("button", name="Enter the split").click()
    waiting = page.locator("#waiting tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    expect(waiting).to_contain_text("came by phone")

    officer = window("alpha_compliance", width=1680)
    page = officer.open("/allocations/")
    waiting = page.locator("#waiting tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    picture(page, "allocate-board-dark-1680")
    assert _faults(page) == []
    waiting.get_by_role("button", name="Approve…").click()
    page.get_by_label("Why").fill("The recording agrees.")
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(waiting).to_have_count(0)
    decided = page.locator("#decided tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    expect(decided).to_contain_text("The recording agrees.")

    ops = window("alpha_ops", width=1680)
    page = ops.open("/allocations/")
    decided = page.locator("#decided tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    decided.get_by_role("link", name="line by line").click()
    main = page.locator("main")
    for words in ("Entered after the fact", "came by phone", "The recording agrees."):
        expect(main).to_contain_text(words)
    for _ in range(20):  # the split follows the decision by a second or so
        if page.get_by_text("computed again: the same").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(main).to_contain_text("computed again: the same")
    expect(main).to_contain_text("exact share")
    assert _faults(page) == []
    picture(page, "arithmetic-dark-1680")
    narrow = window("alpha_ops", theme="light", width=1280)
    narrow.page.goto(page.url)
    expect(narrow.page.locator("main")).to_contain_text("computed again: the same")
    picture(narrow.page, "arithmetic-light-1280")
