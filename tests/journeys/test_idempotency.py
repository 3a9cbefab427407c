"""The same request many times at the same moment is one request."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.journeys.stage import GUIDE_ORDER, fresh, on_stage
from tests.product import Product

MANY = 50


def _at_once(product: Product, path: str, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        headers = {"Authorization": "Bearer oems_test_alpha_trader"}
        limits = httpx.Limits(max_connections=len(bodies))
        async with httpx.AsyncClient(
            base_url=product.url, headers=headers, timeout=30, limits=limits
        ) as client:
            return list(await asyncio.gather(*(client.post(path, json=body) for body in bodies)))

    return asyncio.run(send())


def test_fifty_identical_orders_at_once_are_one_order(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        body = {**GUIDE_ORDER, "client_order_id": fresh("fifty")}
        answers = _at_once(product, "/v1/trading/order/", [body] * MANY)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * (MANY - 1) + [201]
        (order_id,) = {answer.json()["id"] for answer in answers}
        for answer in answers:
            replayed = answer.headers.get("idempotent-replayed") == "true"
            assert replayed == (answer.status_code == 200)
        _, page = desk("GET", f"trading/order/?client_order_id={body['client_order_id']}")
        assert [order["id"] for order in page["orders"]] == [order_id]
        stream.wait(order_id, "execution")
        stream.catch_up(desk)
        assert [word for _, word in stream.words(order_id)] == [
            "request",
            "approve",
            "execution_order_create",
            "execution",
        ]


def test_the_same_id_with_fifty_contents_is_the_one_that_came_first(product: Product) -> None:
    with on_stage(product) as (desk, _):
        name = fresh("contents")
        bodies = [
            {
                **GUIDE_ORDER,
                "client_order_id": name,
                "amount": {"par": 1000 * n},
                "bypass_auto_execution": True,
            }
            for n in range(1, MANY + 1)
        ]
        answers = _at_once(product, "/v1/trading/order/", bodies)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] + [409] * (MANY - 1)
        _, page = desk("GET", f"trading/order/?client_order_id={name}")
        (order,) = page["orders"]
        (created,) = [answer.json() for answer in answers if answer.status_code == 201]
        assert created["id"] == order["id"]
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {
            "idempotency_conflict"
        }


def test_an_execution_orders_id_used_twice_is_refused_and_stops_no_other(
    product: Product,
) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "smart_order_routing",
        "quantity": {"par": 3000},
        "client_execution_order_id": fresh("eo"),
    }
    with on_stage(product) as (desk, stream):
        first = desk.submit(execution_instructions=[instruction])
        body = {**GUIDE_ORDER, "execution_instructions": [instruction]}
        status, refused = desk("POST", "trading/order/", body)
        assert (status, refused["code"]) == (409, "idempotency_conflict")
        field = "execution_instructions[0].client_execution_order_id"
        assert refused["error_details"][0]["field"] == field
        second = desk.submit()
        for order in (first, second):
            stream.wait(order["id"], "execution")


def test_an_allocations_id_is_used_once(product: Product) -> None:
    part = {"account_id": "alpha-010", "requested_amount": {"par": 3000}}
    body = {
        **GUIDE_ORDER,
        "account_id": "",
        "bypass_auto_execution": True,
        "allocations": {
            "strategy": "fifo_without_averaging",
            "client_allocation_id": fresh("al"),
            "account_allocations": [part],
        },
    }
    with on_stage(product) as (desk, _):
        assert desk("POST", "trading/order/", body)[0] == 201
        status, refused = desk("POST", "trading/order/", body)
        assert (status, refused["code"]) == (409, "idempotency_conflict")
        assert refused["error_details"][0]["field"] == "allocations.client_allocation_id"
        answers = _at_once(
            product,
            "/v1/trading/order/",
            [{**body, "client_order_id": fresh()}, *[{**GUIDE_ORDER}] * 9],
        )
        assert sorted(answer.status_code for answer in answers) == [201] * 9 + [409]


def test_identical_execution_orders_at_once_are_one(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(bypass_auto_execution=True)
        path = f"/v1/trading/order/{order['id']}/execution-order/lob/sor/"
        body = {"quantity": {"par": 1000}, "client_execution_order_id": fresh("eo")}
        answers = _at_once(product, path, [body] * 20)
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
        assert len({answer.json()["id"] for answer in answers}) == 1
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        words = [word for _, word in stream.words(order["id"])]
        assert words.count("execution_order_create") == words.count("execution") == 1


def test_identical_trade_reports_at_once_are_one_trade(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(bypass_auto_execution=True)
        row = desk.execute(order["id"], "external", quantity={"par": 3000})
        path = f"/v1/trading/order/{order['id']}/execution-order/{row['id']}/external/trade-report/"
        body = {
            "amount": {"par": 1000},
            "price": 99,
            "client_external_trade_report_id": fresh("xtr"),
        }
        answers = _at_once(product, path, [body] * 20)
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
        assert len({a.json()["execution"]["execution_id"] for a in answers}) == 1
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        words = [word for _, word in stream.words(order["id"])]
        assert words.count("execution") == 1
        assert desk.order(order["id"])["filled_amount"]["par"] == 1000
