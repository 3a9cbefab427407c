"""Operations: what waits is shown, retried, repaired and explained by two; auditors only look."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

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


def block(submit: Submit) -> str:
    """A block whose second account the custodian refuses."""
    return submit(
        instrument_id=FILLS,
        account_id=None,
        allocations={
            "client_allocation_id": f"ops-{uuid.uuid4()}",
            "strategy": "pro_rata_with_averaging",
            "account_allocations": [
                {"account_id": "alpha-002", "requested_amount": {"par": 60_000}},
                {"account_id": "alpha-rej", "requested_amount": {"par": 40_000}},
            ],
        },
    )


def test_a_refused_booking_is_retried_then_repaired_by_two_people(
    window: Opener, submit: Submit
) -> None:
    order_id = block(submit)
    ops = window("alpha_ops")
    page = ops.open("/ops/")
    expect(page.locator("#connection")).to_have_text("Live")
    row = page.locator("#legs tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    expect(row).to_contain_text("ACCOUNT_REJECTED", timeout=20_000)
    assert _faults(page) == []
    picture(page, "ops")

    row.get_by_role("checkbox").check()
    expect(page.locator("#selected")).to_have_text("1 selected")
    page.keyboard.press("r")
    expect(page.locator("#job-text")).to_contain_text("1 of 1, 1 queued again")
    expect(page.locator("#job-rows")).to_contain_text("queued")
    expect(row).to_contain_text("ACCOUNT_REJECTED", timeout=20_000)

    row.get_by_role("button", name="Repair…").click()
    page.get_by_label("Booked to account").select_option(label="ALPHA-003")
    page.locator("#repair").get_by_label("Reason").fill("The client's account at BNY is closed.")
    page.get_by_role("button", name="Ask for the repair").click()
    expect(page.locator("#repairs")).to_contain_text("somebody else decides")
    picture(page, "ops-repair")

    admin = window()
    other = admin.open("/login/")
    other.get_by_label("User name").fill("alpha_admin")
    other.get_by_label("Password").fill("sandbox")
    other.get_by_role("button", name="Log in").click()
    expect(other.locator("#connection")).to_have_text("Live")
    other = admin.open("/ops/")
    waiting = other.locator("#repairs tbody tr", has_text="account at BNY is closed")
    waiting.get_by_role("button", name="Approve").click()
    expect(waiting).to_have_count(0)
    expect(row).to_have_count(0)  # on the first person's screen, without a reload

    page = ops.open(f"/desk/orders/{order_id}/")
    expect(page.locator("#panel")).to_contain_text("booked")
    page = ops.open("/ops/")


def test_the_arithmetic_of_an_allocation_is_shown_line_by_line(
    window: Opener, submit: Submit, product: Product
) -> None:
    order_id = block(submit)
    screen = window("alpha_ops")
    page = screen.open("/ops/")
    row = page.locator("#legs tbody tr", has=page.locator(f'a[href*="{order_id}"]'))
    row.get_by_role("link", name="arithmetic").click()
    expect(page.locator("main")).to_contain_text("pro rata with averaging")
    expect(page.locator("main")).to_contain_text("the same")
    expect(page.locator("main")).to_contain_text("100,000")
    assert _faults(page) == []
    picture(page, "ops-arithmetic")


def test_reconciling_from_the_screen_tells_whom_it_reached(window: Opener) -> None:
    screen = window("alpha_ops")
    page = screen.open("/ops/")
    expect(page.locator("#connection")).to_have_text("Live")
    page.keyboard.press("c")
    expect(page.locator("#notice-text")).to_contain_text("Compared with", timeout=20_000)
    table = page.get_by_role("region", name="Reconciliation")
    expect(table).to_contain_text("SIMA")
    expect(table).to_contain_text("cust_bny")
    expect(table).not_to_contain_text("not checked")
    picture(page, "ops-reconciled")


def test_an_auditor_looks_and_touches_nothing_and_a_trader_is_refused(window: Opener) -> None:
    screen = window("alpha_auditor")
    page = screen.open("/ops/")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    assert page.locator("main button").count() == 0
    trader = window("alpha_trader")
    trader.expected.append("403")
    expect(trader.open("/ops/").locator("main")).to_contain_text("entitlement")
