"""Controls as people write them: drafts, new versions, who sees which, and what became of them.

Called by the API, the back office and the packs. Content is only ever added as a new version; how
a version comes into force is `lifecycle`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from controls import content
from controls.models import Control, ControlChange
from controls.states import ControlStatus
from oms_site.firm.models import Organization
from oms_site.firm.principals import Principal
from oms_site.kit import expecting
from oms_site.kit.errors import Forbidden, NotFound, OmsError

MANAGE = "control.manage"
CONFIGURE = "config.manage"
VIEW = ("order.view", "audit.view")
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


def require_manager(by: Principal) -> None:
    """Raises not_entitled (403) unless the caller may change controls."""
    if not by.may(CONFIGURE):
        by.require(MANAGE)


def visible(organization_id: str) -> QuerySet[Control]:
    """The organization's own versions, and those of its parents that bind it or did."""
    assigned = Q(assigned_to__contains=[organization_id]) & ~Q(
        status__in=[ControlStatus.DRAFT, ControlStatus.PENDING_APPROVAL]
    )
    return Control.objects.filter(Q(organization_id=organization_id) | assigned)


def find(control_id: str, *, by: Principal, version: int | None = None) -> Control:
    """One version by its id on the wire: the given one, else the one in force, else the newest.

    Raises not_found (404): unknown, or of an organization that has nothing to do with the caller.
    """
    owner, _, code = control_id.rpartition(":")
    rows = visible(by.organization_id).filter(
        code=code, organization_id=owner or by.organization_id
    )
    if version is not None:
        rows = rows.filter(version=version)
    found = list(rows.order_by("-version"))
    living = [row for row in found if row.status in {"active", "suspended"}]
    if not found:
        raise NotFound("control")
    return (living or found)[0]


def own(control_id: str, *, by: Principal, version: int | None = None) -> Control:
    """As `find`, to be changed. Raises assigned_by_parent (403) for a control of a parent."""
    control = find(control_id, by=by, version=version)
    if control.organization_id != by.organization_id:
        raise Forbidden(
            "assigned_by_parent",
            f"{control.organization_id} has assigned this control: only it may change it.",
        )
    return control


def draft(
    code: str, stated: Mapping[str, Any], *, reason: str, by: Principal, at: datetime
) -> Control:
    """The first version of a new control, as a draft.

    Raises not_entitled (403), control_exists (409), reason_required and what is wrong with the
    content, field by field (422).
    """
    require_manager(by)
    if not _CODE.fullmatch(code) or code.startswith("builtin."):
        text = "Small letters, digits, dots, dashes; not `builtin.`"
        raise OmsError("invalid_control_id", text, field="control_id")
    values = content.read(stated, organization_id=by.organization_id)
    with transaction.atomic():
        locked(by.organization_id)
        if Control.objects.filter(organization_id=by.organization_id, code=code).exists():
            raise OmsError(
                "control_exists", "There is a control of this id: make a new version.", status=409
            )
        return store(
            by.organization_id, code, values, reason=_said(reason), by_id=by.user_id, at=at
        )


def revise(
    control_id: str,
    changes: Mapping[str, Any],
    *,
    reason: str,
    by: Principal,
    at: datetime,
    base: int | None = None,
) -> Control:
    """The next version: as its base (the one in force, or that version) with these fields changed.

    Raises not_entitled and assigned_by_parent (403), not_found (404), nothing_changed (409),
    regulatory_control and what is wrong with the content (422).
    """
    require_manager(by)
    old = own(control_id, by=by, version=base)
    values = content.read(
        {**content.of(old), **_typed(old, changes)}, organization_id=by.organization_id
    )
    with transaction.atomic():
        locked(by.organization_id)
        as_seen(Control.objects.get(pk=old.pk))
        made = store(
            by.organization_id, old.code, values, reason=_said(reason), by_id=by.user_id, at=at
        )
        if not content.diff(old, made):
            raise OmsError("nothing_changed", "The new version would state the same.", status=409)
        return made


def tag(control: Control) -> str:
    """What changes with every step of a version: its number, its state, and what is asked of it."""
    return ".".join((str(control.version), control.status, control.pending or "none"))


def as_seen(control: Control) -> None:
    """Raises version_moved (412) where who asks has seen a locked control otherwise.

    Its address may name it with its owner, as `find` reads it.
    """
    for key in (control.code, f"{control.organization_id}:{control.code}"):
        expecting.check(key, tag(control))


def store(
    organization_id: str,
    code: str,
    values: Mapping[str, Any],
    *,
    reason: str,
    by_id: int | None,
    at: datetime,
    origin: str = "",
) -> Control:
    """Insert the next version as a draft; the caller holds the organization's lock."""
    rows = Control.objects.filter(organization_id=organization_id, code=code).order_by("-version")
    last = rows.first()
    bound = rows.filter(regulatory=True).exclude(approved_by=None, origin="").exists()
    if bound and not values["regulatory"]:
        raise OmsError(
            "regulatory_control", "A regulatory control stays regulatory.", field="regulatory"
        )
    return Control.objects.create(
        **values,
        organization_id=organization_id,
        code=code,
        version=last.version + 1 if last else 1,
        origin=origin,
        reason=reason,
        created_by_id=by_id,
        created_at=at,
        changed_at=at,
    )


def locked(organization_id: str) -> None:
    """One change of an organization's controls at a time, whichever version it starts from."""
    Organization.objects.select_for_update().get(pk=organization_id)


def history(control: Control) -> QuerySet[ControlChange]:
    """Every step of every version of this control, oldest first."""
    rows = ControlChange.objects.filter(organization_id=control.organization_id, code=control.code)
    return rows.select_related("maker", "checker").order_by("id")


def _typed(old: Control, changes: Mapping[str, Any]) -> dict[str, Any]:
    # Another rule has a type of its own unless one is given.
    moved = changes.get("rule_class", old.rule_class) != old.rule_class
    return {"type": "", **changes} if moved else dict(changes)


def _said(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > 500:
        raise OmsError("reason_required", "Say why, in at most 500 letters.", field="reason")
    return reason
