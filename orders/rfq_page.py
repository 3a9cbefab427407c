"""The page of a list of requests for quotes: what has become of every line. It only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from orders import figures
from orders.models import Quote, Rfq
from orders.states import QuoteState, RfqStatus
from venues import dealers, instruments


@dataclass(frozen=True)
class Line:
    """One order of the list: its inquiry, the best or the winning quote, and the cover."""

    row: Rfq
    description: str
    answered: int
    quote: str
    dealer: str
    cover: str
    outcome: str


@never_cache
@require_safe
@login_required
def page(request: HttpRequest, list_id: str) -> HttpResponse:
    """The whole page, or its body alone (`?part=body`)."""
    by = _reader(request)
    rows = Rfq.objects.filter(list_id=list_id, organization_id=by.organization_id)
    full = rows.select_related("order").prefetch_related("quotes").order_by("id")
    lines = [_line(row) for row in full]
    if not lines:
        raise Http404(f"No list {list_id} is known here.")
    shown = {"list_id": list_id, "lines": lines, **_counted(lines)}
    body = request.GET.get("part") == "body"
    return render(request, f"orders/rfq_list{'_body' if body else ''}.html", shown)


def _reader(request: HttpRequest) -> Principal:
    user = request.user
    assert isinstance(user, User)
    principal = principals.of_user(user, via="browser")
    if not principal.may("order.view"):
        raise PermissionDenied("Lists of quotes need the entitlement order.view.")
    generation.check()
    return principal


def _line(row: Rfq) -> Line:
    facts = instruments.by_id(row.order.instrument_id)
    sign = 1 if row.order.side == "buy" else -1
    quotes = sorted(row.quotes.all(), key=lambda one: (sign * (one.seen_price or 0), one.id))
    done = [one for one in quotes if one.status in (QuoteState.DONE, QuoteState.HIT)]
    live = [one for one in quotes if one.status == QuoteState.ACTIVE]
    best = next(iter([*done, *live]), None)
    cover = next((one for one in quotes if one.status in (QuoteState.COVER, QuoteState.TIED)), None)

    def price(quote: Quote | None) -> str:
        shown = quote.seen_price if quote else None
        return figures.limit(shown, facts.asset_class) if shown else ""

    return Line(
        row=row,
        description=facts.description,
        answered=len({one.dealer_id for one in quotes}),
        quote=price(best),
        dealer=_name(best.dealer_id) if best else "",
        cover=price(cover),
        outcome=_outcome(row, bool(live)),
    )


def _outcome(row: Rfq, live: bool) -> str:
    if row.status == RfqStatus.QUOTING:
        return "can be hit" if live else "no open quote"
    words = {
        RfqStatus.SENT: "waits for dealers",
        RfqStatus.EXECUTING: "waits for the dealer",
        RfqStatus.EXECUTED: "traded",
        RfqStatus.NO_QUOTES: "nobody quoted",
    }
    return words.get(RfqStatus(str(row.status)), str(row.status))


def _counted(lines: list[Line]) -> dict[str, Any]:
    return {
        "open": sum(line.row.is_open for line in lines),
        "traded": sum(line.row.status == RfqStatus.EXECUTED for line in lines),
        "ended": sum(
            not line.row.is_open and line.row.status != RfqStatus.EXECUTED for line in lines
        ),
    }


def _name(dealer_id: str) -> str:
    facts = dealers.find(dealer_id)
    return facts.name if facts else dealer_id
