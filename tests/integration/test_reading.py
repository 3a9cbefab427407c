"""Rows that are read without the ORM: what it would have read, in their order, and held."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.db.utils import OperationalError

from oms_site.journal import reading
from oms_site.journal.rows import LedgerRow
from orders import lots
from orders.models import ExecutionOrder, Order, VenueOrder
from tests import trading

LEDGER = [one for one in apps.get_models() if issubclass(one, LedgerRow)]


@pytest.mark.usefixtures("sandbox")
def test_locked_rows_are_what_the_orm_reads_of_every_table() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    lots.drain()
    seen = 0
    with transaction.atomic():
        for model in LEDGER:
            stored = list(model._base_manager.order_by("pk"))
            found = reading.locked(model, id=[row.pk for row in reversed(stored)])
            for ours, theirs in zip(found, stored, strict=True):
                one, other = dict(ours.__dict__), dict(theirs.__dict__)
                state, said = one.pop("_state"), other.pop("_state")
                assert one == other
                assert {name: type(value) for name, value in one.items()} == {
                    name: type(value) for name, value in other.items()
                }
                assert (state.db, state.adding) == (said.db, said.adding)
            seen += bool(stored)
    assert seen >= 10, "most tables of the sandbox are empty"


@pytest.mark.usefixtures("sandbox")
def test_rows_are_found_by_another_column_and_come_in_the_order_of_their_own_keys() -> None:
    children = [trading.routed() for _ in range(3)]
    orders = [child.order_id for child in children]
    with transaction.atomic():
        found = reading.locked(VenueOrder, order_id=[*orders, "nobody", orders[0]])
        assert [row.id for row in found] == sorted(child.id for child in children)
        assert reading.locked(ExecutionOrder, order_id=[]) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed_sandbox")
def test_rows_are_held_until_the_transaction_ends() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    refused = list[bool]()

    def other() -> None:
        try:
            with transaction.atomic():
                Order.objects.select_for_update(nowait=True).get(pk=order_id)
            refused.append(False)
        except OperationalError:
            refused.append(True)
        finally:
            connection.close()

    with transaction.atomic():
        reading.locked(Order, id=[order_id])
        _in_a_thread(other)
    _in_a_thread(other)
    assert refused == [True, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed_sandbox")
def test_nothing_is_locked_outside_of_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        reading.locked(Order, id=["o_1"])


def _in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
