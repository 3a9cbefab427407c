"""The desk's pages: blotter, one order, its panel, and the search that every page offers.

They read; every action goes over the REST API with the browser's session.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations import accounts, templates
from allocations.models import Allocation, BookingLeg
from oms_site.firm import generation, policies, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import extending, panel
from orders import render as wire
from orders.models import Execution, ExecutionOrder, Order, VenueOrder
from venues import instruments

_View = Callable[..., HttpResponse]
ACTIONS = ("order.submit", "order.cancel", "order.route", "order.release")


def _page(view: _View) -> _View:
    """A page of the desk: read only, for people who may see orders, with fresh reference data."""

    @wraps(view)
    def guarded(request: HttpRequest, **named: str) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)
        principal = principals.of_user(user, via="browser")
        if not principal.may("order.view"):
            raise PermissionDenied("The desk needs the entitlement order.view.")
        generation.check()
        return view(request, principal, **named)

    return never_cache(require_safe(login_required(guarded)))


@_page
def desk(request: HttpRequest, by: Principal) -> HttpResponse:
    """The blotter; rows come over the socket."""
    policy = policies.of(by.organization_id, at=clock.now())
    amends = policy["order_amendment"] == "replace_chain"
    shown = {"may": _may(by), "amends": amends, "schedules": policy["allowed_schedules"]}
    return render(request, "orders/desk.html", shown)


@_page
def order(request: HttpRequest, by: Principal, order_id: str) -> HttpResponse:
    """One order as a page, as the panel beside the blotter (`?part=panel`), or raw (`?tab=raw`)."""
    found = panel.find(by.organization_id, order_id)
    if found is None:
        raise Http404(f"No order {order_id} is known here.")
    shown = {"may": _may(by), "username": by.username, **panel.context(found, by=by)}
    if request.GET.get("part") == "panel":
        return render(request, "orders/panel.html", shown)
    if request.GET.get("tab") == "raw":
        shown["raw"] = _indented(found)
    return render(request, "orders/order.html", shown)


@_page
def reference(request: HttpRequest, by: Principal) -> HttpResponse:
    """What the new-order dialog offers: the organization's accounts and all instruments."""
    mine = accounts.accounts_of(by.organization_id)
    policy = policies.of(by.organization_id, at=clock.now())
    return JsonResponse(
        {
            "policy": {
                "ord_types": policy["allowed_ord_types"],
                "time_in_force": policy["allowed_tif"],
                "handling": policy["allowed_handling"],
                "contingencies": policy["allowed_contingencies"],
                "amount_types": policy["allowed_amount_types"],
            },
            "accounts": [
                {
                    "id": a.id,
                    "code": a.code,
                    "name": a.name,
                    "status": a.status,
                    "custodian": a.custodian_id,
                }
                for a in mine
            ],
            "venues": extending.offered(),
            "desks": [
                {"id": one.id, "name": one.name}
                for one in accounts.desks()
                if one.id in {account.custodian_id for account in mine}
            ],
            "templates": [one["name"] for one in templates.listed(by.organization_id)],
            "instruments": [
                {"cusip": i.cusip, "name": i.description, "cls": i.asset_class, "symbol": i.symbol}
                for i in instruments.every()
                if i.status == "active"
            ],
        }
    )


@_page
def find(request: HttpRequest, by: Principal) -> HttpResponse:
    """Go to whatever an id names; a CUSIP or account filters the blotter."""
    text = request.GET.get("q", "").strip()
    order_id = _order_named(by.organization_id, text) if text else ""
    if order_id:
        return redirect("desk-order", order_id=order_id)
    if text and instruments.find(text) is not None:
        return redirect(f"{reverse('desk')}?view=all&f=cusip:{text.upper()}")
    account = accounts.find_account(by.organization_id, text) if text else None
    if account is not None:
        return redirect(f"{reverse('desk')}?view=all&f=account:{account.code}")
    raise Http404(f"Nothing here is called “{text}”." if text else "Give an id to look for.")


def _order_named(organization_id: str, text: str) -> str:
    """The order that an id of any kind belongs to; empty when there is none."""
    mine = {"organization_id": organization_id}
    found = (
        Order.objects.filter(**mine, pk=text).values_list("pk", flat=True).first()
        or Order.objects.filter(**mine, client_order_id=text).values_list("pk", flat=True).first()
    )
    for model in (ExecutionOrder, VenueOrder, Execution, Allocation):
        found = found or _order_of(model.objects.filter(**mine, pk=text))
    found = found or _order_of(Execution.objects.filter(**mine, exec_id=text))
    if not found:
        legs = BookingLeg.objects.filter(**mine, pk=text)
        found = legs.values_list("allocation__order_id", flat=True).first()
    return found or ""


def _order_of(rows: QuerySet[Any]) -> str | None:
    named: str | None = rows.values_list("order_id", flat=True).first()
    return named


def _may(by: Principal) -> dict[str, bool]:
    return {name.replace(".", "_"): by.may(name) for name in ACTIONS}


def _indented(found: Order) -> str:
    return msgspec.json.format(bytes(wire.order_json(found)), indent=2).decode()
