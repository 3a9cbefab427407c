"""Two people book an execution that only the venue's drop copy tells of.

It goes the way of every report, under the venue's own ExecID: whichever comes first, this or the
venue's report, the other one is a duplicate. Nothing that is there is edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import numbers
from oms_site.kit.errors import NotFound, OmsError
from orders import breaks, execution, reports, sides, tree
from orders.models import Break, Execution, Recovery, VenueOrder
from orders.reconciling import explained
from orders.recoveries import LIVE, tell
from orders.tree import Tree
from venues import instruments, transmission
from venues.messages import ExecType, ExecutionReport, OrdStatus


def propose(
    recovery_id: str, *, reason: str, by: Principal, at: datetime, correlation_id: str = ""
) -> Recovery:
    """Say that a missing execution is to be booked; another person has to agree.

    Raises `NotFound`, `OmsError` (409 `already_decided`, `already_closed`; 422
    `explanation_required`).
    """
    by.require(breaks.RESOLVE)
    if not reason.strip():
        raise OmsError("explanation_required", "Say why it is to be booked.", field="reason")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, recovery_id, by)
        row.propose(reason=reason.strip(), user_id=by.user_id, at=at)
        tell(work, row, "recovery_propose", at=at, reason=row.reason)
    return row


def decide(
    recovery_id: str,
    *,
    agree: bool,
    by: Principal,
    at: datetime,
    version: int | None = None,
    correlation_id: str = "",
) -> Recovery:
    """Book it by the way of the venue's reports and close its break, or send it back.

    `version` is the one that this person has read; without it, the latest is meant. Raises
    `NotFound`, `OmsError` (409 `already_decided`, `already_closed`, `not_proposed`,
    `proposal_changed`, `recovery_conflicts`; 403 `same_person`).
    """
    by.require(breaks.RESOLVE)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        generation.check()
        one = _tree(work, recovery_id, by, at=at if agree else None)
        row = _held(work, recovery_id, by)
        if version not in (None, row.version):
            raise OmsError("proposal_changed", "It has changed since: look again.", status=409)
        if row.status != Recovery.Status.PROPOSED:
            raise OmsError("not_proposed", "Nobody has said that it is to be booked.", status=409)
        if row.proposed_by_id == by.user_id:
            raise OmsError("same_person", "Another person has to agree.", status=403)
        if not agree:
            row.refuse()
            tell(work, row, "recovery_refuse", at=at)
            return row
        _book(work, row, one, by=by, at=at)
    return row


def _book(work: Unit, row: Recovery, one: Tree, *, by: Principal, at: datetime) -> None:
    child = next(child for child in _children(one) if child.id == row.venue_order_id)
    verdict, note = reports.apply_one(work, row.venue_id, _report(row, one, child, at), at=at)
    made = [fill for fill in work.added(Execution) if _is_of(fill, row)]
    if verdict == "applied" and made:
        row.book(execution_id=made[0].id, user_id=by.user_id, at=at)
        tell(work, row, "recovery_book", at=at, execution_id=made[0].id, reason=row.reason)
        _explain(work, row, child, Break.Reason.OURS, by, at)
    elif verdict == "duplicate":
        row.end(Recovery.Status.CAME.value, user_id=by.user_id, at=at)
        tell(work, row, "recovery_come", at=at)
        _explain(work, row, child, Break.Reason.TIMING, by, at)
    else:
        raise OmsError("recovery_conflicts", f"It cannot be booked: {note}.", status=409)


def _is_of(fill: Execution, row: Recovery) -> bool:
    return (fill.source, fill.exec_id, fill.trade_date) == (
        row.venue_id,
        row.exec_id,
        row.trade_date,
    )


def _report(row: Recovery, one: Tree, child: VenueOrder, at: datetime) -> ExecutionReport:
    """The report that did not come. The tally is ours with it: others may still be missing."""
    cum_qty = child.cum_qty + row.qty
    whole = cum_qty >= child.qty
    return ExecutionReport(
        seq=0,
        exec_id=row.exec_id,
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED if whole else OrdStatus.PARTIALLY_FILLED,
        order_id=child.venue_order_id or "NONE",
        cl_ord_id=child.id,
        security_id=instruments.by_id(one.order.instrument_id).cusip,
        side=execution.SIDES[one.order.side],
        order_qty=child.qty,
        cum_qty=cum_qty,
        leaves_qty=max(child.qty - cum_qty, Decimal(0)),
        transact_time=row.traded_at or at,
        trade_date=row.trade_date,
        last_qty=row.qty,
        last_px=row.price,
        text=f"recovered from the drop copy: {row.id}",
        **sides.mark(one.order),
    )


def _explain(
    work: Unit, row: Recovery, child: VenueOrder, code: str, by: Principal, at: datetime
) -> None:
    """Close what it leaves no difference of, by an adjusting entry of the same two people.

    That is its own break, and the one of the tallies once they agree.
    """
    key = explained.key_at(row.venue_id, child.id)
    tallies = Break.objects.filter(kind="venue_order_differs", key=key, closed_at=None)
    found = [row.difference_id]
    found += [one.id for one in tallies if _agrees(one.evidence.get("theirs", {}), child)]
    for held in work.lock(Break, found).values():
        if held.closed_at is not None:
            continue
        assert row.proposed_by_id is not None
        facts: dict[str, Any] = {"recovery_id": row.id, "execution_id": row.execution_id or None}
        breaks.explain(
            work,
            held,
            reason_code=code,
            text=row.reason,
            made_by_id=row.proposed_by_id,
            approved_by_id=by.user_id,
            evidence={**held.evidence, **facts},
            at=at,
        )


def _agrees(theirs: Mapping[str, Any], child: VenueOrder) -> bool:
    state = "ended" if child.is_terminal else "open"
    return dict(theirs) == {"cum_qty": numbers.plain(child.cum_qty), "state": state}


def _children(one: Tree) -> Iterable[VenueOrder]:
    return (child for rows in one.venue_orders.values() for child in rows)


def _tree(work: Unit, recovery_id: str, by: Principal, *, at: datetime | None) -> Tree:
    """The order it is of, locked as reports lock it: what was sent first, then the order.

    With `at`, what was sent counts as answered by then.
    """
    mine = Recovery.objects.filter(id=recovery_id, organization_id=by.organization_id)
    found = mine.values_list("order_id", "venue_order_id").first()
    if found is None:
        raise NotFound("recovery")
    order_id, cl_ord_id = found
    if at is not None:
        transmission.answer([cl_ord_id], at=at)
    return tree.lock(work, [order_id])[order_id]


def _held(work: Unit, recovery_id: str, by: Principal) -> Recovery:
    row = work.lock(Recovery, [recovery_id]).get(recovery_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("recovery")
    if row.status not in LIVE:
        raise OmsError("already_decided", f"It is {row.get_status_display()}.", status=409)
    # Two people may be explaining the break at this moment: one of both happens.
    if work.lock(Break, [row.difference_id])[row.difference_id].closed_at is not None:
        raise OmsError("already_closed", "Its break is closed.", status=409)
    return row
