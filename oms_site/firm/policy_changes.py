"""A policy changes by two people: one proposes the next version, another decides.

Called by the API and the back office. Orders keep the version that decided them; the database
refuses whatever these functions would.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from oms_site.firm import policies
from oms_site.firm.models import Organization, Policy
from oms_site.firm.principals import Principal
from oms_site.kit.errors import Forbidden, NotFound, OmsError, refuse

MANAGE = "policy.manage"
SYSTEM = "system"
_MOST_REASON = 500
_DECIDED = ("status", "effective_at", "decided_by", "decided_at", "decision_reason")


def first(
    organization_id: str,
    *,
    preset: str = "guide",
    rules: Mapping[str, Any] | None = None,
    at: datetime,
) -> Policy:
    """The policy that an organization starts with; the one it has if it has any."""
    known = Policy.objects.filter(organization_id=organization_id).order_by("version").first()
    return known or Policy.objects.create(
        organization_id=organization_id,
        version=1,
        preset=preset,
        rules=dict(rules or {}),
        effective_at=at,
        status=Policy.Status.APPROVED,
        origin=SYSTEM,
    )


def propose(
    *,
    preset: str,
    rules: Mapping[str, Any],
    reason: str,
    effective_at: datetime | None = None,
    by: Principal,
    at: datetime,
) -> Policy:
    """The next version, waiting for a second person; nothing counts until then.

    Raises not_entitled (403), reason_required, effective_in_the_past and what is wrong with the
    rules (422), nothing_changed (409).
    """
    by.require(MANAGE)
    refuse(policies.faults(preset, rules))
    reason = _said(reason)
    if effective_at is not None and effective_at < at:
        raise OmsError("effective_in_the_past", "This time has passed.", field="effective_at")
    with transaction.atomic():
        _locked(by.organization_id)
        rows = Policy.objects.filter(organization_id=by.organization_id).order_by("-version")
        last = rows.first()
        agreed = newest(by.organization_id)
        if agreed is not None and (agreed.preset, agreed.rules) == (preset, dict(rules)):
            raise OmsError("nothing_changed", "The policy in force says the same.", status=409)
        return Policy.objects.create(
            organization_id=by.organization_id,
            version=last.version + 1 if last else 1,
            preset=preset,
            rules=dict(rules),
            effective_at=effective_at or at,
            reason=reason,
            proposed_by_id=by.user_id,
            proposed_at=at,
        )


def approve(version: int, *, reason: str = "", by: Principal, at: datetime) -> Policy:
    """Put a proposed version in force: at its time, or at once if that has passed.

    Raises self_approval (403), not_found (404), already_decided, newer_version_in_force (409).
    """
    with transaction.atomic():
        row = _proposed(version, by)
        if row.proposed_by_id == by.user_id:
            raise Forbidden("self_approval", "Who proposed a policy may not approve it.")
        rows = Policy.objects.filter(organization_id=row.organization_id, version__gt=row.version)
        newer = rows.filter(status=Policy.Status.APPROVED).order_by("-version").first()
        if newer is not None:
            text = f"Version {newer.version} was approved before: propose this one anew."
            raise OmsError("newer_version_in_force", text, status=409)
        row.effective_at = max(row.effective_at, at)
        return _decided(row, Policy.Status.APPROVED, reason, by=by, at=at)


def reject(version: int, *, reason: str, by: Principal, at: datetime) -> Policy:
    """Refuse a proposed version; its proposer withdraws it by the same way."""
    with transaction.atomic():
        row = _proposed(version, by)
        own = row.proposed_by_id == by.user_id
        status = Policy.Status.WITHDRAWN if own else Policy.Status.REJECTED
        return _decided(row, status, _said(reason), by=by, at=at)


def versions(organization_id: str) -> QuerySet[Policy]:
    """Every version, newest first, with its people."""
    rows = Policy.objects.filter(organization_id=organization_id)
    return rows.select_related("proposed_by", "decided_by").order_by("-version")


def newest(organization_id: str) -> Policy | None:
    """The newest approved version, in force or to be."""
    return versions(organization_id).filter(status=Policy.Status.APPROVED).first()


def find(version: int, *, by: Principal) -> Policy:
    """One version of the caller's organization. Raises not_found (404)."""
    row = versions(by.organization_id).filter(version=version).first()
    if row is None:
        raise NotFound("policy")
    return row


def before(row: Policy) -> Policy | None:
    """The approved version that came before this one."""
    rows = versions(row.organization_id).filter(version__lt=row.version)
    return rows.filter(status=Policy.Status.APPROVED).first()


def diff(old: Policy | None, new: Policy) -> list[dict[str, Any]]:
    """The rules that differ between what two versions come to."""
    before = policies.facts(old).rules if old is not None else {}
    after = policies.facts(new).rules
    return [
        {"rule": name, "from": before.get(name), "to": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _proposed(version: int, by: Principal) -> Policy:
    by.require(MANAGE)
    _locked(by.organization_id)
    row = find(version, by=by)
    if row.status != Policy.Status.PROPOSED:
        raise OmsError("already_decided", f"It is {row.status} already.", status=409)
    return row


def _decided(row: Policy, status: str, reason: str, *, by: Principal, at: datetime) -> Policy:
    row.status, row.decided_at, row.decision_reason = status, at, reason.strip()[:_MOST_REASON]
    # Whoever withdraws his own proposal has decided nothing.
    row.decided_by_id = None if status == Policy.Status.WITHDRAWN else by.user_id
    row.save(update_fields=_DECIDED)
    return row


def _locked(organization_id: str) -> None:
    Organization.objects.select_for_update().get(pk=organization_id)


def _said(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > _MOST_REASON:
        raise OmsError("reason_required", "Say why, in at most 500 letters.", field="reason")
    return reason
