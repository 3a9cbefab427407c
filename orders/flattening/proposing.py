"""One person proposes to close positions out: what was seen is kept, line by line."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from controls import halts
from controls.models import Halt
from oms_site.firm.principals import Principal
from oms_site.journal import actors, statements, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError
from orders.flattening import sizing
from orders.flattening.sizing import Line
from orders.models import Flatten, FlattenLine
from orders.models.flatten import NOTHING

# The orders are his who proposes them; agreeing is the right of who gives trading back.
PROPOSE, APPROVE = "order.submit", halts.RELEASE
LASTS = timedelta(minutes=10)


def standing(halt_id: str, *, by: Principal) -> Halt:
    """A halt of the caller's under which positions may be closed out.

    Raises `NotFound`, `OmsError` 409: `not_engaged`, `not_reducing`.
    """
    row = Halt.objects.filter(pk=halt_id, organization_id=by.organization_id).first()
    if row is None:
        raise NotFound("kill switch")
    require_reducing(row)
    return row


def require_reducing(halt: Halt) -> None:
    """Raises `OmsError` 409 unless a halt stands that lets orders pass which lessen."""
    if not halt.is_standing:
        raise OmsError("not_engaged", "It has been released.", status=409)
    if halt.mode != Halt.Mode.REDUCING:
        text = "It lets nothing pass: engage one in mode reducing."
        raise OmsError("not_reducing", text, status=409)


def propose(
    halt: Halt,
    *,
    collar: Decimal | None,
    reason: str,
    seen: str,
    by: Principal,
    at: datetime,
) -> Flatten:
    """Keep what would be ordered, for a second person to agree to within ten minutes.

    Raises `OmsError`: 409 `flatten_moved` when positions are not what was seen any more, 422
    `nothing_to_flatten`, and what `sizing.lines` raises.
    """
    by.require(PROPOSE)
    with unit.work(by=actors.person(by), at=at) as work:
        found = sizing.lines(halt, collar=collar, at=at)
        if sizing.seen(found) != seen:
            text = "Positions or open orders have moved since: look again."
            raise OmsError("flatten_moved", text, status=409, field="seen")
        if not any(one.qty for one in found):
            raise OmsError("nothing_to_flatten", "There is nothing that an order would lessen.")
        row = Flatten(
            id=ids.prefixed("fl"),
            organization_id=by.organization_id,
            halt_id=halt.id,
            collar=collar,
            reason=reason[:500],
            seen=seen,
            lines_made=len(found),
            proposed_by_id=by.user_id,
            proposed_at=at,
            expires_at=at + LASTS,
        )
        work.add(row)
        made = [_row(row, n, one) for n, one in enumerate(found, 1)]
        work.add(*made)
        ordered = sum(1 for one in found if one.qty)
        tell(work, row, "flatten_propose", reason=row.reason, orders=ordered, collar=collar)
    return row


def tell(work: Unit, row: Flatten, event_type: str, **facts: Any) -> None:
    """Record what happened to a proposal; everybody of its organization hears of it."""
    work.record(
        row,
        event_type,
        msg_type=MsgType.SYSTEM_UPDATE,
        body={"flatten_id": row.id, "halt_id": row.halt_id, "lines": row.lines_made, **facts},
    )


def _row(row: Flatten, number: int, one: Line) -> FlattenLine:
    made: FlattenLine = statements.fresh(
        FlattenLine,
        id=f"{row.id}-{number}",
        flatten_id=row.id,
        number=number,
        account_id=one.account_id,
        instrument_id=one.instrument_id,
        position=one.position,
        open_qty=one.open_qty,
        side=one.side,
        qty=one.qty,
        limit_price=one.limit_price,
        note=one.note,
        outcome="" if one.qty else NOTHING,
    )
    return made
