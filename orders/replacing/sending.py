"""Asks the venues for new terms, by OrderCancelReplaceRequest(G) or, without that, in two steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import execution, extending, handling, sides, time_in_force
from orders.models import ReplaceLeg
from orders.replacing import settling
from orders.replacing.planning import LegPlan
from orders.revisions.dropping import naming
from orders.revisions.rows import Asked
from orders.states import Amending
from orders.tree import Tree
from venues import instruments, messages, registry, transmission

EMULATED, REPLACED = "vx", "vr"  # what the ids of legs begin with


def carry_out(
    work: Unit, one: Tree, asked: Asked, plan: Sequence[LegPlan], *, by: Actor, at: datetime
) -> str:
    """Ask every venue that the plan needs; without one the new terms are in force at once.

    Nothing but pending facets moves until a venue has answered. Returns `pending` or `replaced`.
    """
    if not plan:
        settling.finish(work, one, asked, by=by, at=at)
        return "replaced"
    row, changed = asked.row, list[Any]()
    one.order.request_replace(amending=Amending.SENT, qty=row.order_qty, price=row.limit_price)
    for step in plan:
        leg = _leg(asked, step, at)
        asked.legs.append(leg)
        work.add(leg)
        step.child.request_replace(replace_cl_ord_id=leg.id)
        step.row.request_replace()
        changed += [leg, step.child, step.row]
        transmission.queue(work, step.child.venue_id, _message(one, step, leg, at), at=at)
    once = list({id(moved): moved for moved in [row, *changed]}.values())
    execution.record(
        work,
        one,
        "venue_replace_request",
        {**naming(one, row), "legs": [_wire(leg) for leg in asked.legs]},
        msg_type=MsgType.INTERNAL,
        also=once,
        by=by,
        at=at,
    )
    return "pending"


def _leg(asked: Asked, step: LegPlan, at: datetime) -> ReplaceLeg:
    child = step.child
    venue = registry.find(child.venue_id)
    # Nothing is replaced by nothing: what is not to be worked any more is canceled.
    emulated = not (venue and venue.replaces) or step.qty <= child.cum_qty
    return ReplaceLeg(
        id=ids.prefixed(EMULATED if emulated else REPLACED),
        organization_id=child.organization_id,
        replacement_id=asked.row.id,
        order_id=child.order_id,
        venue_order_id=child.id,
        orig_cl_ord_id=child.current_cl_ord_id,
        emulated=emulated,
        qty=step.qty,
        limit_price=step.limit_price,
        was_qty=child.qty,
        was_limit_price=child.limit_price,
        created_at=at,
    )


def _message(one: Tree, step: LegPlan, leg: ReplaceLeg, at: datetime) -> transmission.Outgoing:
    cusip = instruments.by_id(one.order.instrument_id).cusip
    side = execution.SIDES[one.order.side]
    if leg.emulated:
        return messages.CancelRequest(
            cl_ord_id=leg.id,
            orig_cl_ord_id=leg.orig_cl_ord_id,
            security_id=cusip,
            side=side,
            transact_time=at,
            **sides.mark(one.order),
        )
    # A venue carries nothing over: every instruction is repeated (FIX, message G).
    return messages.ReplaceRequest(
        cl_ord_id=leg.id,
        orig_cl_ord_id=leg.orig_cl_ord_id,
        security_id=cusip,
        side=side,
        ord_type="1" if leg.limit_price is None else "2",
        order_qty=leg.qty,
        price=leg.limit_price,
        transact_time=at,
        time_in_force=time_in_force.wire(one.order),
        **handling.wire(one.order, step.row, qty=leg.qty),
        **extending.wire(step.row),
        expire_time=time_in_force.leaves_venue_at(one.order, at=at),
        **sides.wire(one.order),
    )


def _wire(leg: ReplaceLeg) -> dict[str, Any]:
    return {
        "cl_ord_id": leg.id,
        "orig_cl_ord_id": leg.orig_cl_ord_id,
        "qty": leg.qty,
        "limit_price": leg.limit_price,
        "emulated": leg.emulated,
    }
