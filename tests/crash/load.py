"""Clients that never give up: each order is sent with the same id until somebody has taken it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tests.product import Product

PATH = "/v1/trading/order/"
WORKED = {
    "account_id": "alpha-002",
    "instrument_id": "037833DP2",
    "amount": {"par": 3000},
    "type": "limit",
    "side": "buy",
    "limit_price": 99.5,
}
PARTS = [
    {"account_id": account, "requested_amount": {"par": 1500}}
    for account in ("alpha-003", "alpha-004")
]
# What is sent, in turn: filled at once, after a second, by reports that come twice; a block;
# one that only its client moves.
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"instrument_id": "912810SX7", "limit_price": 101},
    {"limit_price": 98.06},
    {
        "account_id": "",
        "amount": {"par": 3000},
        "allocations": {"strategy": "pro_rata_with_averaging", "account_allocations": PARTS},
    },
    {"instrument_id": "912810SX7", "limit_price": 101, "side": "sell", "amount": {"par": 500}},
    {"bypass_auto_execution": True},
)


def body_of(number: int) -> dict[str, Any]:
    """The order request of a number; its client id is the number's."""
    body = {**WORKED, **KINDS[number % len(KINDS)], "client_order_id": f"crash-{number}"}
    if body.get("side") == "sell":
        body["limit_price"] = 100
    return body


class Tally(Protocol):
    """What was answered: ids by the client's id, who had to try again, what is refused for good."""

    acknowledged: dict[str, str]
    retried: set[str]
    refused: list[str]


def post_until_taken(
    http: httpx.Client,
    path: str,
    body: dict[str, Any],
    name: str,
    tally: Tally,
    *,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Send the same request until somebody has taken it; refused is what no one took in 90 s."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            answer = http.post(path, json=body, timeout=10)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code in (200, 201):
            tally.acknowledged[name] = answer.json()["id"]
            return
        if answer is not None and answer.status_code < 500:
            tally.refused.append(f"{name}: {answer.status_code} {answer.text}")
            return
        tally.retried.add(name)
        wait(0.1)
    tally.refused.append(f"{name}: not taken in 90 s")


@dataclass
class Load:
    """Orders sent over HTTP by a few clients, `per_second` in all, and what was answered."""

    product: Product
    count: int
    per_second: float
    clients: int = 12
    acknowledged: dict[str, str] = field(default_factory=dict)  # order id by client id
    retried: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _numbers: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Send all of them; returns when every one is acknowledged or refused for good."""
        self._numbers = iter(range(self.count))
        with ThreadPoolExecutor(self.clients) as pool:
            for done in [pool.submit(self._client) for _ in range(self.clients)]:
                done.result()

    def _client(self) -> None:
        pause = self.clients / self.per_second
        with self.product.client() as http:
            while True:
                with self._lock:
                    number = next(self._numbers, None)
                if number is None:
                    return
                began = time.monotonic()
                body = body_of(number)
                post_until_taken(http, PATH, body, body["client_order_id"], self)
                time.sleep(max(pause - (time.monotonic() - began), 0))
