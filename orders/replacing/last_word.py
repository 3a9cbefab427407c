"""The last look at a replace: what a control, or its venue, refuses by now changes nothing.

One that asks for less at the same price only lets go: it is sent whatever stands over the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from oms_site.firm import generation
from oms_site.journal import unit
from oms_site.journal.actors import Actor
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import fitness, markups, rescreen, tree
from orders.models import ReplaceLeg
from orders.replacing import answers
from orders.rescreen import Sending
from orders.tree import Tree
from venues import transmission


def dropped(
    leg_ids: Sequence[str], *, by: Actor, wordless: Mapping[str, OmsError] = {}
) -> set[str]:
    """The ids of these legs that must not be sent any more; their replacements end here.

    `wordless` are those that their venue's format cannot say.
    """
    if not leg_ids:
        return set()
    generation.check()
    at = clock.now()
    found = ReplaceLeg.objects.filter(id__in=leg_ids).order_by("id")
    related = ("venue_order__order", "venue_order__execution_order", "replacement__requested_by")
    legs = list(found.select_related(*related))
    more = [leg for leg in legs if _asks_for_more(leg)]
    looked = rescreen.at_wire([_sending(leg, at=at) for leg in more], at=at)
    refused = {
        leg.id: looked[leg.venue_order_id].error()
        for leg in more
        if looked[leg.venue_order_id].refused
    }
    for leg in legs:
        fault = wordless.get(leg.id) or fitness.of_leg(
            leg.venue_order, leg.qty, leg.limit_price, at=at
        )
        if fault is not None and leg.id not in refused:
            refused[leg.id] = fault
    return _refuse(refused, {leg.id: leg.order_id for leg in legs}, by=by) if refused else set()


def _sending(leg: ReplaceLeg, *, at: datetime) -> Sending:
    """What its venue would work on: the quantity and the limit that the message states."""
    child, order = leg.venue_order, leg.venue_order.order
    qty = leg.qty - child.cum_qty
    change = rescreen.asked_of(order, leg.replacement)
    # What has been executed meanwhile makes the order no smaller than what is sent of it.
    whole = max(change.qty, order.cum_qty + qty)
    limit = leg.limit_price
    if limit is not None:
        # Controls measure the client's limit.
        own = child.execution_order.fees
        limit = markups.client_price(order, limit, at=at, given=own)
    return Sending(child, qty, replace(change, qty=whole, limit_price=limit))


def _asks_for_more(leg: ReplaceLeg) -> bool:
    if leg.qty <= leg.venue_order.cum_qty:
        return False
    return bool(leg.qty > leg.was_qty or leg.limit_price != leg.was_limit_price)


def _refuse(refused: Mapping[str, OmsError], orders: Mapping[str, str], *, by: Actor) -> set[str]:
    at, gone = clock.now(), set[str]()
    with unit.work(by=by, at=at) as work:
        trees = tree.lock(work, {orders[key] for key in refused})
        for leg_id, look in refused.items():
            known = answers.leg_of(work, leg_id)
            below = _below(trees[orders[leg_id]], leg_id)
            if known is None or below is None or not known[1].is_open:
                continue
            code, text = look.code, look.message
            answers.refused(work, below, *known, code=code, text=text, by=by, at=at)
            gone.add(leg_id)
        if gone:
            transmission.answer(gone, at=at)
    return gone


def _below(one: Tree, leg_id: str) -> answers.Below | None:
    rows: Iterable[answers.Below] = (
        (one, row, child)
        for row in one.execution_orders
        for child in one.venue_orders[row.id]
        if child.replace_cl_ord_id == leg_id
    )
    return next(iter(rows), None)
