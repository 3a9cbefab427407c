"""`/market/`: the order books of one instrument at all venues, live. The page only reads."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from venues import instruments


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
    return render(request, "orders/market.html", {"facts": facts, "instruments": known})
