"""What a venue that takes few messages gets first, and what may never overtake what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from oms_site.kit import clock
from venues import messages, transmission
from venues.models import Outbound, Venue

VENUE = "SIMA"


def waiting(kind: str, cl_ord_id: str, orig: str = "") -> None:
    """A message in the queue; only a cancel's body is read here."""
    body = "{}"
    if kind == "F":
        body = messages.encode(
            messages.CancelRequest(
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=orig,
                security_id="037833DP2",
                side="1",
                transact_time=clock.now(),
            )
        ).decode()
    Outbound.objects.create(
        venue_id=VENUE, cl_ord_id=cl_ord_id, kind=kind, body=body, created_at=clock.now()
    )


def taken(limit: int, *, cancels_first: bool = True) -> list[str]:
    rows = transmission.take_due(VENUE, limit=limit, cancels_first=cancels_first)
    return [row.cl_ord_id for row in rows]


def test_cancels_overtake_orders_of_others_but_never_their_own(sandbox: datetime) -> None:
    for n in range(4):
        waiting("D", f"new{n}")
    waiting("F", "c-own", orig="new3")
    waiting("F", "c-old", orig="sent-long-ago")
    assert taken(2) == ["c-old", "new0"]
    assert taken(10) == ["new1", "new2", "new3", "c-own"]
    assert taken(10) == []


def test_a_venue_without_a_limit_gets_everything_in_its_order(sandbox: datetime) -> None:
    waiting("D", "new")
    waiting("F", "c", orig="sent-long-ago")
    assert taken(10, cancels_first=False) == ["new", "c"]


@pytest.mark.parametrize("limit", [0, 50])
def test_the_pace_is_the_venues_own(sandbox: Any, limit: int) -> None:
    Venue.objects.filter(pk=VENUE).update(max_messages_per_s=limit)
    assert transmission.pace_of(VENUE) == limit
    assert transmission.pace_of("nowhere") == 0
