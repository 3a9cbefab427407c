"""`check_books` over orders that were amended: clean as they are, and no corruption goes unseen."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from oms_site.journal.sequencer import Sequencer
from oms_site.kit import clock
from orders import desk, lots
from orders.books import running
from orders.books.verdicts import Run, State
from orders.replacing import resuming
from tests import policies, quoting, trading
from tests.integration.replacing import story
from tests.quoting import BROAD, SWIFT

D = Decimal
TABLES = (
    "orders_order",
    "orders_executionorder",
    "orders_venueorder",
    "orders_orderterms",
    "orders_replacement",
    "orders_replaceleg",
    "orders_quoteround",
    "orders_quote",
)


@pytest.fixture
def book(sandbox: datetime) -> str:
    """Orders amended by a venue, at once, refused, and after a dealer; the first one's id."""
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    first, child = story.working(10_000)
    trading.receive(trading.fill(child, 1000, cum=1000))
    story.amend(first, qty=12_000, limit_price="99.6")
    trading.receive(story.replaced(first))
    trading.receive(trading.fill(child, 2000, cum=3000, cl_ord_id=story.leg(first).id))
    refused, _ = story.working(5000)
    story.amend(refused, qty=6000)
    trading.receive(story.refused(refused))
    story.amend(trading.submit(qty=D(4000), bypass_auto_execution=True), qty=3000)
    _with_a_dealer()
    lots.drain()
    Sequencer.resume().run_once()
    return first


def _with_a_dealer() -> None:
    order_id = quoting.staged(qty=D(8000))
    rfq = quoting.ask(order_id, qty=D(2000))
    quotes = quoting.quoted(rfq, [(SWIFT, "99.30"), (BROAD, "99.35")])
    desk.counter(rfq.id, quotes[BROAD].id, price=D("99.2"), by=trading.person(), at=clock.now())
    made = quoting.hit(quotes[SWIFT])
    story.amend(order_id, qty=6000)
    fill = trading.fill(quoting.child(made), 2000, cum=2000)
    trading.receive(fill, venue_id=quoting.VENUE)
    assert resuming.sweep() == 1


def _found() -> set[str]:
    """The checks that found differences, once nothing is on its way any more."""
    at = clock.now() + timedelta(minutes=2)
    results = running.run(Run(at=at, machine_at=clock.machine_now(), outside=None))
    return {one.name for one in results if one.state not in (State.CLEAN, State.NOT_CHECKED)}


def _spoil(sql: str, order_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            # As the tables' owner could: no law of the database is in the way.
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, {"id": order_id})
        assert cursor.rowcount == 1


def test_amended_orders_are_clean_books(book: str) -> None:
    assert _found() == set()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders_order SET order_qty = 10000, leaves_qty = 7000 WHERE id = %(id)s",
        "UPDATE orders_order SET limit_price = 99.5 WHERE id = %(id)s",
        "UPDATE orders_order SET revision = 1 WHERE id = %(id)s",
        "UPDATE orders_orderterms SET order_qty = 11000 WHERE order_id = %(id)s AND revision = 2",
        "DELETE FROM orders_orderterms WHERE order_id = %(id)s AND revision = 1",
        "UPDATE orders_replacement SET status = 'rejected' WHERE order_id = %(id)s",
        "UPDATE orders_replaceleg SET now_qty = 10000 WHERE order_id = %(id)s",
        "UPDATE orders_executionorder SET qty = 10000, leaves_qty = 7000 WHERE order_id = %(id)s",
        "UPDATE orders_venueorder SET cl_ord_id = '' WHERE order_id = %(id)s",
        "UPDATE orders_quoteround SET status = 'accepted' WHERE %(id)s <> ''",
        "UPDATE orders_quote SET user_price = 99 WHERE %(id)s <> '' AND status = 'done'",
    ],
)
def test_a_corruption_of_an_amended_order_is_found(book: str, sql: str) -> None:
    before = _found()
    _spoil(sql, book)
    assert _found() - before
