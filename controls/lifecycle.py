"""A control's versions come into force and go: at most one of a code is active.

Called by the back office. What is active counts from the next order.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django_fsm import can_proceed

from controls.models import Control
from controls.states import ControlStatus
from oms_site.firm.models import Organization
from oms_site.kit.errors import OmsError


def activate(control_id: int) -> Control:
    """Put a version in force; the one that was in force is retired in the same moment."""
    with transaction.atomic():
        control = _locked(control_id)
        _refuse_unless(control, control.activate, "activated")
        others = Control.objects.filter(
            organization_id=control.organization_id,
            code=control.code,
            status=ControlStatus.ACTIVE.value,
        )
        for other in others:
            other.retire()
            other.save(update_fields=["status"])
        return _moved(control, control.activate)


def suspend(control_id: int) -> Control:
    """Take a version out of force; it may return."""
    with transaction.atomic():
        control = _locked(control_id)
        _refuse_unless(control, control.suspend, "suspended")
        return _moved(control, control.suspend)


def retire(control_id: int) -> Control:
    """Take a version out of force for ever."""
    with transaction.atomic():
        control = _locked(control_id)
        _refuse_unless(control, control.retire, "retired")
        return _moved(control, control.retire)


def _locked(control_id: int) -> Control:
    owner = Control.objects.values_list("organization_id", flat=True).get(pk=control_id)
    # One change of an organization's controls at a time, whichever version it starts from.
    Organization.objects.select_for_update().get(pk=owner)
    return Control.objects.get(pk=control_id)


def _refuse_unless(control: Control, step: Callable[[], None], done: str) -> None:
    if not can_proceed(step):
        raise OmsError(
            "control_step_refused", f"It is {control.status} and cannot be {done}.", status=409
        )


def _moved(control: Control, step: Callable[[], None]) -> Control:
    step()
    control.save(update_fields=["status"])
    return control
