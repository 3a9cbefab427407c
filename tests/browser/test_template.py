"""A ticket that a template splits over accounts: worked out by the server, changed by a person."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import HANGS, Opener
from tests.product import Product

PATH = "/v1/trading/allocation-template/halves/"
SHARES = [{"account_id": "ALPHA-002", "percent": 50}, {"account_id": "ALPHA-003", "percent": 50}]


def test_a_template_fills_the_ticket_and_may_be_changed_before_it_is_sent(
    window: Opener, product: Product
) -> None:
    with product.client() as client:
        body = {"strategy": "pro_rata_with_averaging", "shares": SHARES}
        assert client.put(PATH, json=body).status_code == 200
    screen = window("alpha_trader")
    screen.expected.append("422")  # a split that gives away too much
    page = screen.page
    page.keyboard.press("n")
    page.locator("#t-account").select_option("template:halves")
    expect(page.locator("#t-split-sum")).to_contain_text("Give instrument and amount")
    for name, text in {"instrument": HANGS, "par": "250k", "limit": "101-16+"}.items():
        page.locator(f"#t-{name}").fill(text)
    parts = page.locator("#t-split-rows input")
    expect(parts).to_have_count(2)
    expect(parts.nth(0)).to_have_value("125000")
    expect(page.locator("#t-split-sum")).to_contain_text("pro rata with averaging: 250,000 in all")
    parts.nth(0).fill("150k")
    expect(page.locator("#t-split-sum")).to_contain_text("25,000 too much")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#t-split .fault[data-fault]")).to_contain_text("together request")
    parts.nth(1).fill("100k")
    expect(page.locator("#t-split-sum")).to_contain_text("250,000 in all")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ticket-outcome")).to_contain_text("Passes its controls")
    client_id = page.locator("#ticket-id").get_attribute("title")
    # Not before the guard against a second Enter of the same gesture is over.
    expect(page.locator("#ticket-go")).to_contain_text("Send order")
    expect(page.locator("#ticket-go")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("received")
    with product.client() as client:
        found = client.get(f"/v1/trading/order/?client_order_id={client_id}").json()["orders"]
        (order,) = found
        shown = client.get(f"/v1/trading/allocation/{order['allocation_id']}/").json()
    parts_asked = [one["requested_amount"]["value"] for one in shown["account_allocations"]]
    assert parts_asked == [150_000, 100_000]
    assert shown["strategy"] == "pro_rata_with_averaging"
