"""The page of splits after the fact: what was executed for nobody yet, entries, and what is held.

It reads; every action goes over the REST API with the browser's session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations import accounts, post_trade, templates
from allocations.models import Allocation, PostTradeEntry
from oms_site.firm import generation, policies, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders.models import Order
from orders.post_trade import RELEASE
from venues import instruments

_MOST = 200


@never_cache
@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Everything that waits, or only its changing part (`?part=board`)."""
    user = request.user
    assert isinstance(user, User)
    by = principals.of_user(user, via="browser")
    if not by.may("order.view"):
        raise PermissionDenied("Allocations need the entitlement order.view.")
    generation.check()
    at, organization_id = clock.now(), by.organization_id
    policy = policies.of(organization_id, at=at)
    shown: dict[str, Any] = {
        "now": at,
        "me": by.user_id,
        "may": _may(by, policy),
        "blocks": _blocks(organization_id),
        "waiting": _entries(organization_id, ["requested"]),
        "decided": _entries(organization_id, ["approved", "refused"], most=20),
        "held": _held(organization_id),
        "strategies": policy["allowed_allocation_strategies"],
        "templates": templates.listed(organization_id),
        "accounts": [
            one for one in accounts.accounts_of(organization_id) if one.status == "active"
        ],
    }
    part = request.GET.get("part") == "board"
    return render(request, f"orders/allocate{'_board' if part else ''}.html", shown)


def _may(by: Principal, policy: policies.PolicyFacts) -> dict[str, bool]:
    return {
        "enter": by.may(post_trade.ENTER) and post_trade.is_allowed(policy),
        "decide": by.may(post_trade.DECIDE),
        "release": by.may(RELEASE),
    }


def _blocks(organization_id: str) -> list[dict[str, Any]]:
    """Orders with fills that nobody is named for, oldest first."""
    entered = PostTradeEntry.objects.filter(order_id=OuterRef("pk"), status="requested")
    split = Allocation.objects.filter(order_id=OuterRef("pk"))
    rows = Order.objects.filter(
        organization_id=organization_id, account=None, allocation=None, cum_qty__gt=0
    ).exclude(Exists(entered) | Exists(split))
    return [
        {
            "order": row,
            "facts": instruments.by_id(row.instrument_id),
            "to_split": row.cum_qty if row.is_terminal else row.order_qty,
        }
        for row in rows.order_by("created_at", "id")[:_MOST]
    ]


def _entries(organization_id: str, states: Iterable[str], *, most: int = _MOST) -> list[Any]:
    rows = PostTradeEntry.objects.filter(organization_id=organization_id, status__in=list(states))
    found = list(rows.select_related("maker", "checker").order_by("-requested_at", "-id")[:most])
    orders = Order.objects.in_bulk([row.order_id for row in found])
    made = dict(Allocation.objects.filter(order_id__in=orders).values_list("entry_id", "id"))
    return [
        {
            "row": row,
            "order": orders[row.order_id],
            "facts": instruments.by_id(orders[row.order_id].instrument_id),
            "allocation_id": made.get(row.id),
            "parts": [
                (_code(organization_id, one.account_id), one.qty)
                for one in post_trade.requested(row)
            ],
        }
        for row in found
    ]


def _held(organization_id: str) -> list[dict[str, Any]]:
    """Allocations with fills whose bookings a rule keeps back until a person lets them go."""
    rows = Allocation.objects.filter(
        organization_id=organization_id, release="hand", released_at=None, actual_qty__gt=0
    )
    return [
        {"row": row, "facts": instruments.by_id(row.instrument_id)}
        for row in rows.order_by("created_at", "id")[:_MOST]
    ]


def _code(organization_id: str, account_id: str) -> str:
    facts = accounts.find_account(organization_id, account_id)
    return facts.code if facts else account_id
