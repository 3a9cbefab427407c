"""A word without blanks, as long as anybody may write it, widens no page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.product import Product

WORD = "W" * 480
PATH = "/v1/kill-switch/"
_WIDTHS = """() => [document.documentElement.scrollWidth, innerWidth,
  ...[...document.querySelectorAll(".card, .facts-column")]
    .map((box) => box.scrollWidth - box.clientWidth)]"""


@pytest.fixture
def halted(product: Product) -> Iterator[str]:
    """An account that is halted, and asked to be released, for a very long word."""
    asked: dict[str, Any] = {"scope": "account", "target": "ALPHA-007", "confirm": "ALPHA-007"}
    with product.client("alpha_compliance") as one, product.client("alpha_compliance2") as two:
        made = one.post(PATH, json={**asked, "reason": WORD, "cancel_orders": False})
        assert made.status_code == 201, made.text
        path = f"{PATH}{made.json()['id']}/"
        assert one.post(f"{path}request-release/", json={"reason": WORD}).status_code == 202
        yield made.json()["name"]
        assert two.post(f"{path}release/", json={}).status_code == 200


@pytest.mark.parametrize("width", [1440, 1024])
def test_a_halts_reason_widens_no_page(window: Opener, halted: str, width: int) -> None:
    screen = window("alpha_compliance", width=width)
    for path in ("/desk/", "/review/", "/kill/", "/controls/"):
        page = screen.open(path)
        expect(page.locator("#halted")).to_contain_text(halted)
        wide, seen, *over = page.evaluate(_WIDTHS)
        assert wide <= seen, path
        assert all(more <= 0 for more in over), path
