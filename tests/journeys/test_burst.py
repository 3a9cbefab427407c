"""Twice the rate until the burst is used up, and then no more: at the running product.

At whatever speed the machine goes: the next step is taken a second after the last was answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.journeys.stage import GUIDE_ORDER
from tests.product import Product

BULK = "/v1/trading/order/bulk/"
PER_SECOND, PER_MINUTE, BURST_PER_SECOND, BURST = 100, 1_000, 100, 1_000
# All that a second lets in: the rate, and as much of the burst.
SIZE = PER_SECOND + BURST_PER_SECOND
# From its answer to the next one; the second in which it was counted is over by then.
BETWEEN_S = 1.1
_ISSUE = """
from oms_site.firm import api_keys
from oms_site.firm.models import User
print(api_keys.issue(User.objects.get(username="alpha_trader"))[1])
"""


@pytest.fixture
def token(product: Product) -> str:
    """A new key: it has the standard tier."""
    return product.manage("shell", "-c", _ISSUE).stdout.split()[-1]


def _bulks(http: httpx.Client) -> Iterator[httpx.Response]:
    """Orders are counted before they are read: empty ones are answered within the second."""
    while True:
        yield http.post(BULK, json={"orders": [{}] * SIZE})
        time.sleep(BETWEEN_S)


def test_a_burst_lasts_until_it_is_used_up_and_the_next_order_is_limited(
    product: Product, token: str
) -> None:
    admitted, slowest_s = 0, 0.0
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=product.url, headers=headers, timeout=30) as http:
        for answer in _bulks(http):
            assert answer.headers["X-RateLimit-Limit"] in ("100", "1000")
            assert answer.headers["X-RateLimit-Remaining"] == "0"
            if answer.status_code == 429:
                break
            assert answer.status_code == 207, answer.text
            admitted += SIZE
            slowest_s = max(slowest_s, answer.elapsed.total_seconds())
            assert admitted <= PER_MINUTE + BURST
        assert answer.json()["code"] == "rate_limited"
        # Its cancels go on.
        assert http.delete("/v1/trading/order/mo_nothing/").status_code == 404
    # Where a second went by within one bulk, its first order was counted in another second than the
    # others: one order of the burst stays unused, and the last bulk finds one too few.
    least = PER_MINUTE + BURST - (SIZE if slowest_s >= 1 else 0)
    assert admitted in (least, PER_MINUTE + BURST)
    # Nobody else is limited by it.
    with product.client() as other:
        assert other.post("/v1/trading/order/", json=GUIDE_ORDER).status_code == 201
