"""Finding orders by words in all of history: a row of words beside each order, and its index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from oms_site.firm.models import User
from oms_site.kit import clock
from orders import searching
from orders.models import Order, OrderWords
from tests import trading

pytestmark = pytest.mark.usefixtures("sandbox")


def _found(words: str, *, of: str = "alpha") -> list[str]:
    rows = Order.objects.filter(organization_id=of)
    return [row.id for row in searching.find(rows, words, organization_id=of)]


def _note() -> int:
    """What a sweep notes a few minutes later."""
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        return searching.note()


@pytest.fixture
def old() -> str:
    """An order of last week, with an annotation."""
    with clock.frozen_at(clock.now() - timedelta(days=6)):
        order_id = trading.submit(
            client_order_id="Fund-7/Rebalance.1", annotation="Unwind the pension's ladder, call Jo"
        )
    trading.submit()
    _note()
    return order_id


@pytest.mark.parametrize(
    "words",
    [
        "037833DP2 ladder",
        "Fund-7/Rebalance.1",
        "fund-7/rebalance.1 pension",
        "alpha_trader unwind",
        "LADDER unwind",
        "ALPHA-002 jo",
    ],
)
def test_an_order_of_last_week_is_found_by_what_is_known_of_it(old: str, words: str) -> None:
    assert _found(words) == [old]


def test_every_word_has_to_be_there(old: str) -> None:
    assert _found("ladder nobody") == []
    assert _found("beta_trader ladder") == []
    assert len(_found("alpha_trader")) == 2
    assert _found("ladder", of="beta") == []


def test_one_that_is_called_just_so_is_found_before_it_is_noted() -> None:
    order_id = trading.submit(client_order_id="just-now")
    assert _found("just-now") == [order_id]
    assert _found(order_id) == [order_id]


@pytest.mark.parametrize("words", ["'", "\\", "a' | b", "!x", "<->", "-", "&&", "':*"])
def test_no_sign_breaks_the_question(old: str, words: str) -> None:
    assert _found(words) == []


def test_orders_are_noted_once_whoever_looks_again(old: str) -> None:
    assert OrderWords.objects.count() == 2
    assert _note() == 0
    assert OrderWords.objects.count() == 2


def test_an_order_is_noted_once_nothing_can_come_in_before_it() -> None:
    trading.submit(annotation="quick")
    assert searching.note() == 0, "one that came before it may not be committed yet"
    with clock.frozen_at(clock.now() - timedelta(minutes=1)):
        trading.submit(annotation="slow")
    assert _note() == 2
    assert len(_found("quick")) == len(_found("slow")) == 1


def test_thousands_are_noted_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "AT_ONCE", 2)
    for qty in (1000, 2000, 3000, 4000, 5000):
        trading.submit(qty=trading.D(qty), annotation="paged")
    assert [_note(), _note(), _note(), _note()] == [2, 2, 1, 0]
    assert len(_found("paged")) == 5


def test_the_back_office_searches_by_words(old: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get("/admin/orders/order/", {"q": "pension ladder"}).content.decode()
    assert old in page
    assert page.count("Fund-7") <= page.count(old) + 1
    none = client.get("/admin/orders/order/", {"q": "pension nobody"}).content.decode()
    assert old not in none
    client.force_login(User.objects.get(username="beta_ops"))
    assert old not in client.get("/admin/orders/order/", {"q": "pension"}).content.decode()


def test_words_are_found_by_their_index(old: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_orderwords (order_id, organization_id, created_at, words) "
            "SELECT 'mo_x' || g, 'alpha', now() - g * interval '1 second', "
            "to_tsvector('simple', 'word' || g) FROM generate_series(1, 20000) g"
        )
        cursor.execute("ANALYZE orders_orderwords")
        # There are few orders here: reading them whole is right, if it is not the only way.
        cursor.execute("SET LOCAL enable_seqscan = off")
        rows = searching.find(Order.objects.all(), "word777", organization_id="alpha")
        plan = rows.explain()
    assert "order_words" in plan
    assert "Seq Scan on orders_orderwords" not in plan
    assert "Seq Scan on orders_order " not in plan


def test_it_is_asked_of_no_organization_in_particular_by_who_sees_all(
    old: str, api: Callable[..., Any]
) -> None:
    assert [row.id for row in searching.find(Order.objects.all(), "ladder")] == [old]
