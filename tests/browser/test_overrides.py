"""An override asked for from a rejected order and granted on the review desk; watched orders."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HANGS, Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_entrances import log_in
from tests.browser.test_ops import picture
from tests.product import Product

Submit = Callable[..., str]
ACCOUNT, OTHER = "alpha-006", "alpha-007"


def agreed(product: Product, name: str, **content: Any) -> None:
    """The next version of a list, by two people."""
    with product.client("alpha_compliance") as maker, product.client("alpha_compliance2") as other:
        made = maker.post("/v1/control/list/", json={"name": name, **content})
        assert made.status_code == 201, made.text
        path = f"/v1/control/list/{name}/{made.json()['version']}/approve/"
        assert other.post(path, json={}).status_code == 200


@pytest.fixture
def embargo(product: Product) -> Iterator[None]:
    """An account that may not trade, as long as the test lasts."""
    name = f"stop-{uuid.uuid4().hex[:8]}"
    agreed(product, name, kind="do_not_trade", accounts=[ACCOUNT])
    yield
    agreed(product, name, kind="do_not_trade", accounts=[])


@pytest.fixture
def watched(product: Product) -> Iterator[None]:
    """An account that compliance looks at quietly."""
    name = f"quiet-{uuid.uuid4().hex[:8]}"
    agreed(product, name, kind="watch", accounts=[OTHER])
    yield
    agreed(product, name, kind="watch", accounts=[])


@pytest.mark.parametrize("width", [1440, 1024])
def test_an_override_is_asked_for_by_one_and_granted_by_another(
    window: Opener, submit: Submit, embargo: None, width: int
) -> None:
    order_id = submit(account_id=ACCOUNT, instrument_id=HANGS)
    trader = log_in(window, "alpha_trader", f"/desk/orders/{order_id}/", width=width)
    part = trader.locator("[data-part=override]")
    part.get_by_role("button", name="Ask for an override").click()
    expect(part.get_by_role("alert")).to_have_text("Say why.")
    part.get_by_role("textbox").fill("The client closes its account today.")
    assert _faults(trader) == []
    picture(trader, f"override-ask-{width}")
    part.get_by_role("button", name="Ask for an override").click()
    expect(part).to_contain_text("Override requested")
    expect(part.locator("form")).to_have_count(0)

    page = log_in(window, "alpha_compliance", "/review/", width=width)
    row = page.locator("#overrides > ul > li", has_text=order_id)
    expect(row).to_contain_text("The client closes its account today.")
    expect(row).to_contain_text("is on the list stop-")
    assert _faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"override-grant-{width}")
    row.get_by_role("textbox").fill("Instruction seen.")
    page.wait_for_timeout(4500)  # the list is renewed meanwhile
    expect(row.get_by_role("textbox")).to_have_value("Instruction seen.")
    row.get_by_role("button", name="Grant: it passes once").click()
    expect(row).to_have_count(0)

    trader.reload()
    expect(part).to_contain_text("Override granted")
    expect(part).to_contain_text("it passes once")
    passed = submit(account_id=ACCOUNT, instrument_id=HANGS)
    again = submit(account_id=ACCOUNT, instrument_id=HANGS)
    page.goto(f"{page.url.split('/review')[0]}/desk/orders/{passed}/")
    expect(page.locator("[data-part=controls]")).to_contain_text("overridden")
    expect(page.locator("header .sub").first).not_to_contain_text("rejected")
    picture(page, f"override-used-{width}")
    page.goto(f"{page.url.split('/desk')[0]}/desk/orders/{again}/")
    expect(page.locator("header .sub").first).to_contain_text("rejected")


@pytest.mark.parametrize("width", [1440, 1024])
def test_what_a_watch_list_names_is_shown_to_compliance_alone(
    window: Opener, submit: Submit, watched: None, width: int
) -> None:
    order_id = submit(account_id=OTHER, instrument_id=HANGS)
    page = log_in(window, "alpha_compliance", "/review/", width=width)
    row = page.locator("#watched li", has_text=order_id)
    expect(row).to_contain_text("watched by quiet-")
    assert _faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"watched-{width}")
    row.get_by_role("link").click()
    expect(page.locator("[data-part=controls]")).to_contain_text("watched by quiet-")
    trader = log_in(window, "alpha_trader", f"/desk/orders/{order_id}/", width=width)
    expect(trader.locator("[data-part=controls]")).to_contain_text("passed")
    assert "quiet-" not in trader.content()
