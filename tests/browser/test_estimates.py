"""The ticket says what the books would give before anything is sent."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Opener

LIQUID = "912810TC2"


def test_a_preview_shows_what_a_sweep_of_the_books_would_give(window: Opener) -> None:
    page = window("alpha_trader").page
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    reference = page.evaluate(
        "async (cusip) => (await (await fetch(`/v1/trading/market/${cusip}/`)).json())", LIQUID
    )
    limit = str(round(float(reference["ask"]["price"]) + 0.5, 3))
    for name, text in {"instrument": LIQUID, "par": "10k", "limit": limit}.items():
        page.locator(f"#t-{name}").fill(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ticket-outcome")).to_contain_text("Passes its controls")
    said = page.locator("#ticket-estimate")
    expect(said).to_contain_text("Estimate: the books would fill all of it at once at")
    expect(said).to_contain_text("Nothing is promised.")
