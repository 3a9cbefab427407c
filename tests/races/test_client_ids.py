"""Requests with one id of a client at the same moment, from several connections: one is made."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from allocations.basis import Requested
from allocations.models import AccountAllocation, Allocation, ClientAllocationId, PostTradeEntry
from allocations.post_trade import Ask
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, post_trade
from orders.models import Order
from orders.requests import AccountAsk, AllocationAsk
from tests import policies, trading
from tests.races.racing import beside, race, until_somebody_waits_for_me

D = trading.D
pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def block(n: int, *, own: str) -> Any:
    accounts = (
        AccountAsk(account_id="alpha-002", qty=D(1000), client_account_allocation_id=f"mine-{n}"),
        AccountAsk(account_id="alpha-003", qty=D(2000), client_account_allocation_id=own),
    )
    allocation = AllocationAsk(strategy="fifo_without_averaging", accounts=accounts)
    return trading.request(account_id=None, allocation=allocation, bypass_auto_execution=True)


def submit(requests: list[Any]) -> list[str]:
    return [result.error.code if result.error else "made" for result in desk.submit(requests)]


def test_of_many_blocks_with_one_accounts_id_one_is_made() -> None:
    found = race(*(partial(submit, [block(n, own="the same")]) for n in range(8)))
    said = sorted(code for codes in found for code in codes)
    assert said == ["idempotency_conflict"] * 7 + ["made"]
    assert AccountAllocation.objects.filter(client_account_allocation_id="the same").count() == 1
    assert Order.objects.count() == Allocation.objects.count() == 1


def test_batches_that_name_ids_in_different_orders_do_not_wait_for_each_other() -> None:
    """Two batches with the same four ids, one backward: no deadlock, and each id is used once."""
    forward = [block(n, own=f"shared-{n}") for n in range(4)]
    backward = [block(10 + n, own=f"shared-{n}") for n in reversed(range(4))]
    for _ in range(3):
        race(partial(submit, forward), partial(submit, backward))
    shared = AccountAllocation.objects.filter(client_account_allocation_id__startswith="shared")
    assert shared.count() == 4
    assert len(set(shared.values_list("client_account_allocation_id", flat=True))) == 4


def enter(order_id: str, whole: str) -> str:
    accounts = (Requested("alpha-002", D(3000), "part"),)
    ask = Ask(strategy="flat", accounts=accounts, reason="late", client_allocation_id=whole)
    try:
        made = post_trade.enter(order_id, ask, by=trading.person(), at=clock.now())
    except OmsError as refusal:
        return refusal.code
    return "again" if made.replayed else "made"


@pytest.fixture
def allowed() -> None:
    policies.agreed(preset="full", at=clock.now() - timedelta(days=1))
    generation.check()


def executed() -> str:
    child = trading.routed(account_id=None)
    trading.receive(trading.fill(child, 3000, cum=3000))
    return child.order_id


def test_of_entries_for_several_orders_with_one_id_one_is_made(allowed: None) -> None:
    orders = [executed() for _ in range(4)]
    said = sorted(race(*(partial(enter, order_id, "one") for order_id in orders)))
    refused = {"duplicate_client_allocation_id", "duplicate_client_account_allocation_id"}
    assert said[-1] == "made"
    assert set(said[:-1]) <= refused
    # The same order at once: one entry, and everybody else is answered with it.
    (order_id,) = PostTradeEntry.objects.values_list("order_id", flat=True)
    assert race(*(partial(enter, order_id, "one") for _ in range(6))) == ["again"] * 6
    assert ClientAllocationId.objects.filter(order_id=order_id).count() == 2


def whole(name: str) -> Any:
    accounts = (AccountAsk(account_id="alpha-002", qty=D(3000)),)
    strategy = "fifo_without_averaging"
    allocation = AllocationAsk(strategy=strategy, accounts=accounts, client_allocation_id=name)
    return trading.request(account_id=None, allocation=allocation, bypass_auto_execution=True)


def claim(kind: ClientAllocationId.Kind, name: str) -> None:
    """What rows of another order claim, in the transaction that is open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT allocations_claim(ARRAY['alpha'], ARRAY[%s], ARRAY[%s], ARRAY['or_1'],"
            " ARRAY[''])",
            [kind.value, name],
        )


def refuse(order_id: str) -> None:
    entry = PostTradeEntry.objects.get(order_id=order_id)
    by = trading.person("alpha_compliance")
    post_trade.decide(entry.id, approve=False, annotation="no", by=by, at=clock.now())


def test_an_id_given_back_while_a_batch_waits_for_another_is_claimed_by_the_batch(
    allowed: None,
) -> None:
    order_id = executed()
    assert enter(order_id, "a") == "made"
    with transaction.atomic():
        claim(ClientAllocationId.Kind.ALLOCATION, "b")
        # It passes "a", which the entry holds, and waits for "b"; then "a" is given back.
        batch = beside(partial(submit, [whole("a"), whole("b")]))
        until_somebody_waits_for_me()
        race(partial(refuse, order_id))
        transaction.set_rollback(True)
    assert batch() == ["made", "made"]
    for name in ("a", "b"):
        assert Allocation.objects.filter(client_allocation_id=name).count() == 1
        assert ClientAllocationId.objects.filter(client_id=name).count() == 1


def test_an_entry_claims_in_the_order_in_which_orders_do(allowed: None) -> None:
    """An order has the whole's id and comes to the account's; the entry, which wants both, waits
    with neither: nobody is a deadlock's victim.
    """
    order_id = executed()
    with transaction.atomic():
        claim(ClientAllocationId.Kind.ALLOCATION, "one")
        entry = beside(partial(enter, order_id, "one"))
        until_somebody_waits_for_me()
        claim(ClientAllocationId.Kind.ACCOUNT, "part")
    # Both are taken by then; the refusal names the first by name.
    assert entry() == "duplicate_client_account_allocation_id"
