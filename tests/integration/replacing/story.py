"""Short words for stories of replaced orders: amend, what went out, what the venue says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk
from orders.models import Order, ReplaceLeg, Replacement, VenueOrder
from orders.requests import AmendAsk, AmendRequest, AmendResult
from tests import trading
from venues import messages
from venues.messages import CancelReject, ExecType, ExecutionReport, OrdStatus
from venues.models import Outbound

D = Decimal


def amend(order_id: str, by: str = "alpha_trader", **changes: Any) -> AmendResult:
    """Ask one order to become something else."""
    for name in ("qty", "limit_price", "stop_price"):
        if name in changes:
            changes[name] = D(changes[name])
    request = AmendRequest(order_id, AmendAsk(**changes))
    (result,) = desk.replace([request], by=trading.person(by), at=clock.now())
    return result


def working(qty: int = 10_000, **changes: Any) -> tuple[str, VenueOrder]:
    """An order all of which one venue works; its id and its venue order."""
    order_id = trading.submit(qty=D(qty), bypass_auto_execution=True, **changes)
    child = trading.execute(order_id, qty)
    trading.receive(trading.report(child, ExecType.NEW))
    return order_id, child


def leg(order_id: str) -> ReplaceLeg:
    """The latest leg of an order."""
    found = ReplaceLeg.objects.filter(order_id=order_id).order_by("id").last()
    assert found is not None
    return found


def replacement(order_id: str) -> Replacement:
    """The latest replacement of an order."""
    found = Replacement.objects.filter(order_id=order_id).order_by("revision").last()
    assert found is not None
    return found


def child(order_id: str) -> VenueOrder:
    """The latest venue order of an order."""
    found = VenueOrder.objects.filter(order_id=order_id).order_by("id").last()
    assert found is not None
    return found


def sent(kind: str) -> list[Any]:
    """Messages of a kind that were queued for any venue, oldest first."""
    rows = Outbound.objects.filter(kind=kind).order_by("id").values_list("body", flat=True)
    return [messages.decode_outgoing(body) for body in rows]


def replaced(order_id: str, **changes: Any) -> ExecutionReport:
    """The venue accepts the latest replace."""
    asked = leg(order_id)
    one = VenueOrder.objects.get(pk=asked.venue_order_id)
    qty = D(changes.pop("order_qty", asked.qty))
    terms: dict[str, Any] = {
        "cl_ord_id": asked.id,
        "orig_cl_ord_id": asked.orig_cl_ord_id,
        "order_qty": qty,
        "cum_qty": one.cum_qty,
        "leaves_qty": max(qty - one.cum_qty, D(0)),
        "ord_status": OrdStatus.PARTIALLY_FILLED if one.cum_qty else OrdStatus.NEW,
    }
    return trading.report(one, ExecType.REPLACED, **{**terms, **changes})


def refused(order_id: str, *, reason: int = 99, text: str = "no") -> CancelReject:
    """The venue refuses the latest replace."""
    asked = leg(order_id)
    return CancelReject(
        seq=trading.next_seq(),
        order_id=f"V-{asked.venue_order_id}",
        cl_ord_id=asked.id,
        orig_cl_ord_id=asked.orig_cl_ord_id,
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=reason,
        transact_time=clock.now(),
        response_to="2",
        text=text,
    )


def told(order_id: str) -> list[str]:
    """The events of an order, oldest first."""
    return list(
        Event.objects.filter(order_id=order_id).order_by("id").values_list("event_type", flat=True)
    )


def body(order_id: str, event_type: str) -> dict[str, Any]:
    """The latest event of a type, as clients see it."""
    import json

    event = Event.objects.filter(order_id=order_id, event_type=event_type).order_by("id").last()
    assert event is not None, told(order_id)
    said: dict[str, Any] = json.loads(event.body)["event"]
    return said


def order(order_id: str) -> Order:
    """The order now."""
    return trading.order(order_id)
