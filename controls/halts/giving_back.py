"""Trading again: one person asks, a second one agrees; what ends by itself is lifted.

What the house has imposed on everybody is given back by the house, in all organizations at once.
"""

from __future__ import annotations

from datetime import datetime

from controls.halts.scopes import HOUSE, RELEASE, system, tell
from controls.models import Halt
from controls.states import HALT_STANDING, HaltStatus
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError


def request_release(halt_id: str, *, reason: str, by: Principal, at: datetime) -> Halt:
    """Ask that a switch be released; a second person has to agree.

    Raises `NotFound`, or `OmsError`: 409 `not_flat` while orders in it may still be alive, 403
    `imposed` for what only the house gives back.
    """
    by.require(RELEASE)
    with unit.work(by=actors.person(by), at=at) as work:
        own, rows = _locked(work, halt_id, by)
        for row in rows:
            _check_request(row)
            row.request_release(by_id=by.user_id, reason=reason[:500], at=at)
            tell(work, row, "halt_release_request", reason=reason)
    return own


def _check_request(row: Halt) -> None:
    if row.status == HaltStatus.RELEASE_REQUESTED:
        raise OmsError("already_requested", "Its release has been asked for.", status=409)
    if not row.is_standing:
        raise OmsError("not_engaged", "It has been released.", status=409)
    if not row.by_two:
        raise OmsError("lifts_itself", "It ends when its cause has gone.", status=409)
    if row.cancels and row.status != HaltStatus.CONFIRMED_FLAT:
        raise OmsError(
            "not_flat", "Orders in it may still be alive; wait until it is flat.", status=409
        )


def release(halt_id: str, *, by: Principal, at: datetime) -> Halt:
    """Release a switch, as another person than who asked. Raises `OmsError` 403 `self_release`."""
    by.require(RELEASE)
    with unit.work(by=actors.person(by), at=at) as work:
        own, rows = _locked(work, halt_id, by)
        for row in rows:
            if row.status != HaltStatus.RELEASE_REQUESTED:
                raise OmsError("not_requested", "Nobody has asked to release it.", status=409)
            if row.release_requested_by_id == by.user_id:
                raise OmsError("self_release", "Another person has to agree.", status=403)
            row.release(by_id=by.user_id, at=at)
            tell(work, row, "trading_resume", reason=row.release_reason)
    return own


def lift(engagement_id: str, *, reason: str, at: datetime) -> int:
    """End what ends by itself, in every organization it stands over. Returns how many rows."""
    standing = Halt.objects.filter(engagement_id=engagement_id, status__in=sorted(HALT_STANDING))
    with unit.work(by=system(), at=at) as work:
        rows = work.lock(Halt, standing.values_list("pk", flat=True))
        for row in rows.values():
            if row.is_standing:
                row.lift(at=at, reason=reason[:500])
                tell(work, row, "trading_resume", reason=reason)
    return len(rows)


def _locked(work: Unit, halt_id: str, by: Principal) -> tuple[Halt, list[Halt]]:
    """The caller's own row of a halt, and all rows that are given back with it."""
    known = Halt.objects.filter(pk=halt_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("kill switch")
    if not known.imposed:
        own = work.lock(Halt, [halt_id])[halt_id]
        return own, [own]
    if by.organization_id != HOUSE:
        raise OmsError("imposed", "The house stopped it and gives it back.", status=403)
    shared = Halt.objects.filter(engagement_id=known.engagement_id).values_list("pk", flat=True)
    rows = work.lock(Halt, shared)
    return rows[halt_id], [rows[key] for key in sorted(rows)]
