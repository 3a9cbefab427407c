"""What the gate promises that no other file shows: insiders, rates, second looks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from allocations.models import Account
from controls import listing
from controls.models import Review, Screening
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, expiry, routing
from orders.models import ExecutionOrder, VenueOrder
from tests import trading
from tests.integration.orders import lists
from tests.integration.orders.limits import in_force
from venues import instruments
from venues.messages import ExecType, OrdStatus

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


def _said(**changes: Any) -> str:
    """The status, or the reject code, of a new order."""
    order = trading.order(trading.submit(**changes))
    return order.reject_code or str(order.status)


def _decide(order_id: str, *, approve: bool = True) -> Any:
    return desk.decide(
        order_id,
        approve=approve,
        annotation="seen",
        client_decision_id="",
        by=trading.person("alpha_compliance"),
        at=clock.now(),
    )


# --- people and rates ----------------------------------------------------------------------------
def test_the_account_of_an_insider_waits_for_a_second_person() -> None:
    in_force("mandate.guideline", remediation="flag")
    issuer = instruments.find(trading.BOND)
    assert issuer is not None
    account = Account.objects.get(organization_id="alpha", code="ALPHA-002")
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    rules = {"excluded_issuers": [issuer.issuer]}
    row = listing.agree(account.pk, rules, by=maker, at=clock.now())
    listing.approve(row, by=checker, at=clock.now())
    generation.check()
    assert _said() == "pending_approval"
    assert _said(account_id="alpha-003") == "pending_execution"


def test_one_message_more_than_the_rate_is_refused_until_the_window_is_over() -> None:
    in_force("rate.messages", max_messages=2, window_s=1)
    assert [_said(), _said()] == ["pending_execution"] * 2
    assert _said() == "rate_limit_exceeded"
    with clock.frozen_at(clock.now() + timedelta(seconds=2)):
        assert _said() == "pending_execution"


def test_too_many_orders_for_the_trades_that_come_of_them_are_flagged() -> None:
    in_force("rate.order_to_trade", remediation="flag", max_ratio="2", from_messages=2)
    assert [_said(), _said()] == ["pending_execution"] * 2
    assert _said() == "pending_approval"


def test_what_we_passed_and_what_the_venue_refused_are_told_apart() -> None:
    child = trading.routed()
    text = "outside the venue's band"
    refused = {"ord_status": OrdStatus.REJECTED, "leaves_qty": D(0), "text": text}
    trading.receive(trading.report(child, ExecType.REJECTED, **refused), venue_id=child.venue_id)
    stages = Screening.objects.filter(subject=child.order_id).order_by("id")
    assert {row.outcome for row in stages} == {"passed"}
    row = ExecutionOrder.objects.get(pk=child.execution_order_id)
    assert (row.status, row.reason) == ("rejected", text)
    assert trading.order(child.order_id).rejected_by == ""
    assert VenueOrder.objects.get(pk=child.pk).status == "rejected"


# --- a second look -------------------------------------------------------------------------------
def test_a_price_that_moved_while_it_waited_refuses_the_release() -> None:
    order_id = trading.submit(limit_price=D(107))
    assert trading.order(order_id).status == "pending_approval"
    lists.quote("79", "79.5")
    decision = _decide(order_id)
    assert decision.error is not None
    assert decision.error.code == "recheck_failed"
    order = trading.order(order_id)
    assert order.status == "pending_approval"
    failed = Event.objects.get(subject=order_id, event_type="manual_approve_fail")
    assert '"reason":"recheck_failed"' in failed.body
    assert '"failed_controls":[{' in failed.body
    assert Review.objects.get(subject=order_id).status == "open"
    routing.drain()
    assert not ExecutionOrder.objects.filter(order_id=order_id).exists()
    lists.quote("99", "99.5")
    assert _decide(order_id).error is None
    assert trading.order(order_id).status == "pending_execution"


def test_the_close_expires_an_order_that_waits_and_its_review() -> None:
    order_id = trading.submit(limit_price=D(107))
    with clock.frozen_at(trading.order(order_id).expires_at):
        late = _decide(order_id)
        assert late.error is not None
        assert late.error.code == "market_closed"
        expiry.sweep()
        assert trading.order(order_id).status == "expired"
        assert Review.objects.get(subject=order_id).status == "expired"
        assert Event.objects.filter(subject=order_id, event_type="expire").count() == 1
        gone = _decide(order_id)
        assert gone.error is not None
        assert gone.error.code == "order_not_pending_approval"
