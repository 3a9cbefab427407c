"""One account of a block is refused: the block goes on without it, or not at all, as agreed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from allocations.models import AccountAllocation, DroppedAccount
from controls import halts, listing
from controls.models import Screening
from oms_site.firm import generation
from oms_site.journal.models import Event
from orders import halting, lots
from orders.models import Order
from tests import policies, trading
from tests.client import Api
from tests.integration.holdings.test_treasury import differences
from tests.integration.orders.limits import in_force, listed

Apis = Callable[[str], Api]
D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def agreed(word: str, at: datetime) -> None:
    policies.agreed(preset="full", rules={"block_account_reject": word}, at=at)
    generation.check()


def block(api: Apis, *parts: tuple[str, int], **changes: Any) -> tuple[int, Any]:
    """An order for several accounts; the same request again has the same ids."""
    name = changes.get("client_order_id") or Order.objects.count()
    return api("alpha_trader").submit(
        account_id=None,
        amount={"par": sum(qty for _, qty in parts)},
        allocations={
            "strategy": "pro_rata_with_averaging",
            "account_allocations": [
                {
                    "account_id": account,
                    "client_account_allocation_id": f"mine-{account}-{name}",
                    "requested_amount": {"par": qty},
                }
                for account, qty in parts
            ],
        },
        **changes,
    )


def accounts(order_id: str) -> list[tuple[str, D]]:
    rows = AccountAllocation.objects.filter(allocation__order_id=order_id).order_by("position")
    return list(rows.values_list("account_id", "requested_qty"))


def dropped(order_id: str) -> list[tuple[str, D, str]]:
    rows = DroppedAccount.objects.filter(allocation__order_id=order_id).order_by("position")
    return list(rows.values_list("account_id", "requested_qty", "code"))


def test_the_block_goes_on_without_the_account_that_lacks_credit(
    api: Apis, sandbox: datetime
) -> None:
    agreed("drop", sandbox)
    in_force("credit.limit", max_credit="5000")
    status, order = block(api, ("alpha-002", 3000), ("alpha-003", 6000), ("alpha-004", 1000))
    assert (status, order["status"]) == (201, "pending_execution")
    assert order["amount"]["value"] == order["leaves_amount"]["value"] == 4000
    assert accounts(order["id"]) == [("alpha-002", D(3000)), ("alpha-004", D(1000))]
    (gone,) = dropped(order["id"])
    assert gone[:2] == ("alpha-003", D(6000))
    _, found = api("alpha_trader").get(f"/v1/trading/order/{order['id']}/")
    (told,) = found["rejected_accounts"]
    assert told["client_account_allocation_id"] == "mine-alpha-003-0"
    assert told["requested_amount"]["value"] == 6000
    assert "ALPHA-003" in told["reason"]


def test_under_the_other_policy_the_whole_block_is_refused(api: Apis, sandbox: datetime) -> None:
    agreed("whole", sandbox)
    in_force("credit.limit", max_credit="5000")
    status, order = block(api, ("alpha-002", 3000), ("alpha-003", 6000))
    assert (status, order["status"]) == (201, "rejected")
    assert order["amount"]["value"] == 9000
    assert [account for account, _ in accounts(order["id"])] == ["alpha-002", "alpha-003"]
    assert dropped(order["id"]) == []


def test_a_suspended_account_is_dropped_and_both_looks_are_kept(
    api: Apis, sandbox: datetime
) -> None:
    agreed("drop", sandbox)
    _, order = block(api, ("alpha-suspended", 2000), ("alpha-002", 3000))
    assert order["status"] == "pending_execution"
    looks = Screening.objects.filter(subject=order["id"]).order_by("outcome")
    assert [(look.outcome, len(look.ticket["accounts"])) for look in looks] == [
        ("passed", 1),
        ("rejected", 2),
    ]
    assert Order.objects.get().screening_id == looks[0].id
    assert DroppedAccount.objects.get().screening_id == looks[1].id
    names = Event.objects.filter(order_id=order["id"]).order_by("pk")
    assert "allocation_account_reject" in names.values_list("event_type", flat=True)
    assert differences() == []


@pytest.mark.parametrize("way", ["halt", "reducing", "list"])
def test_an_account_that_a_switch_or_a_list_stops_is_dropped_alone(
    api: Apis, sandbox: datetime, way: str
) -> None:
    agreed("drop", sandbox)
    by, code = trading.person("alpha_compliance"), "kill_switch"
    if way == "list":
        code = "instrument_restricted"
        row = listing.draft("stop", kind="restricted", accounts=["alpha-003"], by=by, at=sandbox)
        listing.approve(row, by=trading.person("alpha_compliance2"), at=sandbox)
    else:
        found = halting.target_of("account", "alpha-003", by=by)
        halts.engage(found, reason="x", cancels=False, by=by, at=sandbox, mode=way)
    generation.check()
    _, order = block(api, ("alpha-002", 3000), ("alpha-003", 6000))
    assert order["status"] == "pending_execution"
    assert accounts(order["id"]) == [("alpha-002", D(3000))]
    assert dropped(order["id"]) == [("alpha-003", D(6000), code)]
    passed = Screening.objects.get(subject=order["id"], outcome="passed").ticket
    assert [passed.get(name, []) for name in ("listed", "halted", "reduced")] == [[], [], []]


def test_the_fees_are_those_of_the_first_account_that_is_left(api: Apis, sandbox: datetime) -> None:
    agreed("drop", sandbox)
    _, order = block(api, ("alpha-suspended", 2000), ("alpha-fee", 3000))
    assert order["risk_group_id"] == "rg_alpha_commission"


@pytest.mark.parametrize(
    ("rule", "params"),
    [
        # What is wrong with the whole block is nobody's own fault.
        ("size.max_quantity", {"max_qty": "8000"}),
        ("credit.limit", {"max_credit": "8000", "scope": "organization"}),
        ("credit.limit", {"max_credit": "100"}),
    ],
)
def test_what_is_wrong_with_the_whole_refuses_the_whole(
    api: Apis, sandbox: datetime, rule: str, params: dict[str, Any]
) -> None:
    agreed("drop", sandbox)
    in_force(rule, **params)
    _, order = block(api, ("alpha-002", 3000), ("alpha-003", 6000))
    assert order["status"] == "rejected"
    assert dropped(order["id"]) == []
    assert accounts(order["id"]) == [("alpha-002", D(3000)), ("alpha-003", D(6000))]


def test_a_fault_of_the_whole_beside_one_of_an_account_refuses_the_whole(
    api: Apis, sandbox: datetime
) -> None:
    agreed("drop", sandbox)
    listed("stop", trading.BOND)
    in_force("universe.restricted", lists=["stop"])
    _, order = block(api, ("alpha-suspended", 2000), ("alpha-002", 3000))
    assert order["status"] == "rejected"
    assert dropped(order["id"]) == []


def test_an_instruction_for_all_follows_and_one_for_more_than_is_left_refuses_all(
    api: Apis, sandbox: datetime
) -> None:
    agreed("drop", sandbox)
    book = {"protocol": "limit_order_book", "quantity": {"par": 5000}}
    _, order = block(
        api, ("alpha-suspended", 2000), ("alpha-002", 3000), execution_instructions=[book]
    )
    assert order["execution_instructions"][0]["quantity"]["value"] == 3000
    parts = [{**book, "quantity": {"par": qty}} for qty in (2000, 2000)]
    _, order = block(
        api, ("alpha-suspended", 2000), ("alpha-003", 3000), execution_instructions=parts
    )
    assert order["status"] == "rejected"


def test_what_was_asked_for_is_answered_again(api: Apis, sandbox: datetime) -> None:
    agreed("drop", sandbox)
    parts = (("alpha-suspended", 2000), ("alpha-002", 3000))
    (_, first), (status, second) = (block(api, *parts, client_order_id="mine") for _ in range(2))
    assert (status, second["id"]) == (200, first["id"])
    assert DroppedAccount.objects.count() == 1


def test_what_was_dropped_counts_for_nobody(api: Apis, sandbox: datetime) -> None:
    agreed("drop", sandbox)
    in_force("credit.limit", max_credit="6500")
    # The first block goes on without 003, whose credit is then free for the second.
    _, first = block(api, ("alpha-002", 3000), ("alpha-003", 7000))
    _, second = block(api, ("alpha-003", 6000), ("alpha-004", 1000))
    assert [first["amount"]["value"], second["amount"]["value"]] == [3000, 7000]


def test_the_smaller_block_is_executed_and_split(sandbox: datetime, api: Apis) -> None:
    agreed("drop", sandbox)
    _, order = block(api, ("alpha-002", 3000), ("alpha-suspended", 2000), ("alpha-003", 1000))
    child = trading.execute(order["id"], 4000)
    trading.receive(trading.fill(child, 4000, cum=4000))
    lots.drain()
    got = AccountAllocation.objects.filter(allocation__order_id=order["id"]).order_by("position")
    assert list(got.values_list("account_id", "actual_qty")) == [
        ("alpha-002", D(3000)),
        ("alpha-003", D(1000)),
    ]
    assert differences() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE allocations_droppedaccount SET code = 'x'",
        "DELETE FROM allocations_droppedaccount",
        "INSERT INTO allocations_droppedaccount (id, organization_id, allocation_id, account_id,"
        " client_account_allocation_id, position, requested_qty, screening_id, code, reason, at)"
        " SELECT 'da_x', organization_id, allocation_id, 'alpha-002', '', 9, 1, 'scr', 'c', 'r',"
        " at FROM allocations_droppedaccount",
        "INSERT INTO allocations_droppedaccount (id, organization_id, allocation_id, account_id,"
        " client_account_allocation_id, position, requested_qty, screening_id, code, reason, at)"
        " SELECT 'da_x', organization_id, allocation_id, 'alpha-009', '', 9, 1, 'scr', 'c', 'r',"
        " at + interval '1 second' FROM allocations_droppedaccount",
    ],
)
def test_the_database_keeps_who_was_dropped(api: Apis, sandbox: datetime, change: str) -> None:
    agreed("drop", sandbox)
    block(api, ("alpha-suspended", 2000), ("alpha-002", 3000))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{change}; SET CONSTRAINTS ALL IMMEDIATE")


def test_a_preview_says_who_would_be_dropped(api: Apis, sandbox: datetime) -> None:
    agreed("drop", sandbox)
    _, body = api("alpha_trader").post(
        "/v1/trading/order/?dry_run=true",
        {
            "instrument_id": trading.BOND,
            "amount": {"par": 5000},
            "type": "limit",
            "side": "buy",
            "limit_price": 99.5,
            "allocations": {
                "strategy": "flat",
                "account_allocations": [
                    {"account_id": "alpha-suspended", "requested_amount": {"par": 2000}},
                    {"account_id": "alpha-002", "requested_amount": {"par": 3000}},
                ],
            },
        },
    )
    assert (body["outcome"], body["quantity"]) == ("passed", 3000)
    assert [one["account_id"] for one in body["rejected_accounts"]] == ["alpha-suspended"]
    assert not Order.objects.exists()
