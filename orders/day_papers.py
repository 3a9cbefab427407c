"""The papers of a day as downloads: asked for by the API and, with one click, by operations."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse

from allocations.settlement import daily
from oms_site.kit.errors import NotFound
from orders import day_trades

PAPERS = {"confirms": daily.confirms, "trades": day_trades.trades}


def answer(organization_id: str, name: str, *, day: date | None, kind: str) -> HttpResponse:
    """One paper of `PAPERS` as `csv` or `pdf`; without a day, of the newest that is stored.

    Raises `NotFound` where nothing is stored, `OmsError` (422 `too_many_for_pdf`).
    """
    day = day or daily.latest(organization_id)
    if day is None:
        raise NotFound("day with confirmations")
    content = PAPERS[name](organization_id, trade_date=day, kind=kind)
    made = HttpResponse(content, content_type=daily.TYPES[kind])
    made["Content-Disposition"] = f'attachment; filename="{name}-{day}.{kind}"'
    return made
