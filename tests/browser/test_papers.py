"""The papers of a day on the operations page: one click each, the same bytes every time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.conftest import FILLS, Opener
from tests.browser.test_accessible import _faults
from tests.product import Product, until

Submit = Callable[..., str]
PICTURES = os.environ.get("OMS_PICTURES")


def fetched(papers: Locator, link: str) -> tuple[str, bytes]:
    """What a click downloads: its name and its bytes."""
    with papers.page.expect_download() as waiting:
        papers.get_by_role("link", name=link, exact=True).click()
    found = waiting.value
    return found.suggested_filename, Path(found.path()).read_bytes()


def test_one_click_gives_the_confirm_file_of_the_stored_day(
    window: Opener, submit: Submit, product: Product
) -> None:
    submit(instrument_id=FILLS, account_id="alpha-002")
    with product.client("alpha_ops") as http:
        until(
            lambda: http.get("/v1/ops/confirm/file/").status_code == 200,
            what="the first confirmation",
        )
    screen = window("alpha_ops")
    page = screen.open("/ops/")
    expect(page.locator("#connection")).to_have_text("Live")
    papers = page.get_by_role("region", name="Papers of a day")
    expect(papers).to_be_visible()
    day = papers.get_by_role("rowheader").first.inner_text()
    for link, name in (
        (f"Confirm file of {day}", f"confirms-{day}.csv"),
        (f"Confirmations of {day} as PDF", f"confirms-{day}.pdf"),
        (f"Trade report of {day}", f"trades-{day}.csv"),
        (f"Trades of {day} as PDF", f"trades-{day}.pdf"),
    ):
        first = fetched(papers, link)
        assert first[0] == name
        assert first == fetched(papers, link)
    # By keyboard alone, from the top of the page.
    page.locator(".title").get_by_role("link", name=f"Confirm file of {day}").focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == f"confirms-{day}.csv"
    assert _faults(page) == []
    for wide in (1440, 1024):
        page.set_viewport_size({"width": wide, "height": 900})
        box = papers.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= wide
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"papers-{wide}.png", full_page=True)
