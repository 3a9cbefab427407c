"""Acting on orders: by keyboard, once, with the consequence in words, and by the right person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import FILLS, HANGS, Opener

Submit = Callable[..., str]
FLAGGED_LIMIT = 107  # more than five percent from the reference


def _fill_ticket(page: Page, **fields: str) -> None:
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    typed = {"instrument": HANGS, "par": "250k", "limit": "101-16+", **fields}
    for name, text in typed.items():
        page.locator(f"#t-{name}").fill(text)


def test_an_order_is_canceled_by_keyboard_alone(window: Opener, submit: Submit) -> None:
    order_id = submit()
    screen = window("alpha_trader")
    page = screen.page
    expect(screen.row(order_id)).to_contain_text("working")
    page.keyboard.press("j")
    expect(page.get_by_text("1 focused")).to_be_visible()
    expect(page.locator("#panel")).to_contain_text("SIMA acknowledged")
    page.keyboard.press("x")
    expect(page.get_by_role("dialog")).to_contain_text("100,000 still to be filled")
    expect(page.locator("#confirm-safe")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(screen.row(order_id)).to_contain_text("canceled")


def test_the_safe_button_has_the_focus_so_that_enter_cancels_nothing(
    window: Opener, submit: Submit
) -> None:
    order_id = submit()
    screen = window("alpha_trader")
    screen.row(order_id).click()
    screen.page.keyboard.press("x")
    expect(screen.page.locator("#confirm-safe")).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("dialog")).to_have_count(0)
    with screen.product.client() as client:
        assert client.get(f"/v1/trading/order/{order_id}/").json()["pending"] is None


def test_a_cancel_shows_as_pending_only_when_its_event_says_so(
    window: Opener, submit: Submit
) -> None:
    order_id = submit()
    screen = window("alpha_trader")
    expect(screen.row(order_id)).to_contain_text("working")

    def answer_without_asking(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=202, json={"order_id": order_id, "outcome": "pending"})
        else:
            route.continue_()

    screen.page.route("**/v1/trading/order/**", answer_without_asking)
    screen.row(order_id).click()
    screen.page.keyboard.press("x")
    screen.page.locator("#confirm-act").click()
    expect(screen.page.get_by_role("dialog")).to_have_count(0)
    screen.page.wait_for_timeout(1_000)
    expect(screen.row(order_id)).to_contain_text("working")


def test_a_double_click_on_send_makes_one_order(window: Opener) -> None:
    screen = window("alpha_trader")
    page = screen.page
    _fill_ticket(page)
    expect(page.locator("#t-par-echo")).to_have_text("250,000 par")
    expect(page.locator("#t-limit-echo")).to_have_text("101.515625 = 101-16+")
    client_id = page.locator("#ticket-id").get_attribute("title")
    page.keyboard.press("Control+Enter")
    send = page.get_by_role("button", name="Send order")
    expect(send).to_be_enabled()
    expect(page.locator("#ticket-outcome")).to_contain_text("Passes its controls")
    send.dblclick()
    expect(page.get_by_role("dialog")).to_have_count(0)
    with screen.product.client() as client:
        found = client.get("/v1/trading/order/", params={"client_order_id": client_id}).json()
    assert len(found["orders"]) == 1
    assert found["orders"][0]["limit_price"] == 101.515625
    assert found["orders"][0]["amount"]["value"] == 250_000
    expect(screen.row(found["orders"][0]["id"])).to_be_visible()


def test_two_quick_presses_preview_but_do_not_send(window: Opener) -> None:
    screen = window("alpha_trader")
    page, posts = screen.page, []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    _fill_ticket(page)
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Send order")).to_be_enabled()
    page.wait_for_timeout(500)
    assert [url for url in posts if "dry_run" not in url] == []


def test_what_the_server_refuses_stands_beside_its_field(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected.append("422")
    page = screen.page
    _fill_ticket(page, par="33")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#t-par-fault")).to_contain_text("100")
    expect(page.locator("#t-par")).to_be_focused()
    expect(page.locator("#ticket-outcome")).to_contain_text("one field needs a change")


def test_letters_typed_into_a_field_do_nothing_else(window: Opener, submit: Submit) -> None:
    order_id = submit()
    screen = window("alpha_trader")
    screen.row(order_id).click()
    screen.page.keyboard.press("/")
    screen.page.keyboard.type("xnef")
    expect(screen.page.locator("#filter")).to_have_value("xnef")
    expect(screen.page.get_by_role("dialog")).to_have_count(0)


def test_part_of_a_staged_order_is_sent_to_the_book(window: Opener, submit: Submit) -> None:
    order_id = submit(instrument_id=FILLS, bypass_auto_execution=True)
    screen = window("alpha_trader")
    page = screen.page
    expect(screen.row(order_id)).to_contain_text("staged")
    screen.row(order_id).click()
    page.keyboard.press("e")
    page.locator("#x-par").fill("40k")
    expect(page.locator("#x-par-echo")).to_have_text("40,000 par")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(screen.row(order_id)).to_contain_text("partial")
    expect(screen.row(order_id).locator(".meter .amount")).to_have_text("40,000")
    panel = page.locator("#panel")
    expect(panel.locator("[data-part=executions] tbody tr")).to_have_count(1)
    expect(panel.locator("[data-part=timeline]")).to_contain_text("filled 40,000 @ 101.000")


def test_a_second_person_approves_and_the_submitter_cannot(window: Opener, submit: Submit) -> None:
    order_id = submit(limit_price=FLAGGED_LIMIT)
    trader = window("alpha_trader")
    trader.open(f"/desk/?view=flagged&order={order_id}")
    expect(trader.page.locator("#panel .failed")).to_contain_text("price-tolerance")
    expect(trader.page.get_by_role("button", name="Approve")).to_have_count(0)

    checker = window("alpha_compliance")
    page = checker.open(f"/desk/?view=flagged&order={order_id}")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_label("Annotation").fill("Client confirmed by phone")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#panel [data-part=timeline]")).to_contain_text("Client confirmed by phone")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    trader.page.keyboard.press("1")
    expect(trader.row(order_id)).to_contain_text("working")


def test_the_maker_of_a_flagged_order_is_told_why_the_decision_is_not_his(
    window: Opener, product: Any
) -> None:
    _give_roles(product, "alpha_admin", "trader", "admin")
    with product.client("alpha_admin") as client:
        made = client.post(
            "/v1/trading/order/",
            json={
                "account_id": "alpha-002",
                "instrument_id": HANGS,
                "amount": {"par": 100_000},
                "type": "limit",
                "side": "buy",
                "limit_price": FLAGGED_LIMIT,
            },
        ).json()
    screen = window("alpha_admin")
    page = screen.open(f"/desk/orders/{made['id']}/")
    expect(page.locator("#panel")).to_contain_text("somebody else has to decide")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def _give_roles(product: Any, username: str, *roles: str) -> None:
    # The shell stands in for two people of the back office.
    product.manage(
        "shell",
        "-c",
        "from oms_site.firm import principals, role_changes as r;"
        "from oms_site.firm.models import User; from oms_site.kit import clock;"
        "get = lambda n: principals.of_user(User.objects.get(username=n), via='test');"
        "at = clock.now();"
        f"made = r.propose({username!r}, {list(roles)!r}, reason='test', by=get('alpha_admin'),"
        " at=at);"
        "r.approve(made.pk, by=get('alpha_compliance'), at=at)",
    )
