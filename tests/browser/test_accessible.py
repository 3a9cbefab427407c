"""axe finds nothing serious on any screen, in both themes; and every theme is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
RUN = """async () => {
  const told = (node) => `${node.target.join(" ")} ${(node.any[0] || node.all[0] || {}).message}`;
  const rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
  const { violations } = await axe.run(document, { runOnly: rules });
  return violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map(told).join(" | ")}`);
}"""


def _faults(page: Page) -> list[str]:
    # Evaluated over the debugging protocol: the page's own policy stays as it is.
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RUN)
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_screen_has_a_serious_fault(
    window: Opener, submit: Callable[..., str], theme: str
) -> None:
    order_id = submit(limit_price=107)
    submit(bypass_auto_execution=True)
    screen = window(theme=theme)
    page = screen.open("/login/")
    assert _faults(page) == []
    page = screen.log_in("alpha_compliance")
    screen.row(order_id).click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert _faults(page) == []
    page = screen.open(f"/desk/orders/{order_id}/")
    expect(page.locator("#connection")).to_have_text("Live")
    assert _faults(page) == []
    page = screen.open(f"/desk/orders/{order_id}/?tab=raw")
    assert _faults(page) == []
    screen.expected.append("404")
    page = screen.open("/desk/orders/none/")
    assert _faults(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_dialog_has_a_serious_fault(
    window: Opener, submit: Callable[..., str], theme: str
) -> None:
    order_id = submit(bypass_auto_execution=True)
    screen = window("alpha_trader", theme=theme)
    page = screen.page
    screen.row(order_id).click()
    expect(page.locator("#panel .order")).to_be_visible()
    for key in ("n", "e", "x", "?"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert (key, _faults(page)) == (key, [])
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_that_was_chosen_is_remembered(window: Opener) -> None:
    screen = window("alpha_trader")
    screen.page.get_by_role("button", name="Switch between dark and light").click()
    expect(screen.page.locator("html")).to_have_attribute("data-theme", "light")
    screen.page.reload()
    expect(screen.page.locator("html")).to_have_attribute("data-theme", "light")
