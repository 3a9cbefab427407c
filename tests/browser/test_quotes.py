"""Quotes on the desk: they appear as dealers answer, count down, and are hit once, on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from re import compile as pattern

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener

Submit = Callable[..., str]
APPLE = "037833DP2"


def _ask(page: Page, *leave_out: str) -> None:
    page.keyboard.press("q")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("never your limit")
    expect(dialog.get_by_label("Swift Capital")).to_be_checked()
    for name in leave_out:
        dialog.get_by_label(name).uncheck()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def _staged(submit: Submit) -> str:
    return submit(
        instrument_id=APPLE, limit_price=99.5, bypass_auto_execution=True, amount={"par": 100_000}
    )


def test_quotes_appear_live_and_the_best_is_hit_by_key(
    window: Opener, submit: Submit, tmp_path: Path
) -> None:
    order_id = _staged(submit)
    screen = window("alpha_trader", width=1920)
    page = screen.page
    screen.row(order_id).click()
    _ask(page, "Fickle Partners", "Lookout Securities")
    quotes = page.locator(".rfqs .quotes")
    expect(quotes.locator("tr.best")).to_contain_text("Swift Capital")
    expect(quotes).to_contain_text("Broad Street Bank")
    expect(quotes).to_contain_text("pass")
    expect(page.locator(".rfqs")).to_contain_text("Mute Markets")
    expect(quotes.locator("tr.best [data-until]")).to_have_text(pattern(r"\d+ s"))
    page.screenshot(path=str(tmp_path / "quotes.png"))
    page.keyboard.press("h")
    expect(page.get_by_role("dialog")).to_contain_text("The dealer has the last word")
    expect(page.locator("#confirm-safe")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(screen.row(order_id)).to_contain_text("filled")
    expect(page.locator(".rfqs")).to_contain_text("done")
    expect(page.locator(".rfqs")).to_contain_text("cover")
    page.screenshot(path=str(tmp_path / "done.png"))


def test_enter_on_the_safe_button_hits_nothing(window: Opener, submit: Submit) -> None:
    order_id = _staged(submit)
    screen = window("alpha_trader")
    page = screen.page
    screen.row(order_id).click()
    _ask(page, "Fickle Partners")
    page.locator(".rfqs tr.best [data-hit]").click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with screen.product.client() as client:
        rows = client.get(f"/v1/trading/rfq/?order_id={order_id}").json()["rfqs"]
    assert [row["status"] for row in rows] == ["quoting"]


def test_a_withdrawn_quote_loses_its_button(window: Opener, submit: Submit) -> None:
    order_id = _staged(submit)
    screen = window("alpha_trader")
    page = screen.page
    screen.row(order_id).click()
    _ask(page, "Swift Capital", "Broad Street Bank", "Lookout Securities")
    expect(page.locator(".rfqs [data-hit]")).to_have_count(1)
    expect(page.locator(".rfqs")).to_contain_text("withdrawn", timeout=15_000)
    expect(page.locator(".rfqs [data-hit]")).to_have_count(0)
