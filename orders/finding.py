"""Reading orders: by id, and in pages that stay stable while new ones arrive."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from allocations.models import Account
from oms_site.firm import hierarchy
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit.errors import Detail, NotFound, OmsError
from orders import sides
from orders.models import Order
from orders.states import OrderStatus
from venues import instruments

MOST = 500
FILTERS = frozenset(
    [
        "account_id",
        "status",
        "side",
        "client_order_id",
        "instrument_id",
        "trader",
        "created_after",
        "created_before",
        "limit",
        "cursor",
        "open",
        "organization_id",
    ]
)


def find(order_id: str, *, by: Principal) -> Order:
    """One order of the caller's organization, to be worked on. Raises `NotFound`."""
    by.require("order.view")
    return _one(order_id, (by.organization_id,))


def see(order_id: str, *, by: Principal) -> Order:
    """One order of the caller's organization or of one below it, to be looked at only.

    Raises `NotFound`.
    """
    by.require("order.view")
    return _one(order_id, _seen(by))


def _one(order_id: str, organizations: tuple[str, ...]) -> Order:
    row = Order.objects.filter(id=order_id, organization_id__in=organizations).first()
    if row is None:
        raise NotFound("order")
    return row


def find_all(order_ids: Iterable[str], *, by: Principal) -> dict[str, Order]:
    """Orders of the caller's organization by id, in one query; any other is absent."""
    by.require("order.view")
    rows = Order.objects.filter(id__in=set(order_ids), organization_id=by.organization_id)
    return {row.id: row for row in rows.order_by("id")}


def page(filters: Mapping[str, str], *, by: Principal) -> tuple[list[Order], str | None]:
    """Newest first: up to `limit` orders and the cursor of the next page.

    Those of organizations below the caller's are among them, unless `organization_id` names one.
    Raises `OmsError` (422) for filters that are unknown or cannot be read.
    """
    by.require("order.view")
    unknown = sorted(set(filters) - FILTERS)
    if unknown:
        raise OmsError(
            "unknown_filter",
            f"Known filters: {', '.join(sorted(FILTERS))}.",
            details=[Detail(name, "unknown_filter", "Not known here.") for name in unknown],
        )
    limit = _limit(filters.get("limit", "100"))
    named = filters.get("organization_id")
    seen = [one for one in _seen(by) if named in (None, one)]
    rows = _filtered(Order.objects.filter(organization_id__in=seen), filters)
    if filters.get("cursor"):
        created_at, order_id = _read_cursor(filters["cursor"])
        rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=order_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], _cursor(found[limit - 1])


def _seen(by: Principal) -> tuple[str, ...]:
    return hierarchy.seen_by(by.organization_id)


def _filtered(rows: QuerySet[Order], filters: Mapping[str, str]) -> QuerySet[Order]:
    if "status" in filters:
        wanted = filters["status"].split(",")
        if not set(wanted) <= {s.value for s in OrderStatus}:
            raise _bad("status", f"Known: {', '.join(s.value for s in OrderStatus)}.")
        rows = rows.filter(status__in=wanted)
    if "instrument_id" in filters:
        facts = instruments.find(filters["instrument_id"])
        rows = rows.filter(instrument_id=facts.id) if facts else rows.none()
    if "side" in filters:
        rows = rows.filter(_going(filters["side"]))
    if "client_order_id" in filters:
        rows = rows.filter(client_order_id=filters["client_order_id"])
    if "account_id" in filters:
        # By ids of what is meant: a name joined to every order is looked up for every order.
        name = filters["account_id"]
        named = Account.objects.filter(Q(id=name) | Q(code=name)).values_list("id", flat=True)
        rows = rows.filter(account_id__in=list(named))
    if "trader" in filters:
        who = User.objects.filter(username=filters["trader"]).values_list("id", flat=True)
        rows = rows.filter(submitted_by_id__in=list(who))
    if "created_after" in filters:
        rows = rows.filter(created_at__gt=_moment("created_after", filters["created_after"]))
    if "created_before" in filters:
        rows = rows.filter(created_at__lt=_moment("created_before", filters["created_before"]))
    if filters.get("open", "").lower() == "true":
        rows = rows.filter(status__in=["pending_approval", "pending_execution", "partially_filled"])
    return rows


def _going(name: str) -> Q:
    """Orders of a side as callers name it; a short sale is among the sales too."""
    if name not in sides.KNOWN:
        raise _bad("side", f"Known: {', '.join(sides.KNOWN)}.")
    way, mark = sides.split(name)
    return Q(side=way, short_sale=mark) if mark else Q(side=way)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise _bad("limit", f"Give a number from 1 to {MOST}.")
    return int(text)


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _bad(name, "Give a time with its zone, such as 2026-11-23T15:04:05Z.")
    return moment


def _bad(name: str, message: str) -> OmsError:
    return OmsError("invalid_filter", message, field=name)


def _cursor(row: Order) -> str:
    text = f"{row.created_at.isoformat()}|{row.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[datetime, Any]:
    try:
        padded = text + "=" * (-len(text) % 4)
        created_at, order_id = base64.urlsafe_b64decode(padded).decode().split("|")
        moment = datetime.fromisoformat(created_at)
    except (ValueError, binascii.Error, UnicodeDecodeError):
        raise _bad("cursor", "Use the cursor of an earlier answer as it is.") from None
    return moment, order_id
