"""What a person may do changes by two people; taking it away needs only one.

Called by the API and the back office. The database writes more roles to a user only as the effect
of an approved change, so no other path leads there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from oms_site.firm.models import Organization, RoleChange, User
from oms_site.firm.principals import Principal
from oms_site.firm.roles import Role
from oms_site.kit.errors import Forbidden, NotFound, OmsError

MANAGE = "access.manage"
APPROVE = "access.approve"
_MOST_REASON = 500
_DECIDED = ("status", "decided_by", "decided_at", "decision_reason")


def propose(
    username: str, roles: Iterable[str], *, reason: str, by: Principal, at: datetime
) -> RoleChange:
    """Ask for a person to have exactly these roles; another person decides.

    Raises not_entitled (403), not_found (404), unknown_role, reason_required (422),
    nothing_changed and change_pending (409).
    """
    by.require(MANAGE)
    wanted = _known(roles)
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=by.organization_id)
        user = User.objects.filter(username=username, organization_id=by.organization_id).first()
        if user is None:
            raise NotFound("user")
        if set(wanted) == set(user.roles):
            raise OmsError("nothing_changed", "The user has exactly these roles.", status=409)
        if RoleChange.objects.filter(user=user, status=RoleChange.Status.PROPOSED).exists():
            raise OmsError("change_pending", "A change of these roles waits already.", status=409)
        return RoleChange.objects.create(
            user=user,
            organization_id=by.organization_id,
            was=user.roles,
            roles=wanted,
            reason=_said(reason),
            proposed_by_id=by.user_id,
            proposed_at=at,
        )


def approve(change_id: int, *, reason: str = "", by: Principal, at: datetime) -> RoleChange:
    """Give the person these roles; requests see them within a second.

    Raises self_approval (403: the proposer, or the person), not_found (404), already_decided and
    stale_version (409: the roles have changed since).
    """
    with transaction.atomic():
        by.require(APPROVE)
        row = _proposed(change_id, by)
        if by.user_id in {row.proposed_by_id, row.user_id}:
            raise Forbidden("self_approval", "Neither who asked nor who gets the roles approves.")
        user = User.objects.select_for_update().get(pk=row.user_id)
        if user.roles != row.was:
            text = "The roles have changed since this was proposed: propose it anew."
            raise OmsError("stale_version", text, status=409)
        # The roles themselves are written by the database, as the effect of this.
        return _decided(row, RoleChange.Status.APPROVED, reason, by_id=by.user_id, at=at)


def reject(change_id: int, *, reason: str, by: Principal, at: datetime) -> RoleChange:
    """Refuse a proposed change; its proposer withdraws it by the same way."""
    with transaction.atomic():
        row = _proposed(change_id, by)
        if row.proposed_by_id == by.user_id:
            return _decided(row, RoleChange.Status.WITHDRAWN, _said(reason), by_id=None, at=at)
        return _decided(row, RoleChange.Status.REJECTED, _said(reason), by_id=by.user_id, at=at)


def visible(organization_id: str) -> QuerySet[RoleChange]:
    """Every change of the organization's people, newest first."""
    rows = RoleChange.objects.filter(organization_id=organization_id)
    return rows.select_related("user", "proposed_by", "decided_by").order_by("-id")


def is_narrower(user: User, roles: Iterable[str]) -> bool:
    """Whether these roles are no more than what an active user has: nobody else is needed."""
    return set(roles) <= (set(user.roles) if user.is_active else set())


def _proposed(change_id: int, by: Principal) -> RoleChange:
    if not by.may(APPROVE):
        by.require(MANAGE)
    rows = RoleChange.objects.filter(organization_id=by.organization_id, pk=change_id)
    row = rows.select_for_update().first()
    if row is None:
        raise NotFound("change")
    if row.status != RoleChange.Status.PROPOSED:
        raise OmsError("already_decided", f"It is {row.status} already.", status=409)
    return row


def _decided(
    row: RoleChange, status: str, reason: str, *, by_id: int | None, at: datetime
) -> RoleChange:
    row.status, row.decided_by_id, row.decided_at = status, by_id, at
    row.decision_reason = reason.strip()[:_MOST_REASON]
    row.save(update_fields=_DECIDED)
    return row


def _known(roles: Iterable[str]) -> list[str]:
    wanted = sorted(set(roles))
    if strange := set(wanted) - set(Role):
        known = ", ".join(Role)
        raise OmsError(
            "unknown_role",
            f"Not a role: {', '.join(sorted(strange))}. Known: {known}.",
            field="roles",
        )
    return wanted


def _said(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > _MOST_REASON:
        raise OmsError("reason_required", "Say why, in at most 500 letters.", field="reason")
    return reason
