"""Who is woken by a commit: only processes that have something to do because of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from oms_site.firm.database import conninfo
from oms_site.journal.unit import CHANNEL
from orders import desk, routing
from orders.models import VenueOrder
from tests import trading
from venues import transmission

Bell = psycopg.Connection[Any]


@pytest.fixture
def bell(committed_sandbox: datetime) -> Iterator[Bell]:
    """A connection that hears both channels."""
    with psycopg.connect(**conninfo(), autocommit=True) as link:
        link.execute(f"LISTEN {CHANNEL}")
        link.execute(f"LISTEN {transmission.CHANNEL}")
        yield link


def _heard(bell: Bell) -> set[tuple[str, str]]:
    bell.execute("SELECT 1")  # what was committed before is heard by now
    return {(one.channel, one.payload) for one in bell.notifies(timeout=0)}


def test_an_order_that_goes_to_no_venue_wakes_no_gateway(bell: Bell) -> None:
    assert desk.submit([trading.request()])[0].error is None
    assert _heard(bell) == {(CHANNEL, "")}


def test_a_message_wakes_the_session_of_its_venue_alone(bell: Bell) -> None:
    assert desk.submit([trading.request()])[0].error is None
    _heard(bell)
    assert routing.drain()
    (sent,) = VenueOrder.objects.all()
    assert _heard(bell) == {(CHANNEL, ""), (transmission.CHANNEL, sent.venue_id)}
