"""After a fill: did it keep to what was sent, does every limit still hold, and who has to know?

A fill is a fact and always moves the position. One outside its order's terms opens a break (D43);
one that takes a limit over is told in the same transaction, with the figures (D44). Whoever fills
orders calls `follow` once at the end of the unit, wherever the fills came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders import (
    breaks,
    closing,
    execution,
    grouping,
    holdings,
    list_watch,
    markups,
    remainders,
    rescreen,
    sides,
)
from orders.models import Execution, ExecutionOrder, Order
from orders.states import Pending
from orders.tree import Tree
from venues import instruments
from venues.messages import ExecutionReport

RFQ = "rfq"


def follow(work: Unit, trees: Mapping[str, Tree], *, at: datetime) -> None:
    """What follows from the fills that this unit has made, once: `trees` are those filled, by id.

    Groups count, lists wake, holdings move, limits are looked at, and allocations are queued.
    """
    orders = {key: one.order for key, one in trees.items()}
    fills: list[Execution] = work.added(Execution)
    grouping.count(work, orders, at=at)
    list_watch.wake(orders.values())
    holdings.book(work, orders, at=at)
    alert(work, trees, [fill for fill in fills if fill.order_id in trees], at=at)
    for one in trees.values():
        closing.allocate_later(work, one, at=at)


def unexpected(
    work: Unit, one: Tree, row: ExecutionOrder, fill: Execution, *, at: datetime
) -> None:
    """Open a break of a fill after its order's end or beyond its quantity (C06, D43).

    So is one of an execution order that had ended, when another has taken its quantity. Where more
    is worked than is left now, what works it is asked to stop before that is bought too.
    """
    too_much = one.committed() > one.order.leaves_qty
    after_end = fill.late or (too_much and fill.qty > 0 and bool(row.ended))
    if not (after_end or fill.overfill):
        return
    breaks.open(
        work,
        kind="late_fill" if after_end else "overfill",
        key=fill.id,
        evidence={"execution_id": fill.id, "qty": str(fill.qty)},
        at=at,
        organization_id=one.order.organization_id,
        order_id=one.order.id,
    )
    for live in one.live() if too_much else ():
        if live.pending in (Pending.CANCEL, Pending.EXPIRE):
            continue
        if execution.stop(work, one, live, pending=Pending.CANCEL.value, by=work.by, at=at):
            continue
        # Between two venues there is nobody to ask, and nothing of it is to be sent on.
        remainders.settle(work, one, live, by=work.by, at=at)


def compare(
    work: Unit, one: Tree, row: ExecutionOrder, report: ExecutionReport, *, at: datetime
) -> None:
    """Open a break when a trade is not what was sent: other security, side, or a worse price."""
    faults = faults_of(one, row, report, at=at)
    if not faults:
        return
    breaks.open(
        work,
        kind="outside_terms",
        key=f"{row.id}/{report.exec_id}",
        evidence={"exec_id": report.exec_id, "execution_order_id": row.id, "faults": faults},
        organization_id=one.order.organization_id,
        order_id=one.order.id,
        at=at,
    )


def faults_of(
    one: Tree, row: ExecutionOrder, report: ExecutionReport, *, at: datetime
) -> list[str]:
    """What a trade has that its order has not; empty when it fits."""
    order, price = one.order, report.last_px
    limit = _told(order, row, at)
    faults = []
    cusip = instruments.by_id(order.instrument_id).cusip
    if report.security_id and report.security_id != cusip:
        faults.append(f"security {report.security_id}, ordered {cusip}")
    if report.side != execution.SIDES[order.side]:
        faults.append(f"side {report.side}, ordered {execution.SIDES[order.side]}")
    if report.short_sale and report.short_sale != (marked := sides.WIRE[order.short_sale]):
        faults.append(f"side {report.short_sale}, ordered {marked or report.side}")
    if limit is not None and price is not None:
        worse = price > limit if order.side == "buy" else price < limit
        if worse:
            faults.append(f"price {price:f}, limit {limit:f}")
    return faults


def _told(order: Order, row: ExecutionOrder, at: datetime) -> Decimal | None:
    """The limit that the street was told; a dealer's price was hit as it was."""
    try:
        return row.limit_price if row.protocol == RFQ else markups.street(order, row, at=at)
    except OmsError:
        # Its markups have changed since: a fill is a fact all the same.
        return row.limit_price


def alert(
    work: Unit, trees: Mapping[str, Tree], fills: Iterable[Execution], *, at: datetime
) -> None:
    """Tell of every limit that holds no more now that these orders were filled."""
    orders = {key: one.order for key, one in trees.items()}
    looked = rescreen.after_fills(orders, list(fills), at=at)
    for order_id, look in looked.items():
        if not look.breached:
            continue
        evidence = look.row()
        work.add(evidence)
        execution.record(
            work,
            trees[order_id],
            "limit_breach",
            {
                **execution.naming(trees[order_id]),
                "failed_controls": look.verdict.failed_controls(),
            },
            msg_type=MsgType.INTERNAL,
            also=(evidence,),
            by=work.by,
            at=at,
        )
