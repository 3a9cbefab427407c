"""Amendments that waited for a dealer: looked at again once it has answered, then sent or dropped.

A sweep over rows: it can be late, doubled or missed without harm.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import execution, rescreen, tree
from orders.models import ReplaceLeg, Replacement
from orders.replacing import pulling, released
from orders.revisions import dropping, rows
from orders.revisions.rows import Asked
from orders.states import Amending, Pending, ReplaceStatus
from orders.tree import Tree

_by = actors.system("replacing")
# Most of them wait for a dealer still, and stay: each sweep looks at the next page.
_turns = draining.Turns()
_odd = draining.Aside("resume_replacing")


def sweep(*, limit: int = 100) -> int:
    """Go on with what no dealer holds up any more, each in a transaction of its own; how many."""
    asked = Exists(ReplaceLeg.objects.filter(replacement_id=OuterRef("pk")))
    waiting = Replacement.objects.filter(
        ~asked,
        status=ReplaceStatus.PENDING.value,
        order__amending=Amending.SENT.value,
        order__pending=Pending.REPLACE.value,
    )
    waiting = waiting.exclude(order_id__in=_odd.keys()).only("id", "order_id")
    return draining.each(
        [row.order_id for row in _turns.page(waiting, limit)],
        _look,
        aside=lambda order_id, error: _odd.put(order_id, error, order_id=order_id),
    )


def _look(order_id: str) -> bool:
    with unit.work(by=_by, at=clock.now()) as work:
        generation.enter()
        one = tree.lock(work, [order_id])[order_id]
        asked = rows.outstanding(work, one.order)
        return asked is not None and _go_on(work, one, asked)


def _go_on(work: Unit, one: Tree, asked: Asked) -> bool:
    order, row = one.order, asked.row
    is_waiting = row.status == ReplaceStatus.PENDING and not asked.legs
    if not is_waiting or order.pending != Pending.REPLACE:
        return False
    if pulling.waits(one, pulling.inquiries(work, one)):
        return False
    at = work.at
    try:
        looked = released.look(order, asked, at=at)
        evidence = rescreen.evidence(looked)
        if looked.refused:
            error = looked.error()
            code, reason = error.code, error.message
            dropping.refuse(
                work, one, asked, code=code, reason=reason, by=_by, at=at, also=evidence
            )
            return True
        if evidence:
            body = dropping.naming(one, row)
            kind = MsgType.INTERNAL
            execution.record(
                work, one, "replace_cleared", body, msg_type=kind, also=evidence, by=_by, at=at
            )
        pulling.go(work, one, asked, by=_by, at=at)
    except OmsError as refusal:
        code, reason = refusal.code, refusal.message
        dropping.refuse(work, one, asked, code=code, reason=reason, by=_by, at=at)
    return True
