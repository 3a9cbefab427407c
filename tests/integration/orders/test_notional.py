"""Orders given in money: what they come to is kept to the cent, and only where a policy lets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from oms_site.firm import generation
from orders.models import NotionalPart, Order
from tests import policies, trading
from tests.client import Api
from tests.integration.holdings.test_treasury import differences

Apis = Callable[[str], Api]
D = Decimal
MONEY = {"type": "notional", "value": 10_000}


@pytest.fixture(autouse=True)
def _full(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox)
    generation.check()


def parts(order_id: str) -> list[tuple[Any, ...]]:
    rows = NotionalPart.objects.filter(order_id=order_id).order_by("position")
    return list(rows.values_list("account_id", "notional", "qty", "principal", "residual"))


def test_money_becomes_whole_increments_and_the_rest_is_kept(api: Apis) -> None:
    status, order = api("alpha_trader").submit(
        account_id="alpha-002", amount=MONEY, limit_price=99.5
    )
    assert status == 201, order
    # 10,000 / 0.995 = 10,050.25; in thousands 10,000, which cost 9,950.00 and leave 50.00.
    assert order["amount"] == {"type": "par", "value": 10_000, "par": 10_000}
    assert parts(order["id"]) == [("alpha-002", D("10000.00"), D(10_000), D("9950.00"), D("50.00"))]
    _, found = api("alpha_trader").get(f"/v1/trading/order/{order['id']}/")
    money = found["money"]
    assert (money["amount"], money["principal"], money["residual"]) == (10_000, 9950, 50)
    assert (money["price"], money["price_source"]) == (99.5, "limit")
    assert differences() == []


def test_without_a_limit_the_market_says_at_which_price(api: Apis) -> None:
    status, order = api("alpha_trader").submit(
        account_id="alpha-002", amount=MONEY, type="market", limit_price=None
    )
    assert status == 201, order
    (row,) = NotionalPart.objects.filter(order_id=order["id"])
    assert row.price_source != "limit"
    assert row.price_at is not None
    assert row.principal == (row.qty * row.price / 100).quantize(D("0.01"))


def test_each_account_of_a_block_gets_what_its_money_buys(api: Apis) -> None:
    status, order = api("alpha_trader").submit(
        account_id=None,
        amount={"notional": 10_000},
        allocations={
            "strategy": "pro_rata_with_averaging",
            "account_allocations": [
                {"account_id": "alpha-002", "requested_amount": {"notional": 7500}},
                {"account_id": "alpha-003", "requested_amount": {"notional": 2500}},
            ],
        },
        execution_instructions=[
            {"protocol": "limit_order_book", "amount": {"notional": 10_000}},
        ],
    )
    assert status == 201, order
    assert [row[2:] for row in parts(order["id"])] == [
        (D(7000), D("6965.00"), D("535.00")),
        (D(2000), D("1990.00"), D("510.00")),
    ]
    assert order["amount"]["value"] == 9000
    assert order["execution_instructions"][0]["quantity"]["value"] == 9000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": {"notional": 900}}, "notional_too_small"),
        ({"amount": {"notional": "10000.001"}}, "too_many_places"),
        (
            {
                "account_id": None,
                "amount": MONEY,
                "allocations": {
                    "strategy": "flat",
                    "account_allocations": [
                        {"account_id": "alpha-002", "requested_amount": {"notional": 9999}}
                    ],
                },
            },
            "allocation_sum_mismatch",
        ),
    ],
)
def test_what_cannot_be_turned_into_a_quantity_is_refused(
    api: Apis, changes: dict[str, Any], code: str
) -> None:
    status, body = api("alpha_trader").submit(**{"account_id": "alpha-002", **changes})
    assert status == 422
    assert code in str(body), body
    assert not Order.objects.exists()


def test_other_policies_know_no_money(api: Apis, sandbox: datetime) -> None:
    policies.agreed(preset="guide", at=sandbox)
    generation.check()
    status, body = api("alpha_trader").submit(account_id="alpha-002", amount=MONEY)
    assert (status, body["code"]) == (422, "amount_type_unsupported")


def test_the_same_request_again_is_answered_with_what_it_made(api: Apis) -> None:
    again: dict[str, Any] = {"account_id": "alpha-002", "amount": MONEY, "client_order_id": "mine"}
    (_, first), (status, second) = (api("alpha_trader").submit(**again) for _ in range(2))
    assert status == 200
    assert first["id"] == second["id"]
    assert NotionalPart.objects.count() == 1
    # The money differs and the quantity does not: another order under the same id.
    status, body = api("alpha_trader").submit(**{**again, "amount": {"notional": 10_001}})
    assert status in (409, 422), body


def test_an_order_in_money_is_filled_like_any_other(sandbox: datetime) -> None:
    child = trading.routed(amount_type="notional", qty=D(10_000))
    assert child.qty == 10_000
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    assert trading.order(child.order_id).status == "filled"
    assert differences() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders_notionalpart SET residual = 0",
        "DELETE FROM orders_notionalpart",
    ],
)
def test_the_database_keeps_what_it_came_to(api: Apis, change: str) -> None:
    api("alpha_trader").submit(account_id="alpha-002", amount=MONEY)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


@pytest.mark.parametrize(
    ("wrong", "passes"),
    [
        ({}, True),
        ({"residual": D("49.99")}, False),
        ({"qty": D(9_000), "principal": D("8955.00"), "residual": D("1045.00")}, False),
        ({"increment": D(7)}, False),
        ({"increment": D(50)}, False),
        ({"principal": D("9949.00"), "residual": D("51.00")}, False),
        ({"notional": D("9949.00"), "residual": D("-1.00")}, False),
        ({"at": datetime.fromisoformat("2026-11-23T16:00:00+00:00")}, False),
        ({"organization_id": "beta"}, False),
    ],
)
def test_the_database_refuses_what_does_not_add_up(
    sandbox: datetime, wrong: dict[str, Any], passes: bool
) -> None:
    order = trading.order(trading.submit(qty=D(10_000)))
    row = NotionalPart(
        id="np_x",
        organization_id="alpha",
        order_id=order.id,
        account_id="alpha-002",
        position=0,
        currency="USD",
        notional=D("10000.00"),
        price=D("99.5"),
        price_source="limit",
        increment=D(1000),
        qty=D(10_000),
        principal=D("9950.00"),
        residual=D("50.00"),
        at=order.created_at,
    )
    for name, value in wrong.items():
        setattr(row, name, value)
    with pytest.raises(DatabaseError) if not passes else nullcontext(), transaction.atomic():
        NotionalPart.objects.bulk_create([row])
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
