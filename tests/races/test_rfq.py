"""Many hands at one inquiry at the same moment: one quote is hit once, whoever is first."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, Quote, Rfq, VenueOrder
from orders.rfq import sweeping
from tests import quoting, trading
from tests.quoting import BROAD, LOOK, SWIFT
from tests.races.racing import race, same
from venues.models import Outbound

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]
PRICES = ((SWIFT, "99.30"), (BROAD, "99.35"), (LOOK, "99.25"))


def _code(made: object) -> str:
    error = getattr(made, "error", None)
    return error.code if error else ""


def test_of_eight_that_hit_one_quote_one_wins() -> None:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, PRICES)[LOOK]
    answers = race(*same(partial(quoting.hit, quote), 8))
    assert Counter(_code(made) for made in answers) == {"": 1, "quote_taken": 7}
    assert VenueOrder.objects.filter(order_id=rfq.order_id).count() == 1
    assert ExecutionOrder.objects.filter(order_id=rfq.order_id).count() == 1
    assert Outbound.objects.filter(kind="AJ1").count() == 1
    trading.check_tree(rfq.order_id)


def test_of_eight_that_hit_different_quotes_of_one_inquiry_one_wins() -> None:
    rfq = quoting.ask(quoting.staged(), qty=quoting.D(1000))
    found = quoting.quoted(rfq, PRICES)
    hits = [partial(quoting.hit, found[name]) for name in (SWIFT, BROAD, LOOK) * 3][:8]
    answers = race(*hits)
    # The order has room for three: it is the inquiry that has one winner.
    assert Counter(_code(made) for made in answers) == {"": 1, "quote_taken": 7}
    assert Quote.objects.filter(rfq=rfq, status="hit").count() == 1


def test_inquiries_of_one_order_never_execute_more_than_it() -> None:
    order_id = quoting.staged()
    quotes = [quoting.quoted(quoting.ask(order_id), PRICES[2:])[LOOK] for _ in range(4)]
    answers = race(*(partial(quoting.hit, quote) for quote in quotes * 2))
    assert sum(not _code(made) for made in answers) == 1
    trading.check_tree(order_id)


def test_a_hit_and_a_cancel_at_once_are_one_of_the_two() -> None:
    for _ in range(5):
        rfq = quoting.ask(quoting.staged())
        quote = quoting.quoted(rfq, PRICES)[LOOK]
        made, canceled = race(
            partial(quoting.hit, quote),
            partial(desk.cancel_rfq, rfq.id, by=trading.person(), at=clock.now()),
        )
        assert (_code(made) == "") == (getattr(canceled, "outcome", "") == "refused")


def test_sweeps_that_run_at_once_hit_once() -> None:
    made = quoting.automatic(quoting.staged(), 3000)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES)
    race(*same(sweeping.sweep, 6))
    assert VenueOrder.objects.filter(order_id=rfq.order_id).count() == 1


def test_the_database_itself_refuses_a_second_winner() -> None:
    rfq = quoting.ask(quoting.staged())
    found = quoting.quoted(rfq, PRICES)
    quoting.hit(found[LOOK])
    with (
        pytest.raises(IntegrityError, match="one_winner_per_rfq"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE orders_quote SET status = 'hit', version = version + 1 WHERE id = %s",
            [found[SWIFT].id],
        )


def test_the_database_itself_refuses_another_price() -> None:
    quote = quoting.quoted(quoting.ask(quoting.staged()), PRICES)[LOOK]
    for sql in (
        "UPDATE orders_quote SET price = 1, version = version + 1 WHERE id = %s",
        "DELETE FROM orders_quote WHERE id = %s",
    ):
        with (
            pytest.raises(IntegrityError, match="is refused"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, [quote.id])
