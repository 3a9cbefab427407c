"""A strict browser: errors, violations of the policy and foreign requests fail a test."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.product import Product

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALPHA_ACCOUNT = "alpha-002"
HANGS, FILLS = "912810RY6", "912810SX7"  # what the simulated venue does with orders in them
_WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser per file: its loop must be gone before other tests use the database."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        one.close()


@dataclass
class Screen:
    """A logged-in browser window and everything it complained about."""

    page: Page
    context: BrowserContext
    product: Product
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to an address of the product."""
        self.page.goto(self.product.url + path)
        return self.page

    def log_in(self, user: str) -> Page:
        """Log in as a sandbox user and wait for the live desk."""
        page = self.open("/login/")
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password").fill("sandbox")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator("#notice-text")).to_contain_text("Up to date")
        # A key that comes before what it presses can be pressed is not heard.
        for act in page.locator("#act-new").all():
            expect(act).to_be_enabled()
        return page

    def row(self, order_id: str) -> Any:
        """The blotter's row of an order."""
        return self.page.locator(".slick-row", has=self.page.locator(f"[id='o-{order_id}']"))

    def verdict(self) -> list[str]:
        """Every complaint that the test did not expect."""
        for page in self.context.pages:
            if not page.is_closed():
                self.complaints += page.evaluate("window.__violations || []")
        return [c for c in self.complaints if not any(re.search(e, c) for e in self.expected)]


Opener = Callable[..., Screen]


@pytest.fixture
def window(browser: Browser, product: Product) -> Iterator[Opener]:
    """Opens browser windows: `window("alpha_trader", theme="light", width=1280)`."""
    opened: list[Screen] = []

    def make(user: str = "", *, theme: str = "dark", width: int = 1680, **more: Any) -> Screen:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **more
        )
        context.add_init_script(_WATCH)
        screen = Screen(context.new_page(), context, product)
        context.on("console", lambda m: _hear(screen, m.type, m.text))
        context.on("weberror", lambda e: screen.complaints.append(f"page error {e.error}"))
        context.on("request", lambda r: _see(screen, r.url))
        opened.append(screen)
        if user:
            screen.log_in(user)
        return screen

    yield make
    complaints = [complaint for screen in opened for complaint in screen.verdict()]
    for screen in opened:
        screen.context.close()
    assert complaints == []


def _hear(screen: Screen, kind: str, text: str) -> None:
    if kind == "error":
        screen.complaints.append(f"console {text}")


def _see(screen: Screen, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
        screen.complaints.append(f"foreign request {url}")


@pytest.fixture
def submit(product: Product) -> Callable[..., str]:
    """Submits an order over the API and returns its id."""

    def send(user: str = "alpha_trader", **changes: Any) -> str:
        body = {
            "client_order_id": f"browser-{uuid.uuid4()}",
            "account_id": ALPHA_ACCOUNT,
            "instrument_id": HANGS,
            "amount": {"par": 100_000},
            "type": "limit",
            "side": "buy",
            "limit_price": 101,
            **changes,
        }
        with product.client(user) as client:
            answer = client.post("/v1/trading/order/", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return send
