"""`/review/`: the queue, one review's picture, the report. Read only, for those who may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from controls import overrides as exceptions
from controls import reviews, watching
from controls.models.vote import APPROVE_REASONS, REJECT_REASONS
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import reported
from orders.review_desk import context, overrides, queue

_View = Callable[..., HttpResponseBase]


def _page(view: _View) -> _View:
    @wraps(view)
    def guarded(request: HttpRequest, **named: str) -> HttpResponseBase:
        user = request.user
        assert isinstance(user, User)
        principal = principals.of_user(user, via="browser")
        if not queue.may_see(principal):
            raise PermissionDenied(
                "The review desk is for those who release orders (order.release) or audit them."
            )
        generation.check()
        return view(request, principal, **named)

    return never_cache(require_safe(login_required(guarded)))


@_page
def desk(request: HttpRequest, by: Principal) -> HttpResponse:
    """The queue; rows come over the socket."""
    return render(request, "controls/review.html", _shown(by))


def _shown(by: Principal) -> dict[str, Any]:
    return {
        "may_decide": by.may(reviews.RELEASE),
        "together": queue.TOGETHER,
        "approve_reasons": APPROVE_REASONS.items(),
        "reject_reasons": REJECT_REASONS.items(),
        "reports": reported.waiting(by.organization_id, by=by),
        **_asked(by),
        **_watched(by),
    }


def _asked(by: Principal) -> dict[str, Any]:
    """Overrides that wait for a second person, and whether `by` is one who may grant each."""
    rows = exceptions.asked(by.organization_id, at=clock.now())
    may = by.may(reviews.RELEASE)
    shown = [
        (row, "own" if by.user_id in (row.requested_by_id, row.maker_id) else "offer")
        if may
        else (row, "reader")
        for row in rows
    ]
    return {"overrides": shown}


def _watched(by: Principal) -> dict[str, Any]:
    """What watch lists named since yesterday, for those who may know of them."""
    if not watching.may_see(by):
        return {"watched": []}
    since = clock.now() - timedelta(days=1)
    return {"watched": watching.hits(by.organization_id, since=since, by=by)}


@_page
def trades(request: HttpRequest, by: Principal) -> HttpResponse:
    """The reported trades that wait, a fragment for the page above the queue."""
    shown = {"reports": reported.waiting(by.organization_id, by=by)}
    return render(request, "controls/reported.html", shown)


@_page
def asked(request: HttpRequest, by: Principal) -> HttpResponse:
    """The overrides that wait, a fragment like the reported trades."""
    return render(request, "controls/overrides.html", _asked(by))


@_page
def watched(request: HttpRequest, by: Principal) -> HttpResponse:
    """What watch lists named, a fragment."""
    return render(request, "controls/watched.html", _watched(by))


@_page
def one(request: HttpRequest, by: Principal, review_id: str) -> HttpResponse:
    """One review's picture, a fragment for the page beside the queue."""
    found = context.find(by.organization_id, review_id)
    if found is None:
        raise Http404(f"No review {review_id} is known here.")
    shown = context.context(found, by=by, at=clock.now())
    return render(request, "controls/review_one.html", {**shown, "username": by.username})


@_page
def report(request: HttpRequest, by: Principal) -> HttpResponseBase:
    """The overrides as CSV, of the last 30 days or `since` … `until` (ISO 8601 with a zone)."""
    now = clock.now()
    since = parse_datetime(request.GET.get("since", "")) or now - timedelta(days=30)
    until = parse_datetime(request.GET.get("until", "")) or now + timedelta(seconds=1)
    if since.tzinfo is None or until.tzinfo is None:
        raise Http404("Give moments with their zone.")
    told = overrides.lines(by.organization_id, since=since, until=until)
    answer = HttpResponse("".join(told), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="overrides.csv"'
    return answer
