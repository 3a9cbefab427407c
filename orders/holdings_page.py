"""The holdings page: an account's positions, lots, cash and profit, now or at any past moment.

It reads; the page asks for its body again every few seconds while it shows now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations import accounts
from allocations.holdings import rolled, views
from allocations.holdings.documents import confirm, statement
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import NotFound
from orders.models import Execution
from venues.calendar import NEW_YORK

ALL = "all"
_MOST = 200  # positions, or lots, of one page


@never_cache
@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or its body alone (`?part=body`)."""
    by = _reader(request)
    at = clock.now()
    as_of, fault = _moment(request.GET.get("as_of", ""))
    named = request.GET.get("account", ALL)
    asked = views.account_ids(by.organization_id, "" if named == ALL else named)
    shown = {
        "accounts": accounts.accounts_of(by.organization_id),
        "account": named,
        "as_of": as_of,
        "as_of_text": request.GET.get("as_of", ""),
        "fault": fault,
        "at": at,
        **_content(
            by,
            asked,
            at=at,
            as_of=as_of,
            one=named != ALL,
            after=_key(request.GET.get("after", "")),
        ),
    }
    template = "body" if request.GET.get("part") == "body" else "page"
    return render(request, f"holdings/{template}.html", shown)


@never_cache
@require_safe
@login_required
def document(request: HttpRequest, account: str, kind: str) -> HttpResponse:
    """An account's statement as `pdf` or `csv`."""
    by = _reader(request)
    asked = views.account_ids(by.organization_id, account)
    if not asked or kind not in statement.TYPES:
        raise Http404("There is no such statement.")
    as_of, fault = _moment(request.GET.get("as_of", ""))
    if fault:
        raise Http404(fault)
    content = statement.of_account(
        by.organization_id, asked[0], at=as_of or clock.now(), as_of=as_of, kind=kind
    )
    answer = HttpResponse(content, content_type=statement.TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="statement-{asked[0]}.{kind}"'.replace(
        ":", "-"
    )
    return answer


@never_cache
@require_safe
@login_required
def trade_confirm(request: HttpRequest, movement_id: str, kind: str) -> HttpResponse:
    """The confirm of one trade as `pdf` or `csv`."""
    by = _reader(request)
    if kind not in statement.TYPES:
        raise Http404("There is no such confirm.")
    try:
        content = confirm.of_movement(
            by.organization_id, movement_id, kind=kind, executed=_executed
        )
    except NotFound as none:
        raise Http404(none.message) from none
    answer = HttpResponse(content, content_type=statement.TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="confirm-{movement_id}.{kind}"'
    return answer


def _executed(execution_ids: Sequence[str]) -> list[datetime]:
    """When these fills were done, by their venues."""
    rows = Execution.objects.filter(id__in=execution_ids).order_by("executed_at", "id")
    return list(rows.values_list("executed_at", flat=True))


def _reader(request: HttpRequest) -> Principal:
    user = request.user
    assert isinstance(user, User)
    principal = principals.of_user(user, via="browser")
    if not principal.may("order.view"):
        raise PermissionDenied("Holdings need the entitlement order.view.")
    generation.check()
    return principal


def _content(
    by: Principal,
    asked: list[str],
    *,
    at: datetime,
    as_of: datetime | None,
    one: bool,
    after: tuple[str, int] | None,
) -> dict[str, Any]:
    organization = by.organization_id
    read = views.positions(organization, asked, at=at, as_of=as_of, after=after, most=_MOST + 1)
    positions = read[:_MOST]
    last = positions[-1] if len(read) > _MOST else None
    for row in positions:
        row["price_age_text"] = _age(row["price_age_seconds"])
    return {
        "positions": positions,
        "next": f"{last['account_id']}|{last['instrument_id']}" if last else "",
        "is_part": last is not None or after is not None,
        "totals": sorted(views.totals(positions).items()),
        # People look for an account by its code; ids are in no order that they know.
        "balances": sorted(
            views.balances(organization, asked, as_of=as_of),
            key=lambda one: (one["account_code"], one["currency"]),
        ),
        "lots": views.lots(organization, asked, as_of=as_of, most=_MOST) if one else None,
        "movements": views.movements(asked, limit=100, as_of=as_of) if one else None,
        "whole": _whole(organization, asked[0], at=at, as_of=as_of) if one and asked else None,
        "above": _above(organization, asked[0]) if one and asked else "",
        "stale": sum(p["price_stale"] and bool(p["amount"]) for p in positions),
    }


def _whole(
    organization: str, account_id: str, *, at: datetime, as_of: datetime | None
) -> dict[str, Any] | None:
    """What an account and its sleeves come to, with the parts; None of one that has none."""
    parts = rolled.parts(organization, account_id)
    if not parts:
        return None
    held = views.positions(organization, parts, at=at, as_of=as_of)
    owed = views.balances(organization, parts, as_of=as_of)
    return {
        "sleeves": [views.code_of(organization, part) for part in parts[1:]],
        "positions": rolled.positions(organization, account_id, held),
        "balances": rolled.balances(organization, account_id, owed),
    }


def _above(organization: str, account_id: str) -> str:
    """The code of the account that an account is a sleeve of."""
    above = views.sleeve_of(organization, account_id)
    return views.code_of(organization, above) if above else ""


def _key(text: str) -> tuple[str, int] | None:
    """The last position of the page before, as its link names it; None for the first page."""
    account_id, _, number = text.rpartition("|")
    return (
        (account_id, int(number)) if account_id and number.isascii() and number.isdigit() else None
    )


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _moment(text: str) -> tuple[datetime | None, str]:
    """A moment as the picker writes it, in New York time; the fault if it cannot be read."""
    if not text:
        return None, ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None, "Give a date and a time in New York."
    moment = moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)
    if moment > clock.now():
        return None, "Give a date and a time that have come."
    return moment, ""
