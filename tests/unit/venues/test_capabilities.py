"""What a venue cannot take is never sent to it, and the reason says what it takes."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pytest

from venues import fitting
from venues.calendar import NEW_YORK
from venues.capabilities import Capabilities
from venues.smart_routing import Decision, VenueFacts

D = Decimal
TEN = datetime(2026, 11, 23, 10, 0, tzinfo=NEW_YORK)
HALF_PAST_FOUR = TEN.replace(hour=16, minute=30)


def venue(name: str, preference: int = 10, **takes: Any) -> VenueFacts:
    facts = VenueFacts(name, name, name, "active", frozenset(), frozenset(), preference)
    return VenueFacts(
        **{
            **{field: getattr(facts, field) for field in facts.__dataclass_fields__},
            "capabilities": Capabilities(**takes),
        }
    )


def route(*venues: VenueFacts, qty: int = 5000, tif: str = "day", at: datetime = TEN) -> Decision:
    return fitting.decide(
        venues,
        asset_class="treasury",
        ord_type="limit",
        qty=D(qty),
        time_in_force=tif,
        at=at,
    )


@pytest.mark.parametrize(
    ("takes", "asked", "why"),
    [
        ({"protocols": frozenset({"rfq"})}, {}, "takes no orders by limit_order_book"),
        ({"times_in_force": frozenset({"day"})}, {"tif": "ioc"}, "takes no ioc orders"),
        ({"times_in_force": frozenset({"ioc"})}, {"tif": "gtc"}, "takes no day orders"),
        ({"min_qty": D(10_000)}, {}, "takes no less than 10,000"),
        ({"max_qty": D(1000)}, {}, "takes no more than 1,000"),
        ({"qty_increment": D(2000)}, {}, "takes multiples of 2,000"),
        ({"cutoff_at": time(16)}, {"at": HALF_PAST_FOUR}, "takes no new orders after 16:00 ET"),
        (
            {"opens_at": time(9), "closes_at": time(16)},
            {"at": HALF_PAST_FOUR},
            "is open from 09:00 to 16:00 ET",
        ),
    ],
)
def test_what_a_venue_cannot_take_goes_to_the_next_with_the_reason(
    takes: dict[str, Any], asked: dict[str, Any], why: str
) -> None:
    found = route(venue("A", **takes), venue("B", 20), **asked)
    assert [part.venue_id for part in found.slices] == ["B"]
    assert f"A: {why}" in found.reason
    alone = route(venue("A", **takes), **asked)
    assert alone.slices == ()
    assert alone.reason == f"no venue can take it (A: {why})"


@pytest.mark.parametrize(
    ("takes", "asked"),
    [
        ({"times_in_force": frozenset({"day", "ioc"})}, {"tif": "ioc"}),
        ({"times_in_force": frozenset({"day"})}, {"tif": "gtc"}),
        ({"min_qty": D(5000), "max_qty": D(5000), "qty_increment": D(1000)}, {}),
        ({"cutoff_at": time(16)}, {}),
        ({"opens_at": time(10), "closes_at": time(16)}, {}),
        ({}, {"at": HALF_PAST_FOUR}),
    ],
)
def test_what_it_takes_is_sent(takes: dict[str, Any], asked: dict[str, Any]) -> None:
    assert [p.venue_id for p in route(venue("A", **takes), venue("B", 20), **asked).slices] == ["A"]
