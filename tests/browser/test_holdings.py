"""The holdings page in a real browser: live, dated, by keys alone, and with its papers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.product import Product


def deposit(product: Product, amount: str, name: str) -> None:
    with product.client("alpha_ops") as client:
        answer = client.post(
            "/v1/transaction/",
            json={
                "kind": "deposit",
                "account_id": "ALPHA-017",
                "amount": amount,
                "client_transaction_id": name,
            },
        )
    assert answer.status_code in (200, 201), answer.text


def test_what_moves_shows_without_a_reload(window: Opener, product: Product) -> None:
    deposit(product, "1000.00", "browser-1")
    screen = window("alpha_trader")
    page = screen.open("/holdings/?account=ALPHA-017")
    cash = page.locator("section", has=page.get_by_role("heading", name="Cash"))
    expect(cash).to_contain_text("1,000.00")
    expect(page.locator("#age")).to_contain_text("Live, read at")
    deposit(product, "234.56", "browser-2")
    expect(page.locator("#holdings")).to_contain_text("1,234.56")


def test_the_past_says_that_it_is_the_past_and_a_key_leads_back(
    window: Opener, product: Product
) -> None:
    deposit(product, "1000.00", "browser-1")
    screen = window("alpha_trader")
    page = screen.open("/holdings/?account=ALPHA-017&as_of=2020-01-02T10:00:00")
    expect(page.locator("#age")).to_contain_text("As it stood on 2020-01-02 at 10:00:00")
    expect(page.locator("#holdings")).to_contain_text("No cash has moved by then.")
    page.keyboard.press("n")
    expect(page.locator("#age")).to_contain_text("Live, read at")


def test_keys_reach_the_pickers(window: Opener) -> None:
    page = window("alpha_trader").open("/holdings/")
    expect(page.locator("#age")).to_contain_text("Live")
    for key, field in (("a", "account"), ("t", "as_of")):
        page.locator("#main").focus()
        page.keyboard.press(key)
        expect(page.locator(f"#{field}")).to_be_focused()


def test_a_page_that_cannot_be_refreshed_says_so(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected += ["Failed to load resource"]
    page = screen.open("/holdings/")
    expect(page.locator("#connection")).to_have_text("Live")
    page.route("**/holdings/?part=body", lambda route: route.abort())
    expect(page.locator("#age")).to_contain_text("Not live", timeout=20_000)
    expect(page.locator("#connection")).to_have_text("Disconnected")
