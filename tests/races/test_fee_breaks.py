"""A break about fees is closed while its order's fills are split: nobody is charged twice."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from allocations.models import Transaction
from orders import lots
from orders.models import Break
from tests import trading
from tests.integration.orders import test_fee_breaks as story
from tests.trading import D

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def test_what_two_people_charge_while_fills_are_split_is_not_due_again() -> None:
    child, said = story.filled()
    story.bust(child, said[0])
    row = story.one_break()
    trading.receive(trading.fill(child, D("0.05"), cum=D("6000.05")))
    closers: list[Thread] = []

    def close() -> None:
        try:
            story.close(row)
        finally:
            connection.close()

    def as_it_looks(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        open_ones = "orders_break" in sql and '"closed_at" IS NULL AND' in sql
        if open_ones and not closers:
            closers.append(Thread(target=close))
            closers[0].start()
            closers[0].join(20)
        return execute(sql, *rest)

    with connection.execute_wrapper(as_it_looks):
        while lots.drain():
            pass
    assert len(closers) == 1
    assert not closers[0].is_alive()
    (kept,) = Break.objects.filter(kind="fees_differ")
    assert kept.closed_at is not None
    assert Transaction.objects.get(kind="fee").amount == D("-199.00")
