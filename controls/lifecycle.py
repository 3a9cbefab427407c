"""A control's versions come into force and go, each step by two people.

One person asks (`submit`, `request`), another decides (`approve`, `reject`). At most one version of
a code is in force at any moment. Called by the API, the back office and the packs; the database
refuses whatever these functions would.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django_fsm import can_proceed

from controls import content, governance
from controls.models import Control
from controls.states import ControlStatus, Pending
from oms_site.firm import policies
from oms_site.firm.principals import Principal
from oms_site.kit.errors import Forbidden, NotFound, OmsError

_STEP = ("status", "pending", "requested_by", "decided_by", "change_reason", "changed_at")
_DONE = {Pending.SUSPEND: "suspended", Pending.RESUME: "resumed", Pending.RETIRE: "retired"}
_MOST_REASON = 500


def submit(control_id: int, *, reason: str = "", by: Principal, at: datetime) -> Control:
    """Ask for a draft to be put in force."""
    with transaction.atomic():
        control = _locked(control_id, by)
        _refuse_unless(control, control.submit, "submitted")
        control.submit()
        return _asked(control, Pending.ACTIVATE, reason or control.reason, by=by, at=at)


def request(control_id: int, what: Pending, *, reason: str, by: Principal, at: datetime) -> Control:
    """Ask for a version in force to be suspended, resumed or retired; it stays as it is until then.

    Raises control_step_refused and change_pending (409), reason_required and regulatory_control
    (422).
    """
    with transaction.atomic():
        control = _locked(control_id, by)
        if not reason.strip():
            raise OmsError("reason_required", "Say why.", field="reason")
        if what == Pending.SUSPEND and control.regulatory:
            raise OmsError("regulatory_control", "A regulatory control is never suspended.")
        _refuse_unless(control, getattr(control, what.value), _DONE[what])
        if control.status == ControlStatus.DRAFT:
            raise OmsError("control_step_refused", "It is a draft: discard it.", status=409)
        if control.pending:
            raise OmsError(
                "change_pending", f"Somebody has already asked to {control.pending} it.", status=409
            )
        return _asked(control, what, reason, by=by, at=at)


def approve(control_id: int, *, reason: str = "", by: Principal, at: datetime) -> Control:
    """Do what somebody else has asked for. A version that comes into force replaces its forerunner.

    Raises self_approval (403), nothing_pending, newer_version_in_force, simulation_required (409).
    """
    with transaction.atomic():
        control = _locked(control_id, by)
        _refuse_unless_pending(control)
        makers = {control.requested_by_id}
        if control.pending == Pending.ACTIVATE:
            makers.add(control.created_by_id)
        if by.user_id in makers:
            raise Forbidden("self_approval", "Who made or asked for a change may not approve it.")
        if control.pending == Pending.ACTIVATE:
            _require_simulation(control, at=at)
            _supersede(control, by=by, at=at)
            control.approve()
            control.approved_by_id, control.approved_at = by.user_id, at
        elif control.pending == Pending.RETIRE:
            control.retire()
            control.ends_at = at
        else:
            getattr(control, control.pending)()
        return _decided(control, reason, by=by, at=at)


def reject(control_id: int, *, reason: str, by: Principal, at: datetime) -> Control:
    """Refuse what was asked for, or withdraw what one asked for oneself."""
    with transaction.atomic():
        control = _locked(control_id, by)
        _refuse_unless_pending(control)
        if not reason.strip():
            raise OmsError("reason_required", "Say why.", field="reason")
        if control.pending == Pending.ACTIVATE:
            control.reject()
        return _decided(control, reason, by=by, at=at)


def discard(control_id: int, *, reason: str = "", by: Principal, at: datetime) -> Control:
    """Retire a draft that was never in force: one person is enough."""
    with transaction.atomic():
        control = _locked(control_id, by)
        if control.status != ControlStatus.DRAFT:
            raise OmsError("control_step_refused", "Only a draft is discarded.", status=409)
        control.retire()
        control.requested_by_id, control.decided_by_id = by.user_id, None
        control.change_reason, control.changed_at = reason[:_MOST_REASON], at
        control.save(update_fields=_STEP)
        return control


# --- workings ------------------------------------------------------------------------------------
def _locked(control_id: int, by: Principal) -> Control:
    governance.require_manager(by)
    owner = Control.objects.filter(pk=control_id).values_list("organization_id", flat=True).first()
    if owner != by.organization_id:
        raise NotFound("control")
    governance.locked(owner)
    control = Control.objects.get(pk=control_id)
    governance.as_seen(control)
    return control


def _refuse_unless(control: Control, step: Callable[[], None], done: str) -> None:
    if not can_proceed(step):
        raise OmsError(
            "control_step_refused", f"It is {control.status} and cannot be {done}.", status=409
        )


def _refuse_unless_pending(control: Control) -> None:
    if not control.pending:
        raise OmsError("nothing_pending", "Nobody has asked for a change of it.", status=409)


def _require_simulation(control: Control, *, at: datetime) -> None:
    hours = policies.of(control.organization_id, at=at).rules.get("control_simulation_hours", 24)
    if not hours:
        return
    newest = control.simulations.filter(
        complete=True,
        fingerprint=content.fingerprint(control),
        made_at__gte=at - timedelta(hours=hours),
    )
    if not newest.exists():
        raise OmsError(
            "simulation_required",
            f"Simulate exactly this version first; a simulation counts for {hours} h.",
            status=409,
        )


def _supersede(control: Control, *, by: Principal, at: datetime) -> None:
    rows = Control.objects.filter(
        organization_id=control.organization_id,
        code=control.code,
        status__in=[ControlStatus.ACTIVE, ControlStatus.SUSPENDED],
    )
    for old in rows:
        if old.version > control.version:
            raise OmsError(
                "newer_version_in_force", f"Version {old.version} is in force.", status=409
            )
        was_active = old.status == ControlStatus.ACTIVE
        old.retire()
        old.pending, old.superseded_by = "", control
        # Until the new one counts, the old one does: there is no moment without the control.
        starts = control.effective_from
        old.ends_at = max(at, starts) if was_active and starts is not None else at
        old.requested_by_id, old.decided_by_id = control.requested_by_id, by.user_id
        old.change_reason, old.changed_at = f"replaced by version {control.version}", at
        old.save(update_fields=[*_STEP, "superseded_by", "ends_at"])


def _asked(control: Control, what: Pending, reason: str, *, by: Principal, at: datetime) -> Control:
    control.pending = what.value
    control.requested_by_id, control.decided_by_id = by.user_id, None
    control.change_reason, control.changed_at = reason.strip()[:_MOST_REASON], at
    control.save(update_fields=_STEP)
    return control


def _decided(control: Control, reason: str, *, by: Principal, at: datetime) -> Control:
    control.pending = Pending.NONE.value
    # Whoever withdraws his own request has decided nothing.
    control.decided_by_id = None if by.user_id == control.requested_by_id else by.user_id
    control.change_reason, control.changed_at = reason.strip()[:_MOST_REASON], at
    control.save(update_fields=[*_STEP, "approved_by", "approved_at", "ends_at"])
    return control
