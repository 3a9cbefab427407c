"""What a venue says to a replace: it did, it would not, or it gave the rest back to be sent anew.

A venue's word is applied in whatever state we believed: a replace that comes after we concluded
that there was none still counts, as an execution does.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import OmsError
from orders import breaks, closing, execution, markups, remainders
from orders.models import ExecutionOrder, ReplaceLeg, VenueOrder
from orders.replacing import planning, settling
from orders.revisions import dropping, rows
from orders.revisions.rows import Asked
from orders.states import Pending, ReplaceStatus, VenueStatus
from orders.tree import Tree
from venues import transmission

LEGS = ("vr_", "vx_")
TOO_LATE = "too_late"
_STOPPING = (Pending.CANCEL, Pending.EXPIRE)
Below = tuple[Tree, ExecutionOrder, VenueOrder]


def leg_of(work: Unit, leg_id: str) -> tuple[Asked, ReplaceLeg] | None:
    """The leg that a ClOrdID names, with its replacement."""
    asked = rows.of_leg(work, leg_id) if leg_id.startswith(LEGS) else None
    leg = asked.leg(leg_id) if asked else None
    return None if asked is None or leg is None else (asked, leg)


def accepted(
    work: Unit,
    found: Below,
    asked: Asked,
    leg: ReplaceLeg,
    *,
    qty: Decimal,
    text: str,
    by: Actor,
    at: datetime,
) -> bool:
    """The venue works on the new terms; `qty` is its own word (FIX: at least what was done).

    False when it was known already, or when later terms are in force: a person looks then.
    """
    one, row, child = found
    if leg.status == ReplaceStatus.REPLACED:
        return False
    if asked.row.status != ReplaceStatus.REPLACED and one.order.revision > asked.row.revision:
        _too_old(work, one, leg, qty, at)
        return False
    more, was_live = qty - child.qty, not row.is_terminal
    leg.accept(qty=qty, at=at, text=text)
    child.replace(cl_ord_id=leg.id, qty=qty, limit_price=leg.limit_price, at=at)
    child.in_doubt = False
    _follow(work, found, asked, more=more, at=at)
    _say(work, found, "venue_replace", asked, [row, child, leg], by=by, at=at)
    if was_live and row.is_terminal:
        closing.follow_up(work, one, row, by=by, at=at)
    _settle(work, found, by=by, at=at)
    return True


def refused(
    work: Unit,
    found: Below,
    asked: Asked,
    leg: ReplaceLeg,
    *,
    code: str,
    text: str,
    by: Actor,
    at: datetime,
) -> None:
    """The venue goes on as before: nothing has changed but that nobody waits any more."""
    _, row, child = found
    changed: list[Any] = [child, leg]
    leg.reject(code=code, at=at, text=text)
    if child.replace_cl_ord_id == leg.id:
        child.refuse_replace(at=at, text=text)
    if row.pending == Pending.REPLACE and not _others(asked, row, found[0]):
        row.refuse_replace()
        changed.append(row)
    _say(work, found, "venue_replace_reject", asked, changed, by=by, at=at)
    _settle(work, found, by=by, at=at)


def _settle(work: Unit, found: Below, *, by: Actor, at: datetime) -> None:
    """What it had filled when it was asked, or is whole on its new terms, is over by now."""
    one, row, child = found
    if child.status == VenueStatus.FILLED:
        remainders.settle(work, one, row, by=by, at=at)


def ended(work: Unit, found: Below, leg_id: str, *, how: str, by: Actor, at: datetime) -> None:
    """The venue order is over; what it was to become, it will not be."""
    known = leg_of(work, leg_id)
    if known is not None and known[1].is_open:
        asked, leg = known
        if how == "cancel" and _let_go(work, found, asked, leg, by=by, at=at):
            return
        text = f"It is {found[2].status} at the venue."
        refused(work, found, asked, leg, code=dropping.ENDED, text=text, by=by, at=at)


def _let_go(
    work: Unit, found: Below, asked: Asked, leg: ReplaceLeg, *, by: Actor, at: datetime
) -> bool:
    """The venue has canceled what nothing more was wanted of: that is what it was asked.

    The execution order has so much less, or ends. False when more was wanted, or it was stopped.
    """
    one, row, child = found
    stopping = one.order.pending in _STOPPING or row.pending in _STOPPING
    if not leg.emulated or leg.qty > child.cum_qty or stopping or one.order.is_terminal:
        return False
    leg.accept(qty=child.cum_qty, at=at, text="nothing more of it is worked")
    less = row.qty - (child.qty - child.cum_qty)
    if less > row.cum_qty:
        _follow(work, found, asked, more=child.cum_qty - child.qty, at=at)
        _say(work, found, "venue_replace", asked, [row, child, leg], by=by, at=at)
        return True
    why = settling.AWAY
    closing.close_execution(work, one, row, "cancel", by=by, at=at, reason=why, couple=False)
    _say(work, found, "venue_replace", asked, [child, leg], by=by, at=at)
    closing.follow_up(work, one, row, by=by, at=at)
    return True


def given_back(
    work: Unit, found: Below, asked: Asked, leg: ReplaceLeg, *, by: Actor, at: datetime
) -> bool:
    """The venue has canceled for us: send what it left of the new quantity as a new venue order.

    False when there is nothing to send, or the order is being stopped: the caller closes it then.
    """
    one, row, child = found
    left = leg.qty - child.cum_qty
    stopping = one.order.pending in _STOPPING or row.pending in _STOPPING
    if left <= 0 or stopping or not leg.is_open or one.order.is_terminal:
        return False
    successor = VenueOrder(
        id=ids.prefixed("vo"),
        organization_id=child.organization_id,
        order_id=child.order_id,
        execution_order_id=row.id,
        venue_id=child.venue_id,
        qty=left,
        leaves_qty=left,
        limit_price=leg.limit_price,
        created_at=at,
    )
    leg.accept(qty=leg.qty, at=at, successor_id=successor.id)
    one.venue_orders[row.id].append(successor)
    work.add(successor)
    _follow(work, (one, row, successor), asked, more=leg.qty - child.qty, at=at)
    moved = [row, child, successor, leg]
    _say(work, found, "venue_replace", asked, moved, by=by, at=at)
    message = execution.new_order(one, row, successor, at)
    transmission.queue(work, successor.venue_id, message, at=at)
    return True


def _follow(work: Unit, found: Below, asked: Asked, *, more: Decimal, at: datetime) -> None:
    """The execution order has what its venue orders have, at the loosest limit of the live ones."""
    one, row, child = found
    known = _limits(one, row, asked, at)
    told = [other.limit_price for other in one.working(row)] or [child.limit_price]
    limits = [_as_client(one, row, limit, known, at) for limit in told]
    given = [limit for limit in limits if limit is not None]
    loosest = max if one.order.side == "buy" else min
    row.replace(
        qty=max(row.qty + more, row.cum_qty),
        # One without a limit is the loosest.
        limit_price=loosest(given) if len(given) == len(limits) else None,
        cleared=settling.clearance(work, asked),
        at=at,
        replacing=_others(asked, row, one),
    )


def _limits(
    one: Tree, row: ExecutionOrder, asked: Asked, at: datetime
) -> dict[Decimal | None, Decimal | None]:
    """The client's limits, old and wanted, by what the street was told of them."""
    found: dict[Decimal | None, Decimal | None] = {}
    for limit in (row.limit_price, planning.limit_of(one, row, asked.row.limit_price)):
        # What its markups leave nothing of was never sent.
        with suppress(OmsError):
            found[markups.street_limit(one.order, limit, at=at, given=row.fees)] = limit
    return found


