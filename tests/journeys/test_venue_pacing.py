"""A venue that takes fifty messages a second gets no more, by its own journal, and cancels first.

The gateway process is held still while messages queue up, so that what goes first is no matter of
speed. Moments are the venue's own; what it reads late counts from when it was handed to the wire.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from tests.journeys.stage import Desk, on_stage
from tests.product import Product, until
from venues.simulator import journal

LIMIT, MANY, RESTS = 50, 120, 98.5
VENUES = ["SIMA", "SIMB"]
# What a venue is sent: orders, cancels, replaces, questions.
SENT = {"D", "F", "G", "H"}
Link = psycopg.Connection[tuple[Any, ...]]


class _Line(msgspec.Struct):
    msg: str
    cl_ord_id: str = ""
    orig_cl_ord_id: str = ""
    at: datetime | None = None


class _Taken(msgspec.Struct):
    """One message as the venue has it."""

    msg: str
    cl_ord_id: str
    orig_cl_ord_id: str
    at: datetime


@pytest.fixture
def link(product: Product) -> Iterator[Link]:
    with psycopg.connect(product.run["database_url"], autocommit=True) as one:
        yield one


@pytest.fixture
def paced(link: Link) -> Iterator[None]:
    """Both venues take fifty a second, and the gateway knows it."""
    _take(link, LIMIT)
    yield
    _take(link, 0)


def test_a_venue_gets_no_more_than_it_takes_and_cancels_first(
    product: Product, link: Link, paced: None
) -> None:
    with on_stage(product) as (desk, stream):
        resting = desk.submit(limit_price=RESTS)
        stream.wait(resting["id"], "execution_order_create")
        until(lambda: _statuses(link, [resting["id"]]) == ["new"], what="the venue to have it")
        begun = {venue: len(_taken(product, venue)) for venue in VENUES}
        with _gateway_held(product):
            late = [desk.submit(limit_price=RESTS)["id"] for _ in range(MANY)]
            until(lambda: len(_children(link, late)) == MANY, seconds=60, what="all to be queued")
            assert desk.cancel(resting["id"])["outcome"] == "pending"
        stream.wait(resting["id"], "cancel", seconds=60)
        until(lambda: _statuses(link, late) == ["new"] * MANY, seconds=60, what="all to be there")
        _ask_all_to_stop(desk, late)
        until(
            lambda: _statuses(link, late) == ["canceled"] * MANY, seconds=60, what="all to be gone"
        )
    (child,) = _children(link, [resting["id"]])
    (venue,) = (v for v in VENUES if _stops(_taken(product, v), child))
    new = _taken(product, venue)[begun[venue] :]
    first = next(n for n, one in enumerate(new) if _stops([one], child))
    # One look at the queue may have begun before the gateway was held; no second one comes first.
    assert first <= LIMIT, "the cancel waited behind orders that came before it"
    assert sum(len(_taken(product, v)) - begun[v] for v in VENUES) > 2 * MANY
    for name in VENUES:
        _never_more_than_the_limit(_taken(product, name)[begun[name] :], _handed_over(link, name))


def _never_more_than_the_limit(taken: list[_Taken], handed: dict[str, datetime]) -> None:
    for one, later in zip(taken, taken[LIMIT:], strict=False):
        since = handed.get(one.cl_ord_id, one.at)
        assert later.at - since >= timedelta(seconds=1), (
            f"{LIMIT + 1} messages from {since} to {later.at}"
        )


def _ask_all_to_stop(desk: Desk, order_ids: list[str]) -> None:
    for order_id in order_ids:
        assert desk.cancel(order_id)["outcome"] == "pending"


@contextmanager
def _gateway_held(product: Product) -> Iterator[None]:
    pid = product.kill("gateway", signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _take(link: Link, limit: int) -> None:
    """Change what the venues take, and wait until their sessions have read it."""
    link.execute(
        "UPDATE venues_venue SET max_messages_per_s = %s WHERE id = ANY(%s)", [limit, VENUES]
    )
    for _ in range(2):
        _until_heard_again(link, _heard(link))


def _until_heard_again(link: Link, before: dict[str, datetime]) -> None:
    """A session notes that it lives right before it reads what its venue takes."""

    def again() -> bool:
        return all(at > before[venue] for venue, at in _heard(link).items())

    until(again, what="the sessions to look again")


def _heard(link: Link) -> dict[str, datetime]:
    rows = link.execute(
        "SELECT id, coalesce(last_heard_at, '2000-01-01 00:00Z') FROM venues_venue"
        " WHERE id = ANY(%s) ORDER BY id",
        [VENUES],
    )
    return {str(name): at for name, at in rows.fetchall()}


def _children(link: Link, order_ids: list[str]) -> list[str]:
    rows = link.execute(
        "SELECT id FROM orders_venueorder WHERE order_id = ANY(%s) ORDER BY id", [order_ids]
    )
    return [str(name) for (name,) in rows.fetchall()]


def _statuses(link: Link, order_ids: list[str]) -> list[str]:
    rows = link.execute(
        "SELECT status FROM orders_venueorder WHERE order_id = ANY(%s) ORDER BY id", [order_ids]
    )
    return [str(status) for (status,) in rows.fetchall()]


def _handed_over(link: Link, venue: str) -> dict[str, datetime]:
    """When each message was taken from the queue, of those that went out once."""
    rows = link.execute(
        "SELECT cl_ord_id, sent_at FROM venues_outbound WHERE venue_id = %s AND sends = 1"
        " ORDER BY id",
        [venue],
    )
    return {str(name): at for name, at in rows.fetchall()}


def _taken(product: Product, venue: str) -> list[_Taken]:
    """Every message that a venue has been sent, in order, and when it dealt with it."""
    found: list[_Taken] = []
    waiting: list[_Line] = []
    for text in journal.path_of(product.outside, venue).read_bytes().splitlines():
        line = msgspec.json.decode(text, type=_Line)
        if line.msg in SENT:
            waiting.append(line)
        elif line.msg == "batch":
            assert line.at is not None
            found += [_Taken(m.msg, m.cl_ord_id, m.orig_cl_ord_id, line.at) for m in waiting]
            waiting = []
    return found


def _stops(taken: list[_Taken], cl_ord_id: str) -> bool:
    return any(one.msg == "F" and one.orig_cl_ord_id == cl_ord_id for one in taken)
