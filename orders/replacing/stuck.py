"""Replacements that a venue does not answer: asked about again and again, never guessed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import breaks, execution, sides, tree
from orders.models import Order, Replacement, VenueOrder
from orders.revisions import rows
from orders.states import Amending, ReplaceStatus
from orders.tree import Tree
from venues import instruments, messages, transmission

PATIENCE = timedelta(seconds=60)
KIND = "replace_unanswered"
_by = actors.system("replacing")
# What a venue leaves unanswered stays: each sweep asks about the next page.
_turns = draining.Turns()
_odd = draining.Aside("ask_replacing")


def sweep(*, limit: int = 200) -> int:
    """Mark what is unanswered for a minute as in doubt, tell people, and ask; how many."""
    return draining.safely(
        partial(_sweep, limit),
        lambda order_id: _sweep(1, [], order_id),
        aside=lambda order_id, error: _odd.put(order_id, error, order_id=order_id),
    )


def _sweep(limit: int, taken: list[str], only: str = "") -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.check()
        waiting = Replacement.objects.filter(
            status=ReplaceStatus.PENDING.value, created_at__lt=at - PATIENCE
        )
        due = (
            Order._base_manager.select_for_update(no_key=True, skip_locked=True)
            .filter(amending=Amending.SENT.value, id__in=waiting.values("order_id"))
            .exclude(id__in=_odd.keys())
        )
        found = list(due.filter(id=only)) if only else _turns.page(due, limit)
        taken += [order.id for order in found]
        trees = tree.below(work, {order.id: work.hold(order) for order in found})
        for one in trees.values():
            _ask(work, one, at)
    return len(trees)


def _ask(work: Unit, one: Tree, at: datetime) -> None:
    asked = rows.outstanding(work, one.order)
    for row in one.execution_orders if asked else []:
        for child in one.venue_orders[row.id]:
            assert asked is not None
            if child.replace_cl_ord_id and asked.leg(child.replace_cl_ord_id):
                _mark(work, one, child, at)
                ask_status(work, one, child, at=at)


def _mark(work: Unit, one: Tree, child: VenueOrder, at: datetime) -> None:
    opened = breaks.open(
        work,
        kind=KIND,
        key=child.replace_cl_ord_id,
        evidence={"cl_ord_id": child.replace_cl_ord_id, "venue_id": child.venue_id},
        at=at,
        organization_id=one.order.organization_id,
        order_id=one.order.id,
    )
    if not opened and child.in_doubt:
        return
    child.in_doubt = True
    work.record(
        child,
        "venue_in_doubt",
        body={
            **execution.naming(one),
            "cl_ord_id": child.current_cl_ord_id,
            "venue_id": child.venue_id,
            "venue_order_id": child.venue_order_id,
            "text": "its replacement is not answered",
        },
        order_id=one.order.id,
        at=at,
    )


def ask_status(work: Unit, one: Tree, child: VenueOrder, *, at: datetime) -> None:
    """Ask the venue what became of a venue order, by the id it works it under."""
    transmission.queue(
        work,
        child.venue_id,
        messages.StatusRequest(
            cl_ord_id=child.current_cl_ord_id,
            security_id=instruments.by_id(one.order.instrument_id).cusip,
            side=execution.SIDES[one.order.side],
            **sides.mark(one.order),
        ),
        at=at,
    )