def _as_client(
    one: Tree,
    row: ExecutionOrder,
    limit: Decimal | None,
    known: dict[Decimal | None, Decimal | None],
    at: datetime,
) -> Decimal | None:
    """A venue order's limit as the client sees it; exact where it is one of the known ones."""
    if limit is None or limit in known:
        return known.get(limit)
    return markups.client_price(one.order, limit, at=at, given=row.fees)


def _others(asked: Asked, row: ExecutionOrder, one: Tree) -> bool:
    """Whether another venue order of this execution order still waits for its answer."""
    mine = {child.id for child in one.venue_orders[row.id]}
    return any(leg.venue_order_id in mine for leg in asked.open_legs())


def _say(
    work: Unit,
    found: Below,
    event: str,
    asked: Asked,
    moved: list[Any],
    *,
    by: Actor,
    at: datetime,
) -> None:
    """State the answer; with the last one the replacement ends in the same unit."""
    one, row, child = found
    leg = next(one for one in moved if isinstance(one, ReplaceLeg))
    body = {
        **execution.naming(one, row),
        "amend_request_id": asked.row.id,
        "cl_ord_id": leg.id,
        "venue_id": child.venue_id,
        "qty": leg.now_qty,
        "text": leg.text,
    }
    execution.record(work, one, event, body, msg_type=MsgType.INTERNAL, also=moved, by=by, at=at)
    open_ = asked.row.status in (ReplaceStatus.PENDING, ReplaceStatus.REJECTED)
    if open_ and not asked.open_legs() and not _concluded(asked):
        settling.finish(work, one, asked, by=by, at=at)


def _concluded(asked: Asked) -> bool:
    """Refused before, and no venue has said otherwise since."""
    is_over = asked.row.status == ReplaceStatus.REJECTED
    return is_over and all(leg.status != ReplaceStatus.REPLACED for leg in asked.legs)


def _too_old(work: Unit, one: Tree, leg: ReplaceLeg, qty: Decimal, at: datetime) -> None:
    breaks.open(
        work,
        kind="late_replace",
        key=leg.id,
        evidence={"cl_ord_id": leg.id, "venue_qty": str(qty), "revision": one.order.revision},
        at=at,
        organization_id=one.order.organization_id,
        order_id=one.order.id,
    )


def is_successor(child: VenueOrder) -> bool:
    """Whether this venue order was sent in place of one that its venue could not replace."""
    return ReplaceLeg.objects.filter(order_id=child.order_id, successor_id=child.id).exists()
