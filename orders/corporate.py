"""Corporate actions and orders: what ends takes its open orders with it, by name and reason.

The actions themselves are the client side's; this room asks orders to stop once a bond is redeemed
or called, and is asked by beat and by the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from allocations import corporate_actions
from allocations.models import CorporateAction
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining
from oms_site.kit import clock
from orders import desk
from orders.models import Order
from orders.states import ORDER_TERMINAL

_by = actors.system("corporate actions")
_MOST = 200


def run() -> int:
    """Apply what bonds' schedules say is due, and stop orders in what is no more."""
    applied = corporate_actions.run_schedule()
    stop_ended(at=clock.now())
    return applied


def decide(
    action_id: str, *, apply_it: bool, by: Principal, at: datetime, correlation_id: str = ""
) -> CorporateAction:
    """Another person applies or withdraws an action; see `corporate_actions.decide`."""
    row = corporate_actions.decide(
        action_id, apply_it=apply_it, by=by, at=at, correlation_id=correlation_id
    )
    if apply_it and row.kind in corporate_actions.ENDING:
        stop_ended(at=at)
    return row


def stop_ended(*, at: datetime) -> int:
    """Ask the open orders of an organization in what was called or redeemed there to stop.

    Also those that were sent since: there is nothing left to trade. Returns how many were asked.
    """
    ended = CorporateAction.objects.filter(
        status="applied", kind__in=list(corporate_actions.ENDING)
    )
    asked = 0
    for organization_id, instrument_id in ended.values_list(
        "organization_id", "instrument_id"
    ).distinct():
        rows = Order.objects.filter(
            organization_id=organization_id, instrument_id=instrument_id, pending=""
        ).exclude(status__in=[s.value for s in ORDER_TERMINAL])
        asked += _stop_all(rows, at=at)
    return asked


def _stop_all(rows: QuerySet[Order], *, at: datetime) -> int:
    """Page by page, since one that a venue will not cancel stays among them."""

    def stop(order_ids: Sequence[str]) -> int:
        desk.stop(order_ids, by=_by, at=at)
        return len(order_ids)

    asked, found = 0, [""]
    while True:
        after, found = found[-1], []

        def together(taken: list[str], after: str = after) -> int:
            page = rows.filter(id__gt=after).order_by("id")
            taken += page.values_list("id", flat=True)[:_MOST]
            return stop(taken) if taken else 0

        asked += draining.safely(together, lambda key: stop([key]), aside=_tell, taken=found)
        if len(found) < _MOST:
            return asked


def _tell(order_id: str, error: Exception) -> None:
    draining.tell("stop_ended", order_id, error, order_id=order_id)
