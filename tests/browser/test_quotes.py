"""Quotes on the desk: they appear as dealers answer, count down, are countered, and hit once."""

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


def _staged(submit: Submit, limit: float = 99.5) -> str:
    return submit(
        instrument_id=APPLE, limit_price=limit, bypass_auto_execution=True, amount={"par": 100_000}
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


def test_a_dealer_is_countered_by_key_and_its_answer_is_another_round(
    window: Opener, submit: Submit, tmp_path: Path
) -> None:
    order_id = _staged(submit, 100)
    screen = window("alpha_trader", width=1440)
    page = screen.page
    screen.row(order_id).click()
    _ask(page, "Fickle Partners", "Lookout Securities", "Swift Capital")
    quotes = page.locator(".rfqs .quotes")
    expect(quotes.locator("tr.best")).to_contain_text("Broad Street Bank")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cannot be hit any more")
    price = dialog.get_by_label("Our price")
    expect(price).to_be_focused()
    quoted = float(price.input_value())
    screen.expected.append("Failed to load resource: the server responded with a status of 422")
    # No better than the quote: refused beside the field, and the dialog stays.
    page.keyboard.press("Control+Enter")
    expect(dialog.locator("#c-price-fault")).to_contain_text("better")
    price.fill(f"{quoted - 0.1:.3f}")
    page.screenshot(path=str(tmp_path / "counter.png"))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(quotes).to_contain_text("round 2")
    expect(page.locator(".rounds")).to_contain_text("improved")
    page.screenshot(path=str(tmp_path / "countered.png"))


def test_criteria_are_set_by_keyboard_and_tell_what_they_decided(
    window: Opener, submit: Submit, tmp_path: Path
) -> None:
    order_id = _staged(submit)
    screen = window("alpha_trader", width=1440)
    page = screen.page
    screen.row(order_id).click()
    page.keyboard.press("q")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Swift Capital")).to_be_checked()
    expect(dialog.get_by_label("Leave out the order books")).to_be_hidden()
    dialog.get_by_label("AutoEx by criteria").press("Space")
    dialog.get_by_label("Leave out the order books").press("Space")
    dialog.get_by_label("Quotes at least").fill("2")
    page.screenshot(path=str(tmp_path / "autoex.png"))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".rfqs")).to_contain_text("AutoEx")
    expect(screen.row(order_id)).to_contain_text("filled")
    expect(page.locator(".rfqs")).to_contain_text("cover")
    page.locator(".rfqs .log summary").click()
    expect(page.locator(".rfqs .log")).to_contain_text("left out (skip_lob_quotes)")
    page.screenshot(path=str(tmp_path / "decided.png"), full_page=True)


def test_a_list_has_its_page_where_every_line_has_its_outcome(
    window: Opener, submit: Submit, tmp_path: Path
) -> None:
    orders = [_staged(submit), _staged(submit)]
    # Nobody quotes this one.
    orders.append(
        submit(
            instrument_id="17327T2R6",
            limit_price=101,
            bypass_auto_execution=True,
            amount={"par": 50_000},
        )
    )
    screen = window("alpha_trader", width=1440)
    page = screen.page
    for order_id in orders:
        screen.row(order_id).click(modifiers=["Control"])
    page.keyboard.press("q")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("about 3 orders")
    expect(dialog.get_by_label("Swift Capital")).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(dialog).to_contain_text("3 of 3 asked")
    page.screenshot(path=str(tmp_path / "asked.png"))
    page.keyboard.press("Enter")
    lines = page.locator(".lines tbody tr")
    expect(lines).to_have_count(3)
    expect(page.locator(".lines")).to_contain_text("can be hit")
    expect(page.locator(".lines [data-until]").first).to_have_text(pattern(r"\d+ (s|min)"))
    page.screenshot(path=str(tmp_path / "list.png"))
    screen.expected.append("Failed to load resource: net::ERR_FAILED")
    page.route("**/desk/lists/**", lambda route: route.abort())
    expect(page.locator("#notice")).to_contain_text("Disconnected since")
    page.screenshot(path=str(tmp_path / "lost.png"))
