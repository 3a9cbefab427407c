"""What of a stopped scope is not proven gone, and why: for people who wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from orders.models import ExecutionOrder, Order, VenueOrder
from orders.states import ORDER_TERMINAL, VENUE_TERMINAL, Pending
from orders.stopping import selecting
from orders.stopping.selecting import Selection

MOST = 20


def on(wanted: Selection, *, limit: int = MOST) -> list[dict[str, Any]]:
    """Orders of a selection that are not proven gone, each with one sentence that says why."""
    rows = list(
        selecting.alive(wanted).select_related("instrument").order_by("created_at", "pk")[:limit]
    )
    names = [order.id for order in rows]
    children: dict[str, list[VenueOrder]] = {name: [] for name in names}
    unsettled = Q(in_doubt=True) | ~Q(status__in=sorted(VENUE_TERMINAL))
    found = VenueOrder.objects.filter(unsettled, order_id__in=names)
    if wanted.venue:
        found = found.filter(venue_id=wanted.venue)
    for child in found.order_by("pk"):
        children[child.order_id].append(child)
    parts = ExecutionOrder.objects.filter(order_id__in=names).exclude(
        status__in=[s.value for s in ORDER_TERMINAL]
    )
    protocols: dict[str, set[str]] = {name: set() for name in names}
    for part in parts.order_by("pk"):
        protocols[part.order_id].add(part.protocol)
    return [
        {
            "order_id": order.id,
            "client_order_id": order.client_order_id,
            "cusip": order.instrument.cusip,
            "leaves_qty": order.leaves_qty,
            "why": why(order, children[order.id], protocols[order.id]),
        }
        for order in rows
    ]


def why(order: Order, children: Sequence[VenueOrder], protocols: set[str]) -> str:
    """One sentence on what is waited for."""
    for child in children:
        if child.in_doubt:
            return f"{child.venue_id} and we do not agree on it: in doubt."
    refused = [child for child in children if child.cancel_cl_ord_id and not child.pending]
    if refused:
        text = f" ({refused[0].text})" if refused[0].text else ""
        return f"{refused[0].venue_id} refused to cancel it{text}: it is asked again."
    asked = [child for child in children if child.pending in (Pending.CANCEL, Pending.EXPIRE)]
    if asked:
        return f"{asked[0].venue_id} has been asked and has not answered."
    if children:
        return f"{children[0].venue_id} works it and is about to be asked."
    if "external" in protocols:
        return "It is worked by voice and about to be canceled."
    if order.pending:
        return "A cancel is pending."
    return "It is open and about to be asked."
