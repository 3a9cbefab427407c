"""Orders that go on working by themselves: schedules, lists whose orders wait, and icebergs.

Sent over HTTP by clients that never give up, until they are told that it is enough. While as many
are under way as a slow machine works off in good time, no more are sent.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from tests.crash import books
from tests.crash.load import post_until_taken
from tests.product import Product

ORDERS, LISTS = "/v1/trading/order/", "/v1/trading/order-list/"
TRADER, ACCOUNT = "alpha_trader", "alpha-002"
# What trades at once, and what rests at the bid until a stranger comes.
TRADED, RESTED = "037833DP2", "912810TL2"
KINDS = ("schedule", "bracket", "oto", "oco", "iceberg")
LASTS = timedelta(seconds=30)
MOST_UNDER_WAY = 60
# Icebergs rest until a stranger comes; what a schedule leaves rests with the trader.
_UNDER_WAY = """
SELECT count(*) FROM orders_order o WHERE status NOT IN
('filled', 'canceled', 'rejected', 'expired') AND display_qty IS NULL AND NOT EXISTS (
    SELECT 1 FROM orders_schedule s WHERE s.order_id = o.id AND s.status = 'finished')
"""


def plain(**changes: Any) -> dict[str, Any]:
    """A buy that the books fill at once, some fields changed and None removing one."""
    body = {
        "account_id": ACCOUNT,
        "instrument_id": TRADED,
        "amount": {"par": 6000},
        "type": "limit",
        "side": "buy",
        "limit_price": 99.5,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def sold(**changes: Any) -> dict[str, Any]:
    """A sell that the books fill at once."""
    return plain(side="sell", limit_price=99.1, **changes)


STOP = plain(side="sell", type="stop", stop_price=95, limit_price=None)
LIST_ORDERS = {
    "bracket": [plain(), sold(), STOP],
    "oto": [plain(), sold()],
    "oco": [sold(), STOP],
}


@dataclass
class Worked:
    """What was sent and what was answered; `now` is the product's clock, `bid` where some rest."""

    product: Product
    bid: float
    ahead: timedelta
    per_second: float = 5.0
    clients: int = 4
    acknowledged: dict[str, str] = field(default_factory=dict)
    retried: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Send until it is enough; every one of them is acknowledged or refused for good."""
        stranger = threading.Thread(target=self._trade)
        stranger.start()
        with ThreadPoolExecutor(self.clients) as pool:
            for done in [pool.submit(self._client) for _ in range(self.clients)]:
                done.result()
        stranger.join()

    def request_of(self, number: int) -> tuple[str, str, dict[str, Any]]:
        """Client id, address and body of a number."""
        kind = KINDS[number % len(KINDS)]
        name = f"{kind}-{number}"
        if kind in LIST_ORDERS:
            body = {"contingency_type": kind, "orders": LIST_ORDERS[kind]}
            return name, LISTS, {**body, "client_order_list_id": name}
        if kind == "iceberg":
            rest = {"instrument_id": RESTED, "limit_price": self.bid, "amount": {"par": 20_000}}
            body = plain(**rest, display_qty=5000)
            way = {"strategy": "manual", "venue_id": "SIMA", "quantity": {"par": 20_000}}
        else:
            body = plain()
            end = datetime.now().astimezone() + self.ahead + LASTS
            terms = {"end_time": end.isoformat(), "slices": 6, "max_slice": 6000}
            way = {"strategy": "twap", "quantity": {"par": 6000}, "parameters": terms}
        ways = [{"protocol": "limit_order_book", **way}]
        return name, ORDERS, {**body, "client_order_id": name, "execution_instructions": ways}

    def _client(self) -> None:
        pause = self.clients / self.per_second
        with self.product.client(TRADER) as http:
            while not self.enough.is_set():
                with self._lock:
                    number, self._next = self._next, self._next + 1
                while not self.enough.is_set() and self._is_full():
                    self.enough.wait(0.5)
                began = time.monotonic()
                name, path, body = self.request_of(number)
                post_until_taken(http, path, body, name, self, wait=self.enough.wait)
                self.enough.wait(max(pause - (time.monotonic() - began), 0))

    def _is_full(self) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(books.rows(self.product, _UNDER_WAY)[0][0] >= MOST_UNDER_WAY)
        return False

    def _trade(self) -> None:
        """A stranger who sells a little to what rests, now and then."""
        while not self.enough.wait(1):
            with suppress(OSError, ValueError):
                self.sweep(3000)

    def sweep(self, qty: int) -> None:
        """A stranger sells so much at the bid. Raises OSError while the venue is away."""
        port = json.loads((self.product.outside / "ports.json").read_text())["admin"]
        told = {"cmd": "sweep", "session": "SIMA", "security_id": RESTED, "side": "2"}
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            command = {**told, "qty": str(qty), "px": str(self.bid)}
            line.sendall(json.dumps(command).encode() + b"\n")
            line.makefile().readline()
