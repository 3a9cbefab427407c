"""Twice the rate for ten seconds, and then no more: at the running product, by its own headers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.journeys.stage import GUIDE_ORDER
from tests.product import Product

BULK = "/v1/trading/order/bulk/"
PER_SECOND, PER_MINUTE, BURST = 100, 1_000, 1_000
SIZE = 50
# Four bulks a second are 200 orders; a little more between them, as no clock is exact.
BETWEEN_S = 0.252
_ISSUE = """
from oms_site.firm import api_keys
from oms_site.firm.models import User
print(api_keys.issue(User.objects.get(username="alpha_trader"))[1])
"""


@pytest.fixture
def token(product: Product) -> str:
    """A new key: it has the standard tier."""
    return product.manage("shell", "-c", _ISSUE).stdout.split()[-1]


@dataclass
class Told:
    """What the product answered to one client who keeps to twice the rate."""

    admitted: int = 0
    by_second: Counter[int] = field(default_factory=Counter)
    before_it_was_used_up: int = 0
    last: Any = None


def seconds(answer: httpx.Response) -> int:
    """When the product says that it answered."""
    return int(parsedate_to_datetime(answer.headers["Date"]).timestamp())


def _bulks(product: Product, token: str) -> Iterator[httpx.Response]:
    order = {**GUIDE_ORDER, "bypass_auto_execution": True}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=product.url, headers=headers, timeout=30) as http:
        while True:
            began = time.monotonic()
            yield http.post(BULK, json={"orders": [order] * SIZE})
            time.sleep(max(BETWEEN_S - (time.monotonic() - began), 0))


def test_a_burst_lasts_until_it_is_used_up_and_the_next_order_is_limited(
    product: Product, token: str
) -> None:
    told = Told()
    for answer in _bulks(product, token):
        assert answer.headers["X-RateLimit-Limit"] in ("100", "1000")
        if answer.status_code == 429:
            assert answer.json()["code"] == "rate_limited"
            # A bulk that a busy machine sent too early comes again within the second.
            if int(answer.headers["Retry-After"]) <= 2:
                continue
            told.last = answer
            break
        assert answer.status_code == 200, answer.text
        told.admitted += SIZE
        told.by_second[seconds(answer)] += SIZE
        if int(answer.headers["X-RateLimit-Remaining"]) == 0:
            told.before_it_was_used_up += SIZE
        assert told.admitted <= PER_MINUTE + BURST
    # More than the minute's number: the burst. How much of it was used is a matter of how fast this
    # machine sends; to the last order it is counted under a clock of its own (`test_windows`).
    assert told.admitted > PER_MINUTE
    assert told.last.headers["X-RateLimit-Remaining"] == "0"
    # It was the burst that let them in: more than the rate came within seconds of the product's.
    assert max(told.by_second.values()) > PER_SECOND
    assert told.before_it_was_used_up > 0
    # Nobody else is limited by it, and its cancels go on.
    with product.client() as other:
        assert other.post("/v1/trading/order/", json=GUIDE_ORDER).status_code == 201
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=product.url, headers=headers, timeout=30) as http:
        assert http.delete("/v1/trading/order/mo_nothing/").status_code == 404
        again = http.post("/v1/trading/order/", json=GUIDE_ORDER)
        assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
