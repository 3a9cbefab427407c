"""Execution orders: issuing them to venues, and asking venues to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from controls.models import Screening
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail, OmsError, refuse
from orders import (
    brokers,
    custodial,
    destinations,
    extending,
    handling,
    markups,
    notional,
    render,
    sides,
    sor,
    terms,
    time_in_force,
)
from orders.clearances import Clearance
from orders.models import ExecutionOrder, Order, VenueOrder
from orders.requests import Extension, Instruction
from orders.states import ORDER_EXECUTABLE, Pending
from orders.tree import Tree
from venues import capabilities, instruments, messages, transmission
from venues.instruments import InstrumentFacts
from venues.models import RoutingDecision, VenueExtension
from venues.smart_routing import Decision

SETTLE_LISTS = "orders.tasks.settle_lists"
SIDES: dict[str, messages.Side] = {"buy": "1", "sell": "2"}


@dataclass(frozen=True, slots=True)
class Issue:
    """One execution order to be made: its instructions and where they come from."""

    instruction: Instruction
    origin: str
    rule: str = ""
    fingerprint: str = ""
    id: str = ""
    # What money came to, where it was given in money.
    money: notional.Part | None = None
    # What the controls said of it, kept with the event of its creation.
    evidence: tuple[Screening, ...] = ()


def check(tree: Tree, instruction: Instruction, *, at: datetime) -> None:
    """Refuse what an execution order may never be. Raises `OmsError` with the code of the fault."""
    order = tree.order
    facts = instruments.by_id(order.instrument_id)
    if order.status not in ORDER_EXECUTABLE:
        raise OmsError("order_not_executable", f"The order is {order.status}.", status=409)
    if order.awaits_trigger and instruction.protocol != "external":
        raise OmsError("not_triggered", "The order waits for its stop price.", status=409)
    if order.is_held:
        raise OmsError("order_held", "The list that it belongs to holds it back.", status=409)
    cut_off = time_in_force.cut_off(order)
    if cut_off is not None and at >= cut_off and instruction.protocol != "external":
        raise OmsError("cutoff_passed", "It is too late to send it to a venue.", status=409)
    if order.pending == Pending.REPLACE:
        raise OmsError("order_pending_replace", "The order is being amended.", status=409)
    if order.pending:
        raise OmsError("order_pending_cancel", "The order is being stopped.", status=409)
    if instruction.protocol != "external" and time_in_force.waits(order, at=at):
        raise OmsError("market_closed", "The order waits for the next session.", status=409)
    refuse(destinations.faults(instruction))
    custodial.check(order, instruction, at=at)
    if instruction.venue_id and instruction.protocol == capabilities.BOOK:
        brokers.refuse(order, instruction.venue_id)
    faults = extending.faults(instruction)
    terms.check_size("amount", instruction.qty, facts, faults)
    _check_venue(order, instruction, faults)
    if instruction.qty > tree.free():
        faults.append(
            Detail(
                "amount",
                "exceeds_open_quantity",
                f"Only {render.tidy(tree.free()):f} of the order is not being executed already.",
            )
        )
    if terms.worse_limit(order.side, order.limit_price, instruction.limit_price):
        faults.append(
            Detail(
                "limit_price",
                "limit_worse_than_order",
                "An execution order's limit may not be worse than the order's.",
            )
        )
    whole = instruction.all_or_none and instruction.qty == order.leaves_qty
    if order.all_or_none and not whole:
        faults.append(
            Detail("all_or_none", "all_or_none_split", "The order is all or none: take all of it.")
        )
    if order.time_in_force == time_in_force.FOK and instruction.qty != order.leaves_qty:
        faults.append(
            Detail("amount", "fill_or_kill_split", "The order is fill or kill: take all of it.")
        )
    refuse(faults)
    own = instruction.limit_price
    markups.street_limit(
        order, order.limit_price if own is None else own, at=at, given=instruction.fees
    )


def _check_venue(order: Order, instruction: Instruction, faults: list[Detail]) -> None:
    """Who names a venue is told at once what it cannot do; smart routing leaves it out."""
    venue = destinations.of(instruction)
    if venue is None or venue.capabilities is None or instruction.protocol != capabilities.BOOK:
        return
    if why := venue.capabilities.why_not_handling(handling.needs(order)):
        faults.append(Detail("venue_id", "venue_not_capable", f"{venue.name} {why}."))


def issue(
    work: Unit,
    tree: Tree,
    issues: Sequence[Issue],
    *,
    clearance: Clearance,
    by: Actor,
    at: datetime,
) -> list[ExecutionOrder]:
    """Make execution orders, with their venue orders and messages, and say so in one event each.

    Raises `OmsError` before anything is made when an instruction may not be.
    """
    made = []
    for one in issues:
        check(tree, one.instruction, at=at)
        row = _row(tree, one, clearance, at)
        children, decision, kept = _children(work, tree, row, at)
        work.add(row, *children, *one.evidence, *kept)
        tree.execution_orders.append(row)
        tree.venue_orders[row.id].extend(children)
        tree.order.routed(execution_orders=1)
        extension = one.instruction.extension
        evidence = [*one.evidence, *kept, *extending.keep(work, row, extension)]
        money = one.money
        _record_created(work, tree, row, children, decision, evidence, money=money, by=by, at=at)
        for child in children:
            message = new_order(tree, row, child, at, extension=extension)
            transmission.queue(work, child.venue_id, message, at=at)
        made.append(row)
    return made


def _row(tree: Tree, one: Issue, clearance: Clearance, at: datetime) -> ExecutionOrder:
    order, asked = tree.order, one.instruction
    venue = destinations.of(asked)
    return ExecutionOrder(
        id=one.id or ids.prefixed("eo"),
        organization_id=order.organization_id,
        order_id=order.id,
        order_version=order.revision,
        screening_id=clearance.screening_id,
        screening_outcome=clearance.screening_outcome,
        review_id=clearance.review_id,
        review_status=clearance.review_status,
        client_execution_order_id=asked.client_execution_order_id,
        fingerprint=one.fingerprint,
        protocol=asked.protocol,
        strategy=asked.strategy,
        venue_id=venue.id if venue else None,
        custodian_id=asked.custodian_id or None,
        notional=one.money.notional if one.money else None,
        qty=asked.qty,
        leaves_qty=asked.qty,
        limit_price=asked.limit_price if asked.limit_price is not None else order.limit_price,
        all_or_none=asked.all_or_none,
        suppress_pmp_check=asked.suppress_pmp_check,
        fees=list(asked.fees),
        annotation=asked.annotation,
        origin=one.origin,
        rule=one.rule,
        created_at=at,
    )


def _children(
    work: Unit, tree: Tree, row: ExecutionOrder, at: datetime
) -> tuple[list[VenueOrder], Decision | None, tuple[RoutingDecision, ...]]:
    if row.protocol == capabilities.CUSTODIAN:
        handed = custodial.decision(row)
        return children_of(tree.order, row, handed, at), handed, ()
    if row.protocol != capabilities.BOOK:
        return [], None, ()
    decision, kept = sor.decide(work, tree.order, row, qty=row.qty, at=at)
    return children_of(tree.order, row, decision, at), decision, (kept,)


def children_of(
    order: Order, row: ExecutionOrder, decision: Decision, at: datetime
) -> list[VenueOrder]:
    """The venue orders that a decision asks for, at the street's limit, not yet written or sent."""
    limit = markups.street(order, row, at=at)
    return [
        VenueOrder(
            id=ids.prefixed("vo"),
            organization_id=row.organization_id,
            order_id=row.order_id,
            execution_order_id=row.id,
            venue_id=part.venue_id,
            qty=part.qty,
            leaves_qty=part.qty,
            limit_price=limit,
            created_at=at,
        )
        for part in decision.slices
    ]


