"""What screens say: of what is missing, of what passes under a halt, and of par and shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Opener
from tests.product import Product

SHARE = "594918104"
CODE = "ALPHA-008"


def test_an_empty_ticket_says_what_is_missing_and_goes_to_the_first_field(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected.append("422")
    page = screen.page
    page.keyboard.press("n")
    expect(page.locator("#t-account option")).not_to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#t-par-fault")).to_have_text("This field is required.")
    expect(page.locator("#t-limit-fault")).to_have_text("A limit order needs a limit price.")
    expect(page.locator("#t-instrument")).to_be_focused()


def test_what_is_typed_before_the_instruments_are_known_is_echoed_then(window: Opener) -> None:
    screen, held = window(), list[Route]()
    # From the first page on: a browser that is told in the middle of one was seen to pay no heed.
    screen.context.route("**/desk/reference.json", lambda route: held.append(route))
    page = screen.log_in("alpha_trader")
    page.keyboard.press("n")
    page.locator("#t-instrument").fill(SHARE)
    # Of where it may go, and of what may be traded: a slow browser asks a moment later.
    for _ in range(600):
        if len(held) == 2:
            break
        page.wait_for_timeout(100)
    assert len(held) == 2
    for one in held:
        one.continue_()
        page.wait_for_timeout(500)
    expect(page.locator("#t-instrument-echo")).to_contain_text("MSFT common stock")


@pytest.fixture
def reducing(product: Product) -> Iterator[str]:
    """An account in which only what lessens a position passes; given back by two at the end."""
    said = {"scope": "account", "target": CODE, "reason": "too long", "mode": "reducing"}
    with product.client("alpha_compliance") as one, product.client("alpha_compliance2") as two:
        made = one.post("/v1/kill-switch/", json={**said, "confirm": CODE})
        assert made.status_code == 201, made.text
        path = f"/v1/kill-switch/{made.json()['id']}"
        yield str(made.json()["name"])
        one.post(f"{path}/request-release/", json={"reason": "over"})
        assert two.post(f"{path}/release/").status_code == 200


def test_the_banner_of_a_reducing_halt_says_what_passes(window: Opener, reducing: str) -> None:
    page = window("alpha_trader").page
    words = f"{reducing} (too long), except what lessens a position."
    expect(page.locator("#halted")).to_contain_text(words)
    page.goto(page.url.replace("/desk/", "/kill/"))
    expect(page.locator("#halted")).to_contain_text(words)


def test_par_and_shares_are_not_added_up(window: Opener, submit: Callable[..., str]) -> None:
    bond = submit(bypass_auto_execution=True)
    share = submit(
        instrument_id=SHARE, amount={"shares": 100}, limit_price=475, bypass_auto_execution=True
    )
    screen = window("alpha_trader")
    page = screen.page
    screen.row(share).locator(".slick-cell").first.click()
    expect(page.locator("#selection")).to_have_text("1 focused · shares 100 · leaves 100")
    page.keyboard.press("Space")
    screen.row(bond).locator(".slick-cell").first.click(modifiers=["Control"])
    expect(page.locator("#selection")).to_contain_text("2 selected")
    expect(page.locator("#selection")).to_contain_text("par 100,000 · leaves 100,000")
    expect(page.locator("#selection")).to_contain_text("shares 100 · leaves 100")


def test_an_address_that_is_nothing_is_said_in_words(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.expected.append("404")
    page = screen.open("/nothing/here/")
    expect(page.locator("main")).to_contain_text("There is nothing at this address.")
    expect(page.locator("main")).not_to_contain_text("Resolver")


def test_the_dialogs_of_operations_look_like_all_others(window: Opener) -> None:
    page = window("alpha_ops").open("/ops/")
    expect(page.locator("dialog")).not_to_have_count(0)
    expect(page.locator("dialog:not(.sheet)")).to_have_count(0)
