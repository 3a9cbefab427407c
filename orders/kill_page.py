"""`/kill/`: what is halted now and how far it has come, engaging a switch, and giving one back.

The page reads; every action goes over `/v1/kill-switch/` with the browser's session.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations import accounts
from controls import halts
from controls.halts import Target
from controls.models import Halt
from controls.states import HaltStatus
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from orders import halting

_LOG = 50


@never_cache
@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page, or only its changing part (`?part=board`)."""
    user = request.user
    assert isinstance(user, User)
    by = principals.of_user(user, via="browser")
    if not by.may("order.view"):
        raise PermissionDenied("The kill switch needs the entitlement order.view.")
    generation.check()
    shown = _shown(by)
    if request.GET.get("part") == "board":
        return render(request, "controls/kill_board.html", shown)
    people = User.objects.filter(organization_id=by.organization_id).order_by("username")
    shown["traders"] = list(people.values_list("username", flat=True))
    shown["accounts"] = accounts.accounts_of(by.organization_id)
    return render(request, "controls/kill.html", shown)


def _shown(by: Principal) -> dict[str, Any]:
    standing = halts.standing(by.organization_id)
    released = Halt.objects.filter(
        organization_id=by.organization_id, status=HaltStatus.RELEASED.value
    ).select_related("engaged_by", "release_requested_by", "released_by")
    return {
        "halts": [(row, _alive(row)) for row in standing],
        "log": list(released.order_by("-released_at")[:_LOG]),
        "may": {"engage": by.may(halts.ENGAGE), "release": by.may(halts.RELEASE)},
        "me": by.user_id,
    }


def _alive(row: Halt) -> int:
    return halting.alive(Target(row.scope, row.target, row.target_name), row.organization_id)