def _record_created(
    work: Unit,
    tree: Tree,
    row: ExecutionOrder,
    children: Sequence[VenueOrder],
    decision: Decision | None,
    evidence: Sequence[Screening | RoutingDecision | VenueExtension],
    *,
    money: notional.Part | None,
    by: Actor,
    at: datetime,
) -> None:
    body = {
        **naming(tree, row),
        "execution_order": render.execution_order(row, tree.order.amount_type),
        "routing": None if decision is None else decision.reason,
        "venue_orders": [{"cl_ord_id": c.id, "venue_id": c.venue_id} for c in children],
        **({"money": notional.view([money])} if money else {}),
    }
    made = (row, *children, *evidence)
    record(work, tree, "execution_order_create", body, also=made, by=by, at=at)
    if decision is not None and not decision.slices:
        row.reject(at=at, reason=decision.reason)
        record(
            work,
            tree,
            "execution_order_cancel",
            {**naming(tree, row), "reason": decision.reason, "status": str(row.status)},
            also=(row,),
            by=by,
            at=at,
        )


def new_order(
    tree: Tree,
    row: ExecutionOrder,
    child: VenueOrder,
    at: datetime,
    *,
    extension: Extension | msgspec.UnsetType | None = None,
) -> messages.NewOrder:
    """The NewOrderSingle(D) of one venue order; a known `extension` is not asked for again."""
    facts: InstrumentFacts = instruments.by_id(tree.order.instrument_id)
    return messages.NewOrder(
        cl_ord_id=child.id,
        security_id=facts.cusip,
        side=SIDES[tree.order.side],
        ord_type="1" if child.limit_price is None else "2",
        order_qty=child.qty,
        price=child.limit_price,
        transact_time=at,
        time_in_force=time_in_force.wire(tree.order),
        **handling.wire(tree.order, row, qty=child.qty),
        **extending.wire(row, extension),
        expire_time=time_in_force.leaves_venue_at(tree.order, at=at),
        **sides.wire(tree.order),
    )


