"""`manage.py demo`: a trading day in two minutes, through the API of a running sandbox."""

from __future__ import annotations

import time
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

ACCOUNT = "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4"


class Command(BaseCommand):
    """Plays trader and compliance, and says what happens as it happens."""

    help = "Send a scripted trading day through a running sandbox and narrate it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=f"http://127.0.0.1:{settings.WEB_PORT}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            Day(options["url"]).play()
        except httpx.TransportError as error:
            raise CommandError(
                f"nothing answers at {options['url']} ({error}); start it with `make run`"
            ) from error


class Day:
    """One scripted day."""

    def __init__(self, url: str) -> None:
        self.say = Console().print
        self.people = {
            name: httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer oems_test_{name}"}, timeout=30
            )
            for name in ("alpha_trader", "alpha_compliance")
        }

    def play(self) -> None:
        """All scenes, in order."""
        self.small_order_works_itself()
        self.block_trade_is_split()
        self.flagged_order_is_released()
        self.restricted_bond_is_refused()
        self.cancel_loses_to_a_fill()
        self.phone_trade_is_reported()
        self.say(
            "\n[bold]The day is over.[/] See it at /desk/, or replay it from the order stream."
        )

    def small_order_works_itself(self) -> None:
        """Rules send it, the venue fills it, the custodian books it."""
        self._scene("A small order works itself")
        order = self._submit(instrument_id="037833DP2", amount={"par": 3000}, limit_price=99.5)
        self._until(order, "filled")

    def block_trade_is_split(self) -> None:
        """One order for three accounts, each share booked at its custodian."""
        self._scene("A block for three accounts")
        shares = (("alpha-002", 5000), ("alpha-003", 3000), ("alpha-004", 2000))
        order = self._submit(
            instrument_id="00033GAB1",
            amount={"par": 10000},
            type="market",
            limit_price=None,
            account_id=None,
            allocations={
                "strategy": "pro_rata_with_averaging",
                "account_allocations": [
                    {"account_id": account, "requested_amount": {"par": par}}
                    for account, par in shares
                ],
            },
        )
        order = self._until(order, "filled")
        path = f"/v1/trading/allocation/{order['allocation_id']}/"
        booked = self._wait(lambda: self._get(path), lambda a: a["status"] == "approved")
        self.say(f"  allocation {booked['status']}: each account's share is booked")

    def flagged_order_is_released(self) -> None:
        """Too far from the market: a second pair of eyes decides."""
        self._scene("An order 7 % off the market needs a second pair of eyes")
        order = self._submit(instrument_id="037833DP2", amount={"par": 3000}, limit_price=92)
        answer = self.people["alpha_compliance"].post(
            f"/v1/trading/order/{order['id']}/approve/", json={"annotation": "client insists"}
        )
        self.say(
            f"  compliance approves ({answer.status_code}): {answer.json()['order']['status']}"
        )
        self.people["alpha_trader"].delete(f"/v1/trading/order/{order['id']}/")
        self._until(order, "canceled")

    def restricted_bond_is_refused(self) -> None:
        """The gate says no, and why."""
        self._scene("A restricted bond")
        order = self._submit(instrument_id="38143C3G4", amount={"par": 5000}, limit_price=100.5)
        self.say(f"  {order['rejection']['code']}: {order['rejection']['reason']}")

    def cancel_loses_to_a_fill(self) -> None:
        """The venue fills while the cancel is on its way: the fill counts."""
        self._scene("A cancel that comes too late")
        order = self._submit(instrument_id="037833DP2", amount={"par": 4000}, limit_price=96.03)
        self._wait(lambda: self._order(order), lambda o: bool(o["execution_orders"]))
        time.sleep(0.5)
        self.people["alpha_trader"].delete(f"/v1/trading/order/{order['id']}/")
        self._until(order, "filled")

    def phone_trade_is_reported(self) -> None:
        """Traded on the phone, reported here, booked like any other."""
        self._scene("A trade made on the phone")
        order = self._submit(
            instrument_id="037833DP2",
            amount={"par": 2000},
            limit_price=99.5,
            bypass_auto_execution=True,
        )
        base = f"/v1/trading/order/{order['id']}/execution-order"
        trader = self.people["alpha_trader"]
        made = trader.post(f"{base}/external/", json={"amount": {"par": 2000}}).json()
        trader.post(
            f"{base}/{made['id']}/external/trade-report/",
            json={"amount": {"par": 2000}, "price": 99.25, "counterparty_id": "DLRX"},
        ).raise_for_status()
        self._until(order, "filled")

    def _scene(self, title: str) -> None:
        self.say(f"\n[bold]{title}[/]")

    def _submit(self, **terms: Any) -> dict[str, Any]:
        body = {"account_id": ACCOUNT, "type": "limit", "side": "buy", **terms}
        answer = self.people["alpha_trader"].post(
            "/v1/trading/order/", json={k: v for k, v in body.items() if v is not None}
        )
        if answer.status_code >= 300:
            raise CommandError(f"refused: {answer.text}")
        order: dict[str, Any] = answer.json()
        par = order["amount"]["value"]
        self.say(
            f"  {order['id']} {order['side']} {par:,} {order['description']}: {order['status']}"
        )
        return order

    def _until(self, order: dict[str, Any], status: str) -> dict[str, Any]:
        found = self._wait(lambda: self._order(order), lambda o: o["status"] == status)
        average = found["filled_avg_price"]
        price = f" at {average['pop']} ({average['ytm']} %)" if average else ""
        self.say(f"  {found['status']}{price}")
        return found

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        return self._get(f"/v1/trading/order/{order['id']}/")

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.people["alpha_trader"].get(path).json()
        return found

    def _wait(self, look: Any, done: Any, *, seconds: float = 20) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = look()
            if done(found):
                return found
            if time.monotonic() > end:
                raise CommandError(f"waited in vain; it is {found.get('status')}")
            time.sleep(0.1)
