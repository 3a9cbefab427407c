"""The last look before the wire: what a control rejects, or its venue cannot take, is never sent.

The gateway process asks for every batch of messages that it is about to send. It costs a few
queries for the whole batch and no lock unless something is refused; what was refused ends as the
venue had ended it, with the evidence, and nobody asks the venue about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from controls.models import Screening
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import execution, fitness, genuine, remainders, rescreen, tree
from orders.models import VenueOrder
from orders.replacing import last_word as replaces
from orders.rescreen import Looked, Sending
from orders.states import VenueStatus
from orders.tree import Tree
from venues import transmission
from venues.models import Outbound

# What makes a venue trade: an order, and the hit of a quote.
TRADING = ("D", transmission.HIT)
REPLACE = "G"
# A control's verdict, or what its venue would not take.
Refusal: TypeAlias = Looked | OmsError
_by = actors.system("last-look")


def before_wire(venue_id: str, rows: Sequence[Outbound]) -> list[Outbound]:
    """The messages of these that may be sent; orders and replaces among the others end here."""
    rows = genuine.only(venue_id, rows, by=_by, at=clock.now())
    wordless = fitness.of_messages(venue_id, rows)
    legs = [row.cl_ord_id for row in rows if row.kind == REPLACE]
    dropped = replaces.dropped(legs, by=_by, wordless=wordless)
    rows = [row for row in rows if row.kind != REPLACE or row.cl_ord_id not in dropped]
    named = [row.cl_ord_id for row in rows if row.kind in TRADING]
    if not named:
        return list(rows)
    generation.check()
    at = clock.now()
    found = VenueOrder.objects.filter(id__in=named).select_related("order", "execution_order")
    children = list(found.order_by("id"))
    looked = rescreen.at_wire([Sending(child, child.leaves_qty) for child in children], at=at)
    faults = {**fitness.of_children(children, at=at), **wordless}
    refused: dict[str, Refusal] = {
        key: looked[key] if looked[key].refused else faults[key]
        for key in looked
        if looked[key].refused or key in faults
    }
    orders = {child.id: child.order_id for child in children if child.id in refused}
    ended = _refuse(refused, orders=orders, at=at) if refused else set()
    return [row for row in rows if row.kind not in TRADING or row.cl_ord_id not in ended]


def _refuse(refused: Mapping[str, Refusal], *, orders: Mapping[str, str], at: datetime) -> set[str]:
    ended: set[str] = set()
    with unit.work(by=_by, at=at) as work:
        trees = tree.lock(work, orders.values())
        for child_id, look in refused.items():
            one = trees[orders[child_id]]
            if _end(work, one, child_id, look, at=at):
                ended.add(child_id)
        if ended:
            transmission.answer(ended, at=at)
    return ended


def _end(work: Unit, one: Tree, child_id: str, look: Refusal, *, at: datetime) -> bool:
    for row in one.execution_orders:
        for child in one.venue_orders[row.id]:
            if child.id != child_id:
                continue
            if child.status != VenueStatus.PENDING_NEW:
                # The venue has it already: only the venue moves it.
                return False
            code, reason, evidence = _why(look)
            work.add(*evidence)
            child.reject(at=at, text=reason)
            also = (child, *evidence)
            if not remainders.settle(work, one, row, by=_by, at=at, also=also):
                work.record(
                    child,
                    "venue_reject",
                    body={
                        **execution.naming(one, row),
                        "cl_ord_id": child.id,
                        "text": reason,
                        "code": code,
                    },
                    order_id=one.order.id,
                    also=evidence,
                    at=at,
                )
                remainders.give_up(work, one, row, by=_by, at=at)
            return True
    return False


def _why(look: Refusal) -> tuple[str, str, tuple[Screening, ...]]:
    """Code, sentence and evidence of a refusal."""
    if isinstance(look, OmsError):
        return look.code, f"{look.code}: {look.message}", ()
    return look.verdict.reject_code, look.verdict.reject_reason, (look.row(),)