def stop(
    work: Unit,
    tree: Tree,
    row: ExecutionOrder,
    *,
    pending: str,
    by: Actor,
    at: datetime,
    request_id: str = "",
) -> bool:
    """Ask every venue that works an execution order to cancel it. False when none does.

    Nothing moves but the pending facets: only the venues' answers do.
    """
    working = tree.working(row)
    if not working:
        return False
    changed: list[Any] = []
    if row.pending != pending:
        row.request_cancel(pending=pending, request_id=request_id)
        changed.append(row)
    for child in working:
        if child.pending != Pending.CANCEL:
            changed.append(child)
            request_cancel(work, tree, child, at=at)
    if changed:
        record(
            work,
            tree,
            "venue_cancel_request",
            {**naming(tree, row), "pending": pending},
            msg_type=MsgType.INTERNAL,
            also=changed,
            by=by,
            at=at,
        )
    return True


def request_cancel(
    work: Unit, tree: Tree, child: VenueOrder, *, at: datetime, prefix: str = "vc"
) -> None:
    """Send a cancel for one venue order under a new ClOrdID. The caller records it."""
    child.request_cancel(cancel_cl_ord_id=ids.prefixed(prefix))
    transmission.queue(
        work,
        child.venue_id,
        messages.CancelRequest(
            cl_ord_id=child.cancel_cl_ord_id,
            orig_cl_ord_id=child.current_cl_ord_id,
            security_id=instruments.by_id(tree.order.instrument_id).cusip,
            side=SIDES[tree.order.side],
            transact_time=at,
            **sides.mark(tree.order),
        ),
        at=at,
    )


def naming(tree: Tree, row: ExecutionOrder | None = None) -> dict[str, Any]:
    """The ids that every event of an order tree carries."""
    named: dict[str, Any] = {
        "order_id": tree.order.id,
        "client_order_id": tree.order.client_order_id,
    }
    if row is not None:
        named["execution_order_id"] = row.id
        named["client_execution_order_id"] = row.client_execution_order_id
    return named


def record(
    work: Unit,
    tree: Tree,
    event_type: str,
    body: dict[str, Any],
    *,
    by: Actor,
    at: datetime,
    msg_type: MsgType = MsgType.ORDER_UPDATE,
    also: Sequence[Any] = (),
) -> None:
    """State a fact about an order tree; order updates carry the order as it is now."""
    image = render.order_json(tree.order) if msg_type == MsgType.ORDER_UPDATE else None
    if tree.order.released_qty is not None and image is not None:
        # Others of its list may depend on it; they are swept anyway, this is only sooner.
        work.ring(SETTLE_LISTS)
    work.record(
        tree.order,
        event_type,
        msg_type=msg_type,
        body=body,
        order=image,
        order_id=tree.order.id,
        also=also,
        by=by,
        at=at,
    )
