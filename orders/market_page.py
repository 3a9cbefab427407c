"""`/market/`: the order books of one instrument at all venues, live; without one, all instruments.

The page only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from allocations.holdings import valuation
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.kit import clock
from venues import instruments, market_data
from venues.instruments import InstrumentFacts


@never_cache
@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page of one instrument, named by CUSIP, ISIN or symbol; without one, the choice."""
    user = request.user
    assert isinstance(user, User)
    if not principals.of_user(user, via="browser").may("order.view"):
        raise PermissionDenied("The market needs the entitlement order.view.")
    generation.check()
    name = request.GET.get("cusip", "").strip()
    facts = instruments.find(name) if name else None
    if name and facts is None:
        raise Http404(f"No instrument here is called “{name}”.")
    known = [one for one in instruments.every() if one.status == "active"]
    shown: dict[str, Any] = {"facts": facts, "instruments": known}
    if facts is None:
        shown["now"] = clock.now()
        shown["rows"] = _overview(known, at=shown["now"])
    part = facts is None and request.GET.get("part") == "overview"
    return render(request, f"orders/market{'_overview' if part else ''}.html", shown)


def _overview(known: Sequence[InstrumentFacts], *, at: datetime) -> list[dict[str, Any]]:
    """Every instrument with its latest price, by asset class and name."""
    rows = []
    for one in sorted(known, key=lambda one: (one.asset_class, one.description, one.cusip)):
        price = market_data.reference(one.id)
        stale = price is not None and at - price.at > valuation.STALE_AFTER
        rows.append({"facts": one, "price": price, "spread": _spread(price), "stale": stale})
    return rows


def _spread(price: market_data.Price | None) -> Decimal | None:
    if price is None or price.bid is None or price.ask is None:
        return None
    return price.ask - price.bid
