"""The decision log of an inquiry: what its criteria saw at every look, from the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from oms_site.journal.models import Event
from orders.models import Rfq

_OUTCOMES = {
    "rfq_evaluate": "waited",
    "rfq_quote_hit": "hit",
    "rfq_quote_reject": "refused",
    "rfq_execute": "executed",
    "rfq_expire": "left",
    "rfq_cancel": "left",
    "rfq_no_quotes": "left",
    "rfq_refuse": "left",
}


def of_inquiry(row: Rfq) -> list[dict[str, Any]]:
    """Every look and every end, oldest first: outcome, why, the words, and what could be hit."""
    return of_inquiries([row.id]).get(row.id, [])


def of_inquiries(rfq_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The same of several inquiries, by their ids; one query."""
    rows = Event.objects.filter(subject__in=list(rfq_ids), event_type__in=sorted(_OUTCOMES))
    found: dict[str, list[dict[str, Any]]] = {}
    for event in rows.order_by("id"):
        found.setdefault(event.subject, []).append(_entry(event))
    return found


def _entry(event: Event) -> dict[str, Any]:
    body = json.loads(event.body, parse_float=Decimal)["event"]
    quote = body.get("quote") or {}
    return {
        "at": event.at,
        "outcome": _OUTCOMES[event.event_type],
        "reason": body.get("reason") or None,
        "quote_id": quote.get("id"),
        "words": body.get("words") or [],
        "seen": body.get("seen") or [],
        "actor": event.actor,
    }
