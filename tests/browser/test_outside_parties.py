"""Operations: what clearing parties refused, orders that only a venue knew, and dead deliveries."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import FILLS, Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_ops import picture
from tests.product import Product

Submit = Callable[..., str]


def row_of(page: Page, table: str, order_id: str) -> Locator:
    return page.locator(f"#{table} tbody tr", has=page.locator(f'a[href*="{order_id}"]'))


def refuse(product: Product, mode: str) -> None:
    """Make the clearing broker refuse what it is told, or take it again."""
    ports = json.loads((product.outside / "ports.json").read_bytes())
    url = f"http://127.0.0.1:{ports['custodian']}/faults/clearing"
    assert httpx.post(url, json={"mode": mode, "party": "clr_pershing"}).status_code == 200


def test_a_refused_clearing_report_is_resent_with_its_key_and_leaves_the_page(
    window: Opener, submit: Submit, product: Product
) -> None:
    refuse(product, "reject")
    try:
        order_id = submit(instrument_id=FILLS, account_id="alpha-003", amount={"par": 100_000})
        page = window("alpha_ops").open("/ops/")
        row = row_of(page, "clearing", order_id)
        expect(row).to_contain_text("MEMBER_SUSPENDED", timeout=30_000)
    finally:
        refuse(product, "normal")
    expect(row).to_contain_text("rejected")
    assert _faults(page) == []
    picture(page, "ops-clearing")
    row.get_by_role("checkbox").check()
    page.keyboard.press("r")
    expect(page.locator("#job-text")).to_contain_text("1 of 1, 1 queued again")
    expect(page.locator("#job-rows li")).to_contain_text("queued")
    expect(row).to_have_count(0, timeout=30_000)


def test_no_card_of_operations_pushes_the_page_sideways(window: Opener) -> None:
    for width in (1440, 1024):
        page = window("alpha_ops", width=width).open("/ops/")
        expect(page.locator("#notice-text")).to_have_text("Up to date.")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["clearing", "externals"])
def test_what_has_nothing_waiting_says_so(window: Opener, name: str) -> None:
    page = window("beta_ops").open("/ops/")
    expect(page.locator("#notice-text")).to_have_text("Up to date.")
    titles = {
        "clearing": "Clearing reports that wait",
        "externals": "Orders that only a venue knows",
    }
    card = page.get_by_role("region", name=titles[name])
    expect(card).to_contain_text("None.")
