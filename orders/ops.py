"""The pages of operations: what waits for a person, by age; and one allocation's arithmetic.

They read; every action goes over the REST API with the browser's session.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations import accounts
from allocations.models import (
    AccountAllocation,
    Allocation,
    BookingLeg,
    ConfirmAdjustment,
    Custodian,
    Repair,
)
from allocations.settlement import daily, strays, views
from allocations.states import LegStatus
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock, synchrony
from oms_site.kit.errors import OmsError
from orders import arithmetic, breaks, day_papers, reconciliation, waiting_orders
from orders.models import Break
from venues import health as venue_health
from venues import instruments, registry
from venues.calendar import new_york_date
from venues.market_data import evaluated
from venues.models import Venue

_View = Callable[..., HttpResponse]
_MOST = 200
_STUCK = (LegStatus.REJECTED, LegStatus.FAILED)
_UNBOOKED = (*_STUCK, LegStatus.QUEUED, LegStatus.SENT)
_LATE = timedelta(minutes=2)


def _page(view: _View) -> _View:
    """A page for who may see operations, with fresh reference data."""

    @wraps(view)
    def guarded(request: HttpRequest, **named: str) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)
        principal = principals.of_user(user, via="browser")
        if not principal.may("ops.view"):
            raise PermissionDenied("Operations need the entitlement ops.view.")
        generation.check()
        return view(request, principal, **named)

    return never_cache(require_safe(login_required(guarded)))


@_page
def board(request: HttpRequest, by: Principal) -> HttpResponse:
    """Everything that waits, or only its changing part (`?part=board`)."""
    organization_id, at = by.organization_id, clock.now()
    legs = _legs(organization_id)
    opened = list(
        Break.objects.filter(organization_id=organization_id, closed_at=None)
        .select_related("owner", "proposed_by")
        .order_by("opened_at", "id")[:_MOST]
    )
    asked = Repair.objects.filter(organization_id=organization_id, status="requested")
    shown: dict[str, Any] = {
        "now": at,
        "legs": legs,
        "breaks": opened,
        "repairs": list(
            asked.select_related("leg", "custodian", "account", "requested_by").order_by(
                "requested_at"
            )[:_MOST]
        ),
        "custodians": _health(organization_id, at),
        "venues": _venues(at),
        "machine": synchrony.read(),
        "price_service": {"configured": evaluated.configured(), "rows": evaluated.standing()},
        "checked": reconciliation.latest(organization_id),
        "today": new_york_date(at),
        **_settling(organization_id, at),
        **waiting_orders.waiting(organization_id, at=at),
        "may": _may(by),
        "me": by.user_id,
        "reasons": Break.Reason.choices,
        "houses": list(Custodian.objects.filter(active=True).order_by("id")),
        "accounts": accounts.accounts_of(organization_id),
    }
    lists = {name: shown[name] for name in ("confirms", "reports", "externals")}
    shown["ages"] = _ages(legs, opened, at, **lists)
    part = request.GET.get("part") == "board"
    if not part:
        shown["paper_days"] = daily.days(organization_id)
    return render(request, "orders/ops_board.html" if part else "orders/ops.html", shown)


@_page
def document(request: HttpRequest, by: Principal, name: str, kind: str) -> HttpResponse:
    """A paper of one day as a download; of the newest that is stored where none is named."""
    if name not in day_papers.PAPERS or kind not in daily.TYPES:
        raise Http404("There is no such paper.")
    asked = request.GET.get("day", "")
    try:
        day = date.fromisoformat(asked) if asked else None
        return day_papers.answer(by.organization_id, name, day=day, kind=kind)
    except (ValueError, OmsError) as wrong:
        raise Http404(str(wrong)) from wrong


def _venues(at: datetime) -> list[dict[str, Any]]:
    """Every venue with its health, in the words of the page."""
    known = venue_health.of_all(at=at)
    shown = []
    outside = Venue.objects.exclude(gateway=registry.INTERNAL)
    for venue in outside.order_by("preference", "id"):
        now = known[venue.pk]
        lag = None if now.lag is None else round(now.lag.total_seconds() * 1000)
        refused = None if now.reject_rate is None else round(now.reject_rate * 100)
        shown.append({"venue": venue, "health": now, "lag_ms": lag, "refused": refused})
    return shown


@_page
def allocation(request: HttpRequest, by: Principal, allocation_id: str) -> HttpResponse:
    """One allocation with its arithmetic, line by line (L28)."""
    rows = Allocation.objects.select_related("instrument")
    found = rows.filter(id=allocation_id, organization_id=by.organization_id).first()
    if found is None:
        raise Http404(f"No allocation {allocation_id} is known here.")
    parts = AccountAllocation.objects.filter(allocation=found).select_related("account")
    legs = BookingLeg.objects.filter(allocation=found).select_related(
        "custodian", "account_allocation__account", "booked_account"
    )
    booked, asked = list(legs.order_by("id")), waiting_orders.give_ups_of(found.id)
    may = _may(by)
    shown = {
        "allocation": found,
        "facts": instruments.by_id(found.instrument_id),
        "give_ups": asked,
        "givable": waiting_orders.givable(booked, asked) if may["repair"] else (),
        "houses": list(Custodian.objects.filter(active=True).order_by("id")),
        "may": may,
        "me": by.user_id,
        "now": clock.now(),
        **arithmetic.of(found, list(parts.order_by("position")), booked),
    }
    return render(request, "orders/ops_allocation.html", shown)


def _legs(organization_id: str) -> list[BookingLeg]:
    """Bookings that wait for a person."""
    rows = BookingLeg.objects.filter(organization_id=organization_id, status__in=_STUCK)
    return list(
        rows.select_related("custodian", "account_allocation__account", "allocation").order_by(
            "created_at", "id"
        )[:_MOST]
    )


def _settling(organization_id: str, at: Any) -> dict[str, Any]:
    """Confirmations and settlements that wait for a person, and words that fit nothing here."""
    return {
        "confirms": views.confirms(list(views.exceptions(organization_id, at=at)[:_MOST])),
        "settlements": views.instructions_shown(views.troubled(organization_id)[:_MOST], at=at),
        "strays": [*strays.of_custodians(organization_id), *strays.of_services(organization_id)],
        "adjusting": ConfirmAdjustment.Reason.choices,
    }


def _health(organization_id: str, at: Any) -> list[dict[str, Any]]:
    """Each custodian: what is queued, in trouble, booked of today's; and a word for it."""
    mine = BookingLeg.objects.filter(organization_id=organization_id)
    unbooked = mine.filter(status__in=_UNBOOKED).values("custodian_id")
    found: dict[str, dict[str, Any]] = {
        row["custodian_id"]: {**row}
        for row in unbooked.annotate(
            waiting=Count("id", filter=Q(status__in=["queued", "sent"])),
            stuck=Count("id", filter=Q(status__in=_STUCK)),
            attempts=Max("attempts", filter=Q(status__in=["queued", "sent"])),
            oldest=Min("created_at", filter=Q(status__in=["queued", "sent"])),
        )
    }
    todays = mine.filter(trade_date=new_york_date(at), status="booked").values("custodian_id")
    for custodian_id, booked in todays.values_list("custodian_id").annotate(n=Count("id")):
        found.setdefault(custodian_id, {})["booked"] = booked
    health = []
    for house in Custodian.objects.order_by("id"):
        row: dict[str, Any] = dict(found.get(house.id) or {})
        oldest = row.get("oldest")
        slow = oldest is not None and at - oldest > _LATE
        word = "stale" if slow and (row.get("attempts") or 0) > 1 else "slow" if slow else "live"
        if not row:
            word = "idle"  # nothing was asked of it today: nothing is known
        health.append({"house": house, "word": word, **row})
    return health


def _ages(
    legs: list[BookingLeg], opened: list[Break], at: Any, **more: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """How many exceptions are how old."""
    limits = (("under 15 min", 0, 15), ("15 to 60 min", 15, 60), ("1 to 4 h", 60, 240))
    moments = {
        "bookings": [leg.created_at for leg in legs],
        "breaks": [b.opened_at for b in opened],
    }
    for name, waiting in more.items():
        moments[name] = [one["created_at"] for one in waiting]
    rows = []
    for word, low, high in (*limits, ("over 4 h", 240, 10**9)):
        row: dict[str, Any] = {"word": word}
        for name, times in moments.items():
            minutes = [(at - moment).total_seconds() / 60 for moment in times]
            row[name] = sum(low <= age < high for age in minutes)
        rows.append(row)
    return rows


def _may(by: Principal) -> dict[str, bool]:
    return {
        "repair": by.may("booking.repair"),
        "approve": by.may("repair.approve"),
        "resolve": by.may(breaks.RESOLVE),
        "configure": by.may("config.manage"),
    }
