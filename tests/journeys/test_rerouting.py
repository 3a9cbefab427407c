"""A resting order follows the market from one venue to another, in a running product."""

from __future__ import annotations

import uuid
from typing import Any

from tests.journeys.test_price_stream import tell
from tests.product import Product, until

BOND = "912810TL2"


def test_what_rests_at_one_venue_trades_at_another_once_it_is_cheaper_there(
    product: Product,
) -> None:
    with product.client() as client:

        def get(path: str) -> Any:
            return client.get(f"/v1/trading/{path}").json()

        market = until(lambda: (m := get(f"market/{BOND}/"))["state"] == "live" and m)
        body = {
            "client_order_id": f"moves-{uuid.uuid4()}",
            "account_id": "alpha-002",
            "instrument_id": BOND,
            "amount": {"par": 10_000},
            "type": "limit",
            "side": "buy",
            "limit_price": market["bid"]["price"],
        }
        made = client.post("/v1/trading/order/", json=body)
        assert made.status_code == 201, made.text
        order = f"order/{made.json()['id']}/"
        (first,) = until(lambda: get(f"{order}routing/")["decisions"], what="the routing")
        ((here,),) = [[part["venue_id"] for part in first["slices"]]]
        there = {"SIMA": "SIMB", "SIMB": "SIMA"}[here]
        tell(product, cmd="move", session=there, security_id=BOND, ticks=-8)
        try:
            until(lambda: get(order)["status"] == "filled", seconds=60, what="the fill elsewhere")
        finally:
            tell(product, cmd="move", session=there, security_id=BOND, ticks=8)
        decisions = get(f"{order}routing/")["decisions"]
        assert [one["kind"] for one in decisions] == ["route", "reroute"]
        assert [part["venue_id"] for part in decisions[1]["slices"]] == [there]
        events = client.get(f"/v1/trading/event/?order_id={made.json()['id']}").json()["events"]
        kinds = [one["event"]["event_type"] for one in events]
        assert kinds.count("execution_order_reroute") == 1
        fills = [one["event"] for one in events if one["event"]["event_type"] == "execution"]
        assert {fill["venue"] for fill in fills} == {there}
