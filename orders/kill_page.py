"""`/kill/`: what is halted and how far it has come, engaging, giving back, and mass cancels.

The page reads; every action goes over `/v1/kill-switch/` and `/v1/trading/mass-cancel/` with the
browser's session.
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
from controls import halts, order_groups, written
from controls.models import Halt, OrderGroup
from controls.states import HaltStatus
from oms_site.firm import generation, principals
from oms_site.firm.models import ApiKey, User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import halting, mass_canceling
from orders.flattening import proposing, sizing, views, working
from orders.models import MassCancel
from orders.stopping import selecting, targets, waiting
from orders.stopping.selecting import Selection

_LOG, _MASSES, _GROUPS = 50, 10, 20
WORDS = {
    "all": "the whole firm",
    "organization": "everything here",
    "account": "one account",
    "trader": "one trader",
    "desk": "one desk",
    "api_key": "one API key",
    "strategy": "one strategy",
    "venue": "one venue",
    "instrument": "one instrument",
}
HOUSE_SCOPES = ("all", "venue", "instrument")
SCOPES = tuple(name for name in WORDS if name != "all")


@never_cache
@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page, or only a changing part of it (`?part=board`, `?part=halted`)."""
    user = request.user
    assert isinstance(user, User)
    by = principals.of_user(user, via="browser")
    if not by.may("order.view"):
        raise PermissionDenied("The kill switch needs the entitlement order.view.")
    generation.check()
    part = request.GET.get("part")
    if part == "halted":
        return render(request, "partials/halted.html")
    shown = _shown(by)
    if part == "board":
        return render(request, "controls/kill_board.html", shown)
    of_house = by.organization_id == halts.HOUSE
    shown["scopes"] = [(name, WORDS[name]) for name in (HOUSE_SCOPES if of_house else SCOPES)]
    shown["known"] = targets.names(by.organization_id)
    return render(request, "controls/kill.html", shown)


def _shown(by: Principal) -> dict[str, Any]:
    standing = halts.standing(by.organization_id)
    released = Halt.objects.filter(
        organization_id=by.organization_id, status=HaltStatus.RELEASED.value
    ).select_related("engaged_by", "release_requested_by", "released_by")
    return {
        "halts": [_standing(row) for row in standing],
        "masses": [(row, _chosen(row), mass_canceling.counts(row)) for row in _masses(by)],
        "closing": _closing(by),
        "groups": [_group(row) for row in order_groups.newest(by.organization_id, limit=_GROUPS)],
        "breakers": written.breakers(by.organization_id),
        "log": list(released.order_by("-released_at")[:_LOG]),
        "may": {
            "engage": by.may(halts.ENGAGE),
            "release": by.may(halts.RELEASE),
            "cancel": by.may(mass_canceling.CANCEL),
            "reset": by.may(order_groups.SUBMIT),
            "submit": by.may(proposing.PROPOSE),
        },
        "me": by.user_id,
    }


def _standing(row: Halt) -> dict[str, Any]:
    wanted = halting.selected(row)
    waits = row.cancels and row.status != HaltStatus.CONFIRMED_FLAT
    return {
        "row": row,
        "alive": selecting.alive(wanted).count(),
        "waits": waiting.on(wanted) if waits else [],
        "closable": row.mode == Halt.Mode.REDUCING and row.scope in sizing.SCOPES,
        "foreign": row.imposed and row.organization_id != halts.HOUSE,
    }


def _closing(by: Principal) -> list[dict[str, Any]]:
    rows, at = views.of(by.organization_id)[:_MASSES], clock.now()
    return [
        {"row": row, "count": working.counts(row), "late": at >= row.expires_at} for row in rows
    ]


def _group(row: OrderGroup) -> dict[str, Any]:
    wanted = Selection(organization_id=row.organization_id, order_group=row.id)
    return {"row": row, "alive": selecting.alive(wanted).count()}


def _masses(by: Principal) -> list[MassCancel]:
    rows = MassCancel.objects.filter(organization_id=by.organization_id)
    return list(rows.select_related("requested_by").order_by("-requested_at", "-id")[:_MASSES])


def _chosen(row: MassCancel) -> str:
    """What was chosen, with the names that people know; empty for everything."""
    chosen = {name: value for name, value in row.wanted.items() if name != "organization_id"}
    if account := accounts.find_account(row.organization_id, chosen.get("account", "")):
        chosen["account"] = account.code
    if key := ApiKey.objects.filter(pk=chosen.get("api_key") or 0).first():
        chosen["api_key"] = key.prefix
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in chosen.items())
