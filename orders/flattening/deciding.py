"""A second person agrees to what was proposed, to nothing else; or somebody refuses it."""

from __future__ import annotations

from datetime import datetime

from controls.models import Halt
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit.errors import Forbidden, NotFound, OmsError
from orders.flattening import proposing
from orders.flattening.proposing import APPROVE
from orders.models import Flatten

WORK = "orders.tasks.flatten"


def approve(flatten_id: str, *, seen: str, by: Principal, at: datetime) -> Flatten:
    """Agree, as another person than who proposed; its orders go out from then on.

    `seen` is the hash of the proposal that was looked at. Raises `NotFound`, `OmsError`:
    not_entitled, self_approval (403), already_decided, flatten_expired, flatten_moved,
    not_engaged, not_reducing (409).
    """
    by.require(APPROVE)
    with unit.work(by=actors.person(by), at=at) as work:
        row = _locked(work, flatten_id, by)
        if by.user_id == row.proposed_by_id:
            raise Forbidden("self_approval", "Who proposes it may not agree to it.")
        if at >= row.expires_at:
            text = "It was to be decided sooner: propose it again."
            raise OmsError("flatten_expired", text, status=409)
        if seen != row.seen:
            text = "That is not what was proposed: look again."
            raise OmsError("flatten_moved", text, status=409, field="seen")
        proposing.require_reducing(Halt.objects.get(pk=row.halt_id))
        row.decide(approve=True, by_id=by.user_id, note="", at=at)
        proposing.tell(work, row, "flatten_approve", reason=row.reason)
        work.ring(WORK)
    return row


def refuse(flatten_id: str, *, note: str, by: Principal, at: datetime) -> Flatten:
    """Refuse a proposal, or take one's own back. Raises `NotFound`, `OmsError` as `approve`."""
    with unit.work(by=actors.person(by), at=at) as work:
        row = _locked(work, flatten_id, by)
        if by.user_id != row.proposed_by_id:
            by.require(APPROVE)
        row.decide(approve=False, by_id=by.user_id, note=note[:500], at=at)
        proposing.tell(work, row, "flatten_refuse", reason=row.note)
    return row


def _locked(work: Unit, flatten_id: str, by: Principal) -> Flatten:
    row = work.lock(Flatten, [flatten_id]).get(flatten_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("flatten")
    if row.decision:
        raise OmsError("already_decided", f"It is {row.decision} already.", status=409)
    return row
