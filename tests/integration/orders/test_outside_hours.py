"""What a policy says of orders that come after the close, and of those whose time is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from oms_site.firm import generation
from oms_site.firm import policies as rules_of
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, expiry, routing
from orders.models import VenueOrder
from tests import policies, trading

NEW_YORK = ZoneInfo("America/New_York")


@contextmanager
def at(text: str) -> Iterator[None]:
    """A moment of New York; the sandbox's day is Monday the 23rd, Thursday is Thanksgiving."""
    with clock.frozen_at(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)):
        yield


def agree(**rules: Any) -> None:
    policies.agreed(rules=rules, at=clock.now() - timedelta(days=1))
    generation.check()


@pytest.mark.parametrize(
    ("came", "extended", "opens"),
    [
        ("2026-11-23T16:30", False, "2026-11-24T09:30"),
        ("2026-11-23T17:30", True, "2026-11-24T07:30"),
        ("2026-11-25T18:00", False, "2026-11-27T09:30"),
        ("2026-11-26T12:00", False, "2026-11-27T09:30"),
    ],
)
def test_an_order_after_the_close_is_queued_for_the_next_session_and_released_once(
    sandbox: datetime, came: str, *, extended: bool, opens: str
) -> None:
    agree(outside_hours="queue")
    with at(came):
        order_id = trading.submit(extended_hours=extended, client_order_id="late")
        order = trading.order(order_id)
        assert order.status == "pending_execution"
        assert order.eligible_at.astimezone(NEW_YORK).strftime("%Y-%m-%dT%H:%M") == opens
        assert routing.drain() == 0
        refused = desk.execute(
            order_id,
            trading.instruction(1000),
            by=trading.person(),
            at=clock.now(),
            correlation_id="",
        )
        assert refused.error is not None
        assert refused.error.code == "market_closed"
    with clock.frozen_at(order.eligible_at - timedelta(seconds=1)):
        assert routing.drain() == 0
        assert expiry.sweep() == 0
    with clock.frozen_at(order.eligible_at + timedelta(seconds=1)):
        assert routing.drain() == 1
        assert routing.drain() == 0
    assert VenueOrder.objects.filter(order_id=order_id).count() == 1


def test_without_that_rule_it_is_refused(sandbox: datetime) -> None:
    with at("2026-11-23T16:30"):
        order = trading.order(trading.submit())
    assert (order.status, order.reject_code) == ("rejected", "market_closed")


@pytest.mark.parametrize(("rule", "status"), [("expire", "expired"), ("cancel", "canceled")])
def test_the_end_of_the_day_is_told_as_the_policy_says_and_only_so(
    sandbox: datetime, rule: str, status: str
) -> None:
    agree(expiry_event=rule)
    order_id = trading.submit(bypass_auto_execution=True)
    with clock.frozen_at(trading.order(order_id).expires_at + timedelta(seconds=1)):
        assert expiry.sweep() == 1
    order = trading.order(order_id)
    assert order.status == status
    told = Event.objects.filter(subject=order_id, event_type__in=["expire", "cancel"])
    (event,) = told
    assert event.event_type == rule
    assert msgspec.json.decode(event.body)["event"]["reason"] == "end_of_day"
    trading.check_tree(order_id)


@pytest.mark.parametrize(
    "rules",
    [
        {"outside_hours": "zzz"},
        {"expiry_event": "both"},
        {"approvals_required": 0},
        {"approvals_required": 50},
        {"events_window_hours": 0},
        {"control_simulation_hours": 0},
        {"settlement_days": 2},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rules: dict[str, Any]) -> None:
    (fault,) = rules_of.faults("guide", rules)
    assert fault.code == "invalid_rule"
