"""How much a kill switch would stop: orders, par and shares apart, money by currency, by venue.

Asked by the preview alone. Counted by security in the database, so that tens of thousands of orders
are a few rows here.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from controls import ticket
from orders.models import Order, VenueOrder
from orders.states import VENUE_TERMINAL
from orders.stopping import selecting
from orders.stopping.selecting import Selection
from venues import instruments, market_data
from venues.instruments import InstrumentFacts

_ZERO = Decimal(0)


def preview(wanted: Selection) -> dict[str, Any]:
    """The open orders of a selection, and what is at each venue; nothing is changed.

    `notional` is what is left at each order's limit, else at the security's reference price;
    `unpriced` orders have neither and are not in it. Of a strategy or a venue only the parts stop:
    the sizes are of the whole orders, `venues` says what works where.
    """
    meant = selecting.open_orders(wanted)
    keys = list(meant.order_by().values_list("pk", flat=True))
    rows = Order.objects.filter(pk__in=keys)
    working = VenueOrder.objects.filter(order_id__in=keys)
    if wanted.venue:
        working = working.filter(venue_id=wanted.venue)
    live = working.exclude(status__in=sorted(VENUE_TERMINAL))
    return {"orders": len(keys), **_size(rows), "venues": _venues(live)}


def _size(rows: QuerySet[Order]) -> dict[str, Any]:
    free = Q(limit_price=None)
    found = rows.values("instrument_id").annotate(
        leaves=Sum("leaves_qty"),
        limited=Sum(F("leaves_qty") * F("limit_price")),
        free=Sum("leaves_qty", filter=free),
        free_orders=Count("pk", filter=free),
    )
    left = {"par": _ZERO, "shares": _ZERO}
    money: dict[str, Decimal] = defaultdict(Decimal)
    unpriced = 0
    for one in found.order_by("instrument_id"):
        facts = instruments.by_id(one["instrument_id"])
        left[facts.amount_type] += one["leaves"]
        worth, price = one["limited"] or _ZERO, _reference(facts)
        if one["free_orders"] and price is None:
            unpriced += one["free_orders"]
        elif one["free_orders"] and price is not None:
            worth += one["free"] * price
        money[facts.currency] += ticket.value(worth, Decimal(1), facts.asset_class)
    notional = [{"currency": name, "amount": money[name]} for name in sorted(money) if money[name]]
    return {**left, "notional": notional, "unpriced": unpriced}


def _reference(facts: InstrumentFacts) -> Decimal | None:
    found = market_data.reference(facts.id)
    return found.mid if found is not None else None


def _venues(rows: QuerySet[VenueOrder]) -> list[dict[str, Any]]:
    """What works at each venue: how many, and par and shares apart."""
    found: dict[str, dict[str, Any]] = {}
    counted = rows.values("venue_id", "order__instrument_id")
    for one in counted.annotate(n=Count("pk"), leaves=Sum("leaves_qty")).order_by("venue_id"):
        here = found.setdefault(
            one["venue_id"],
            {"venue_id": one["venue_id"], "orders": 0, "par": _ZERO, "shares": _ZERO},
        )
        here["orders"] += one["n"]
        here[instruments.by_id(one["order__instrument_id"]).amount_type] += one["leaves"]
    return list(found.values())
