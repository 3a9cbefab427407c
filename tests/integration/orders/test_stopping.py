"""Asking many orders to stop by one statement is asking each of them, only faster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, Order, VenueOrder
from orders.stopping import at_once
from tests import trading
from venues import messages
from venues.messages import ExecType
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
_by = actors.system("halts")


def _ask(*order_ids: str) -> dict[str, str]:
    with unit.work(by=_by, at=clock.now()) as work:
        return at_once.ask(work, order_ids, at=work.at)


def _live(**changes: Any) -> str:
    child = trading.routed(**changes)
    trading.receive(trading.report(child, ExecType.NEW))
    return child.order_id


def _split(name: str = 'a "b" \\ % é') -> str:
    """One order worked by two execution orders, with an id of the client's that needs escaping."""
    number = Order.objects.count()
    order_id = trading.submit(bypass_auto_execution=True, client_order_id=f"{name} {number}")
    for qty in (1000, 2000):
        trading.execute(order_id, qty)
    return order_id


def _rows(order_id: str) -> list[Any]:
    """What is stored of an order, with the ids that every run makes anew named by their place."""
    order = Order.objects.get(pk=order_id)
    parts = ExecutionOrder.objects.filter(order_id=order_id).order_by("id")
    children = list(VenueOrder.objects.filter(order_id=order_id).order_by("id"))
    events = Event.objects.filter(
        subject=order_id, event_type__in=["cancel_request", "venue_cancel_request"]
    ).order_by("seq")
    sent = Outbound.objects.filter(cl_ord_id__in=[c.cancel_cl_ord_id for c in children])
    said = [
        *[[e.event_type, e.msg_type, e.actor, e.at, e.order_id, e.organization_id] for e in events],
        *[json.loads(e.body) for e in events],
        *[json.loads(e.changes) for e in events],
        *[[s.venue_id, s.kind, s.sends, s.sent_at, json.loads(s.body)] for s in sent],
        [{**row.state(), "version": row.version} for row in (order, *parts, *children)],
    ]
    text = json.dumps(said, default=str, sort_keys=True)
    made = [e.event_id for e in events]
    made += [json.loads(e.body)["event"].get("cancel_request_id", "") for e in events]
    made += [c.cancel_cl_ord_id for c in children]
    (update_id,) = {json.loads(e.body)["update_id"] for e in events}
    made.append(update_id)
    if order.client_order_id:
        text = text.replace(json.dumps(order.client_order_id), '"<client>"')
    names = [
        order_id,
        order.screening_id or "",
        *[p.id for p in parts],
        *[c.id for c in children],
        *filter(None, made),
    ]
    for n, name in enumerate(names):
        text = text.replace(name, f"<{n}>")
    return sorted(json.loads(text), key=str)


@pytest.mark.parametrize(
    "make", [_live, lambda: trading.routed().order_id, _split, lambda: _split("it's %s")]
)
def test_it_writes_what_the_desk_writes(make: Any) -> None:
    one = make()
    assert list(_ask(one)) == [one]
    asked = Order.objects.get(pk=one)
    assert (asked.pending, asked.cancel_requested_at) == ("cancel", clock.now())
    other = make()
    (answer,) = desk.stop([other], by=_by, at=clock.now())
    assert answer.outcome == "pending"
    assert _rows(other) == _rows(one)


def test_the_client_id_and_the_message_are_readable() -> None:
    order_id = _split()
    cancels = _ask(order_id)
    event = Event.objects.get(subject=order_id, event_type="cancel_request")
    said = json.loads(event.body)["event"]
    assert said["client_order_id"] == Order.objects.get(pk=order_id).client_order_id
    assert said["cancel_request_id"] == cancels[order_id]
    for child in VenueOrder.objects.filter(order_id=order_id):
        sent = Outbound.objects.get(cl_ord_id=child.cancel_cl_ord_id, kind="F")
        message = messages.decode_outgoing(sent.body)
        assert isinstance(message, messages.CancelRequest)
        assert (message.orig_cl_ord_id, message.side) == (child.id, "1")
    assert len(set(Event.objects.values_list("event_id", flat=True))) == Event.objects.count()


def test_what_is_not_plain_is_left_alone() -> None:
    staged = trading.submit(bypass_auto_execution=True)
    flagged = trading.submit(limit_price=trading.D("90"))
    asked = _live()
    desk.cancel([asked], by=trading.person(), at=clock.now())
    half = trading.submit(bypass_auto_execution=True)
    child = trading.execute(half, 1000)
    desk.cancel_execution(half, child.execution_order_id, by=trading.person(), at=clock.now())
    done = _live()
    filled = VenueOrder.objects.get(order_id=done)
    trading.receive(trading.fill(filled, 3000, cum=3000))
    before = Event.objects.count()
    assert _ask(staged, flagged, asked, half, done, "mo_unknown") == {}
    assert Event.objects.count() == before


def test_each_is_asked_once() -> None:
    orders = [_live(), _live()]
    assert sorted(_ask(*orders)) == sorted(orders)
    assert _ask(*orders) == {}
