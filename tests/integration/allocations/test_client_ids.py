"""Ids of clients for allocations and their parts name one thing in their organization for ever."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.migrations import _client_ids
from allocations.models import AccountAllocation, Allocation, ClientAllocationId, PostTradeEntry
from oms_site.firm import generation
from orders import lots
from orders.models import Order
from tests import policies, trading
from tests.client import Api

D = trading.D
Apis = Callable[[str], Api]
ORDER = "/v1/trading/order/"


@pytest.fixture
def allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    generation.check()


def fresh(prefix: str = "id") -> str:
    return f"{prefix}-{uuid.uuid4()}"


def parts(*own: str, accounts: tuple[str, ...] = ("alpha-002", "alpha-003")) -> list[Any]:
    return [
        {
            "account_id": account,
            "client_account_allocation_id": name,
            "requested_amount": {"par": 1000},
        }
        for account, name in zip(accounts, own, strict=True)
    ]


def block(account_allocations: list[Any], whole: str | None = None) -> dict[str, Any]:
    return {
        "instrument_id": trading.BOND,
        "side": "buy",
        "type": "limit",
        "limit_price": 99.5,
        "amount": {"par": 2000},
        "bypass_auto_execution": True,
        "client_order_id": fresh("order"),
        "allocations": {
            "strategy": "fifo_without_averaging",
            "client_allocation_id": whole or fresh("whole"),
            "account_allocations": account_allocations,
        },
    }


def entry(account_allocations: list[Any], whole: str | None = None) -> dict[str, Any]:
    return {
        "strategy": "pro_rata_with_averaging",
        "account_allocations": account_allocations,
        "reason": "said by phone",
        **({"client_allocation_id": whole} if whole else {}),
    }


def executed() -> str:
    child = trading.routed(qty=D(2000), account_id=None)
    trading.receive(trading.fill(child, 2000, cum=2000))
    return child.order_id


def field_of(body: Any) -> tuple[str, str]:
    (one,) = body["error_details"]
    return body["code"], one["field"]


def test_an_accounts_id_is_used_once_in_an_organization(api: Apis, sandbox: datetime) -> None:
    mine, free = fresh(), fresh()
    desk = api("alpha_trader")
    assert desk.post(ORDER, block(parts(mine, fresh())))[0] == 201
    before = Order.objects.count()
    status, body = desk.post(ORDER, block(parts(fresh(), mine)))
    field = "allocations.account_allocations[1].client_account_allocation_id"
    assert status == 409
    assert field_of(body) == ("idempotency_conflict", field)
    # Nothing of the refused request was made, and its other id is free.
    assert Order.objects.count() == before
    assert desk.post(ORDER, block(parts(free, fresh())))[0] == 201
    # Without an id, as often as one likes; and another firm's names are its own.
    assert desk.post(ORDER, block(parts("", "")))[0] == 201
    assert desk.post(ORDER, block(parts("", "")))[0] == 201
    theirs = block(parts(mine, fresh(), accounts=("beta-001", "beta-002")))
    assert api("beta_trader").post(ORDER, theirs)[0] == 201
    names = AccountAllocation.objects.filter(client_account_allocation_id=mine)
    assert sorted(names.values_list("organization_id", flat=True)) == ["alpha", "beta"]


def test_the_same_request_again_answers_the_same_order(api: Apis, sandbox: datetime) -> None:
    body = block(parts(fresh(), fresh()))
    first = api("alpha_trader").post(ORDER, body)
    again = api("alpha_trader").post(ORDER, body)
    assert (first[0], again[0]) == (201, 200)
    assert first[1]["id"] == again[1]["id"]
    assert Allocation.objects.count() == 1


def test_in_a_bulk_only_the_one_that_repeats_an_id_is_refused(api: Apis, sandbox: datetime) -> None:
    mine = fresh()
    orders = [block(parts(mine, fresh())), block(parts(mine, fresh())), block(parts("", ""))]
    _, body = api("alpha_trader").post(f"{ORDER}bulk/", {"orders": orders})
    codes = [one.get("error", {}).get("code") for one in body["results"]]
    assert codes.count("idempotency_conflict") == 1
    assert Order.objects.count() == 2


def test_a_list_of_orders_says_which_id_was_used(allowed: None, api: Apis) -> None:
    mine = fresh()
    assert api("alpha_trader").post(ORDER, block(parts(mine, fresh())))[0] == 201
    legs = [block(parts("", "")), block(parts(fresh(), mine))]
    status, body = api("alpha_trader").post(
        "/v1/trading/order-list/", {"contingency_type": "basket", "orders": legs}
    )
    field = "orders[1].allocations.account_allocations[1].client_account_allocation_id"
    assert status == 409
    assert field_of(body) == ("idempotency_conflict", field)
    assert Order.objects.count() == 1


def test_a_split_after_the_trade_takes_its_ids_from_the_same_names(
    allowed: None, api: Apis
) -> None:
    mine, whole = fresh(), fresh()
    desk = api("alpha_trader")
    assert desk.post(ORDER, block(parts(mine, fresh()), whole))[0] == 201
    path = f"{ORDER}{executed()}/allocate/"
    status, body = desk.post(path, entry(parts(fresh(), mine)))
    field = "account_allocations[1].client_account_allocation_id"
    assert status == 409
    assert field_of(body) == ("duplicate_client_account_allocation_id", field)
    status, body = desk.post(path, entry(parts("", ""), whole))
    assert (status, body["code"]) == (409, "duplicate_client_allocation_id")
    assert not PostTradeEntry.objects.exists()
    # And the other way round: what waits for a decision has taken its names.
    own = fresh()
    assert desk.post(path, entry(parts(own, fresh())))[0] == 202
    assert desk.post(ORDER, block(parts(fresh(), own)))[0] == 409


def test_the_same_entry_again_is_the_same_entry_also_once_it_is_agreed(
    allowed: None, api: Apis
) -> None:
    path, whole = f"{ORDER}{executed()}/allocate/", fresh()
    asked = entry(parts(fresh(), fresh()), whole)
    desk = api("alpha_trader")
    status, made = desk.post(path, asked)
    assert status == 202
    assert desk.post(path, asked) == (200, made)
    approve = f"/v1/trading/allocation-entry/{made['id']}/approve/"
    assert api("alpha_compliance").post(approve, {"annotation": "heard it"})[0] == 200
    lots.drain()
    status, body = desk.post(path, asked)
    assert (status, body["id"], body["status"]) == (200, made["id"], "approved")
    # The allocation has its entry's ids: they are claimed once, not twice.
    allocation = Allocation.objects.get()
    assert allocation.client_allocation_id == whole
    assert ClientAllocationId.objects.filter(order_id=allocation.order_id).count() == 3
    # Other content under the same id is refused, on this order and on any other.
    assert desk.post(path, {**asked, "reason": "another"})[0] == 409
    other = f"{ORDER}{executed()}/allocate/"
    assert desk.post(other, asked)[1]["code"] == "duplicate_client_allocation_id"


def test_a_template_by_the_same_id_answers_what_it_made(allowed: None, api: Apis) -> None:
    shares = [{"account_id": f"alpha-00{n}", "percent": 50} for n in (2, 3)]
    body = {"strategy": "percentage", "shares": shares}
    desk = api("alpha_trader")
    assert desk("PUT", "/v1/trading/allocation-template/halves/", body)[0] == 200
    path, whole = f"{ORDER}{executed()}/allocate/", fresh()
    asked = {"template": "halves", "reason": "late", "client_allocation_id": whole}
    status, made = desk.post(path, asked)
    assert status == 202
    assert desk.post(path, asked) == (200, made)
    other = f"{ORDER}{executed()}/allocate/"
    status, refused = desk.post(other, asked)
    assert (status, refused["code"]) == (409, "duplicate_client_allocation_id")


def test_what_a_person_refused_gives_its_ids_back(allowed: None, api: Apis) -> None:
    path, asked = f"{ORDER}{executed()}/allocate/", entry(parts(fresh(), fresh()), fresh())
    desk = api("alpha_trader")
    _, made = desk.post(path, asked)
    refuse = f"/v1/trading/allocation-entry/{made['id']}/reject/"
    assert api("alpha_compliance").post(refuse, {"annotation": "no recording"})[0] == 200
    assert not ClientAllocationId.objects.exists()
    status, again = desk.post(path, asked)
    assert status == 202
    assert again["id"] != made["id"]


def test_nobody_takes_an_id_away_or_gives_it_to_something_else(
    api: Apis, sandbox: datetime
) -> None:
    api("alpha_trader").post(ORDER, block(parts(fresh(), fresh())))
    for sql in (
        "DELETE FROM allocations_clientallocationid",
        "UPDATE allocations_clientallocationid SET client_id = 'x'",
        "TRUNCATE allocations_clientallocationid",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert ClientAllocationId.objects.count() == 3


def test_older_rows_that_share_an_id_leave_it_to_the_oldest(api: Apis, sandbox: datetime) -> None:
    """A book from before the law: three blocks, the last two with an id of the first."""
    mine = fresh()
    desk = api("alpha_trader")
    orders = [desk.post(ORDER, block(parts(fresh(), fresh())))[1]["id"] for _ in range(3)]
    tables = ("clientallocationid", "accountallocation", "allocation")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE allocations_{table} DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM allocations_clientallocationid")
        cursor.execute(
            "UPDATE allocations_accountallocation SET client_account_allocation_id = %s"
            " WHERE position = 0",
            [mine],
        )
        for n, order_id in enumerate(orders):
            cursor.execute(
                "UPDATE allocations_allocation SET created_at = %s WHERE order_id = %s",
                [sandbox + timedelta(minutes=n), order_id],
            )
        for table in tables:
            cursor.execute(f"ALTER TABLE allocations_{table} ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(_client_ids.MAKE[-2])
    claims = ClientAllocationId.objects.filter(client_id=mine)
    assert [one.order_id for one in claims] == [orders[0]]
    # Every other id of those rows is claimed too: three wholes and three second parts.
    assert ClientAllocationId.objects.count() == 7
    assert AccountAllocation.objects.filter(client_account_allocation_id=mine).count() == 3
    assert desk.post(ORDER, block(parts(mine, fresh())))[0] == 409
