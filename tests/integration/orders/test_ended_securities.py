"""What was called or redeemed trades no more, and whose orders it ended is told why."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from allocations import corporate_actions
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import corporate, desk
from tests import trading
from venues import instruments
from venues.messages import ExecType, OrdStatus

pytestmark = pytest.mark.django_db
ENDED = {"call": "called", "redemption": "redeemed"}


def _end(kind: str = "call") -> None:
    """An issuer's last word about the bond, applied by a second person."""
    ask = corporate_actions.Ask(
        kind=kind,
        instrument_id=trading.BOND,
        record_date=clock.now().date(),
        pay_date=clock.now().date(),
        rate=trading.D(101),
        reason="The issuer says so.",
    )
    row = corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=clock.now())
    by = trading.person("alpha_compliance")
    corporate.decide(row.id, apply_it=True, by=by, at=clock.now())
    generation.check()


def _reasons(order_id: str) -> list[str]:
    rows = Event.objects.filter(subject=order_id, event_type="cancel").order_by("seq")
    return [msgspec.json.decode(row.body)["event"]["reason"] for row in rows]


@pytest.mark.parametrize(
    ("kind", "reason"), [("call", "security_called"), ("redemption", "security_redeemed")]
)
def test_an_order_in_what_was_called_says_so_when_it_ends(
    sandbox: datetime, kind: str, reason: str
) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    _end(kind)
    assert str(trading.order(order_id).status) == "canceled"
    assert _reasons(order_id) == [reason]


def test_an_order_that_its_venue_ends_later_says_so_too(sandbox: datetime) -> None:
    child = trading.routed()
    _end()
    assert trading.order(child.order_id).pending == "cancel"
    trading.receive(trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED))
    assert str(trading.order(child.order_id).status) == "canceled"
    assert _reasons(child.order_id) == ["security_called"]


def test_who_asked_before_the_call_reads_that_it_was_asked(sandbox: datetime) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    desk.cancel([order_id], by=trading.person("alpha_trader"), at=clock.now())
    _end()
    assert _reasons(order_id) == ["requested"]


@pytest.mark.parametrize("kind", ["call", "redemption"])
def test_a_new_order_in_what_was_called_is_refused(sandbox: datetime, kind: str) -> None:
    _end(kind)
    order = trading.order(trading.submit())
    assert (str(order.status), order.reject_code) == ("rejected", "instrument_not_active")
    assert order.reject_reason.endswith(f" is {ENDED[kind]}.")


def test_it_ends_for_those_alone_whose_action_it_is(sandbox: datetime) -> None:
    _end()
    assert corporate_actions.ended("alpha", _instrument()) == "called"
    assert corporate_actions.ended("beta", _instrument()) == ""


def _instrument() -> int:
    facts = instruments.find(trading.BOND)
    assert facts is not None
    return facts.id
