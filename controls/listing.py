"""Lists and mandates change by two people: one writes the next version, another approves it.

Called by the API, the back office and the seed. Versions and decisions are only ever added; the
database refuses whatever these functions would.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import QuerySet

from allocations.models import Account
from controls import governance, members
from controls.checks.mandate import KNOWN, fault
from controls.models import ControlList, ListingDecision, Mandate
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit.errors import Forbidden, NotFound, OmsError

Listing: TypeAlias = ControlList | Mandate
_MOST_REASON = 500
_MEMBERS = ("cusips", "issuers", "accounts")


def draft(
    name: str,
    *,
    kind: str,
    cusips: Iterable[str] = (),
    issuers: Iterable[str] = (),
    accounts: Iterable[str] = (),
    reason: str = "",
    by: Principal,
    at: datetime,
) -> ControlList:
    """The next version of a list, waiting for a second person.

    Raises not_entitled (403), nothing_changed (409), list_kind_refused (422: it keeps its kind),
    list_name_refused (422), and list_member_unknown (422) as `members.read`.
    """
    governance.require_manager(by)
    generation.check()
    stated = members.read(by.organization_id, cusips=cusips, issuers=issuers, accounts=accounts)
    with transaction.atomic():
        governance.locked(by.organization_id)
        last = lists_of(by.organization_id).filter(name=name).first()
        if last is None and (wrong := name_fault(name)):
            raise OmsError("list_name_refused", wrong, field="name")
        if kind not in ControlList.Kind.values or (last is not None and last.kind != kind):
            raise OmsError("list_kind_refused", "A list keeps its kind.", field="kind")
        known = in_force(lists_of(by.organization_id).filter(name=name))
        if known is not None and all(getattr(known, name) == stated[name] for name in _MEMBERS):
            raise OmsError("nothing_changed", "The list in force says the same.", status=409)
        return ControlList.objects.create(
            organization_id=by.organization_id,
            name=name,
            version=last.version + 1 if last else 1,
            kind=kind,
            **stated,
            reason=reason,
            created_by_id=by.user_id,
            created_at=at,
        )


def name_fault(name: str) -> str:
    """Why a new list cannot be called so, as a sentence; empty when it can.

    A list is decided about at an address that holds its name. One that was named otherwise before
    keeps its name, and the back office decides about what no address can say.
    """
    if "/" in name or "\\" in name or any(unicodedata.category(one)[0] == "C" for one in name):
        return "A list's name holds no slash and nothing that cannot be seen."
    if name != name.strip() or not name.strip("."):
        return "A list's name is more than dots, without blanks around it."
    return ""


def agree(
    account_id: str, rules: Mapping[str, Any], *, reason: str = "", by: Principal, at: datetime
) -> Mandate:
    """The next version of an account's mandate, waiting for a second person.

    Raises not_entitled (403), not_found (404), mandate_rule_unknown, invalid_rules (422).
    """
    governance.require_manager(by)
    if unknown := set(rules) - KNOWN:
        text = f"A mandate does not know {', '.join(sorted(unknown))}."
        raise OmsError("mandate_rule_unknown", text, field="rules")
    if wrong := fault(rules):
        raise OmsError("invalid_rules", f"Of these rules, {wrong}.", field="rules")
    if not Account.objects.filter(organization_id=by.organization_id, pk=account_id).exists():
        raise NotFound("account")
    with transaction.atomic():
        governance.locked(by.organization_id)
        last = mandates_of(by.organization_id).filter(account_id=account_id).first()
        return Mandate.objects.create(
            organization_id=by.organization_id,
            account_id=account_id,
            version=last.version + 1 if last else 1,
            rules=dict(rules),
            reason=reason,
            created_by_id=by.user_id,
            created_at=at,
        )


def approve(row: Listing, *, reason: str = "", by: Principal, at: datetime) -> ListingDecision:
    """Put a version in force for the next order.

    Raises not_entitled, self_approval (403), already_decided, newer_version_in_force (409).
    """
    governance.require_manager(by)
    with transaction.atomic():
        _waiting(row, by)
        if row.created_by_id == by.user_id:
            raise Forbidden("self_approval", "Who wrote a version may not approve it.")
        newest = in_force(series(row))
        if newest is not None and newest.version > row.version:
            text = f"Version {newest.version} is in force."
            raise OmsError("newer_version_in_force", text, status=409)
        return _decide(row, True, reason, by=by, at=at)


def reject(row: Listing, *, reason: str, by: Principal, at: datetime) -> ListingDecision:
    """Refuse a version, or withdraw one's own; it never counts."""
    governance.require_manager(by)
    if not reason.strip():
        raise OmsError("reason_required", "Say why.", field="reason")
    with transaction.atomic():
        _waiting(row, by)
        return _decide(row, False, reason, by=by, at=at)


def lists_of(organization_id: str) -> QuerySet[ControlList]:
    """Every version of every list, newest first, with its people."""
    rows = ControlList.objects.filter(organization_id=organization_id)
    return rows.select_related("created_by", "decision__decided_by").order_by("name", "-version")


def mandates_of(organization_id: str) -> QuerySet[Mandate]:
    """Every version of every mandate, newest first, with its people."""
    rows = Mandate.objects.filter(organization_id=organization_id)
    people = rows.select_related("account", "created_by", "decision__decided_by")
    return people.order_by("account_id", "-version")


def series(row: Listing) -> QuerySet[Any]:
    """All versions of what this is a version of."""
    if isinstance(row, ControlList):
        return lists_of(row.organization_id).filter(name=row.name)
    return mandates_of(row.organization_id).filter(account_id=row.account_id)


def in_force(rows: QuerySet[Any]) -> Any | None:
    """The version of a series that counts now."""
    return rows.filter(decision__approve=True).order_by("-version").first()


def status(row: Listing) -> str:
    """What has become of a version: proposed, approved, rejected or withdrawn."""
    decision = getattr(row, "decision", None)
    if decision is None:
        return "proposed"
    if decision.approve:
        return "approved"
    return "withdrawn" if decision.decided_by_id == row.created_by_id else "rejected"


def diff(old: ControlList | None, new: ControlList) -> dict[str, list[str]]:
    """Which members a version adds to the one before it, and which it takes away."""
    before = {one for name in _MEMBERS for one in (getattr(old, name) if old else [])}
    after = {one for name in _MEMBERS for one in getattr(new, name)}
    return {"added": sorted(after - before), "removed": sorted(before - after)}


def _waiting(row: Listing, by: Principal) -> None:
    if row.organization_id != by.organization_id:
        raise NotFound("list")
    governance.locked(row.organization_id)
    about = {"control_list": row} if isinstance(row, ControlList) else {"mandate": row}
    if ListingDecision.objects.filter(**about).exists():
        raise OmsError("already_decided", "It is decided already.", status=409)


def _decide(
    row: Listing, approve: bool, reason: str, *, by: Principal, at: datetime
) -> ListingDecision:
    about = {"control_list": row} if isinstance(row, ControlList) else {"mandate": row}
    return ListingDecision.objects.create(
        **about,
        organization_id=row.organization_id,
        approve=approve,
        decided_by_id=by.user_id,
        decided_at=at,
        reason=reason.strip()[:_MOST_REASON],
    )
