"""What is left of an execution order: who still has it, and its end once nobody does.

Whatever ends a venue order calls `settle` afterwards, so that the order of messages never matters;
`sweep` finds what was left open all the same. Nothing is asked of a venue here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import closing, rerouting, tree
from orders.models import ExecutionOrder, ReplaceLeg, Rfq, VenueOrder
from orders.states import (
    ORDER_EXECUTABLE,
    VENUE_TERMINAL,
    Pending,
    ReplaceStatus,
    RfqStatus,
    VenueStatus,
)
from orders.tree import Tree
from venues.capabilities import WORKED

RFQ = "rfq"
_ASKING = (RfqStatus.SENT, RfqStatus.QUOTING)
_by = actors.system("remainders")
_turns, _odd = draining.Turns(), draining.Aside("settle_rest")
# How venue orders that traded less than they asked for end what they belong to: of several, one
# that was worked and stopped says more than one that was never taken.
_HOW = {
    VenueStatus.CANCELED.value: "cancel",
    VenueStatus.EXPIRED.value: "expire",
    VenueStatus.REJECTED.value: "reject",
}


def has_owner(work: Unit, one: Tree, row: ExecutionOrder) -> bool:
    """Whether anybody still works what is left, or is about to: a venue, one that has yet to say
    whether it replaced what it filled, smart routing's next sweep, an inquiry, or people outside.
    """
    children = one.venue_orders[row.id]
    if any(not child.is_terminal or child.replace_cl_ord_id for child in children):
        return True
    if rerouting.owes(one, row) > 0:
        return True
    if row.protocol == RFQ:
        return not row.pending and not one.order.pending and _asks(work, row)
    return row.protocol not in WORKED


def settle(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    *,
    by: Actor,
    at: datetime,
    also: Sequence[Any] = (),
) -> bool:
    """End an execution order whose rest nobody has; true when it did. `also` goes into the event.

    It ends as its venue orders did, in whatever order they told it.
    """
    if row.is_terminal or has_owner(work, one, row):
        return False
    how, reason = _how(one, row)
    closing.close_execution(work, one, row, how, by=by, at=at, reason=reason, also=also)
    return True


def give_up(work: Unit, one: Tree, row: ExecutionOrder, *, by: Actor, at: datetime) -> None:
    """Drop a request to cancel once no venue is left that could answer it, and some go on."""
    if row.pending == Pending.CANCEL and one.working(row):
        closing.give_up_request(
            work, one, row, code=closing.OTHER, reason="A venue refused.", by=by, at=at
        )


def _how(one: Tree, row: ExecutionOrder) -> tuple[str, str]:
    """How it ends, and what the venue said that ended it so."""
    short = [c for c in one.venue_orders[row.id] if c.ended and c.cum_qty < c.qty]
    short = [child for child in short if not rerouting.gave_back(child)] or short
    if len({child.ended for child in short}) > 1:
        # One whose terms another took over, or that was amended away, decides nothing.
        replaced = set(_replaced(row).values_list("venue_order_id", flat=True))
        short = [child for child in short if child.id not in replaced] or short
    for ended, how in _HOW.items():
        said = [child.text for child in short if child.ended == ended]
        if said:
            return how, next((text for text in reversed(said) if text), "")
    return "cancel", "nobody works what is left"


def _replaced(row: ExecutionOrder) -> Any:
    legs = ReplaceLeg.objects.filter(order_id=row.order_id, venue_order__execution_order_id=row.id)
    return legs.filter(emulated=True, status=ReplaceStatus.REPLACED.value)


def _asks(work: Unit, row: ExecutionOrder) -> bool:
    """Whether an inquiry for it is still to find a quote, as this unit has it."""
    asked = Rfq.objects.filter(execution_order_id=row.id).values_list("id", flat=True)
    return any(rfq.status in _ASKING for rfq in work.lock(Rfq, asked).values())


# --- what was left open ----------------------------------------------------------------------


def sweep(*, limit: int = 200) -> int:
    """Settle what no report settled; how many were ended. One at fault holds up no other."""
    at_venues = VenueOrder.objects.filter(execution_order_id=OuterRef("pk"))
    loose = ExecutionOrder.objects.filter(
        protocol__in=sorted(WORKED), status__in=sorted(status.value for status in ORDER_EXECUTABLE)
    ).exclude(Exists(at_venues.exclude(status__in=sorted(VENUE_TERMINAL))))
    loose = loose.exclude(order_id__in=_odd.keys())
    names = sorted({row.order_id for row in _turns.page(loose, limit)})
    if not names:
        return 0
    generation.check()

    def together(taken: list[str]) -> int:
        taken += names
        return _settle(names)

    def put_aside(order_id: str, error: Exception) -> None:
        _odd.put(order_id, error, order_id=order_id)

    return draining.safely(together, lambda name: _settle([name]), aside=put_aside)


def _settle(names: Sequence[str]) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        ended = [
            settle(work, one, row, by=_by, at=at)
            for one in tree.lock(work, names).values()
            for row in one.live()
        ]
    return sum(ended)
