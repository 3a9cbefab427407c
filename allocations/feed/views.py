"""Endpoints and deliveries as clients and screens see them; scoped to an organization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from allocations import accounts
from allocations.models import FeedDelivery, FeedEndpoint

STATES = ("waiting", "retrying", "delivered", "dead")


def endpoints(organization_id: str) -> list[dict[str, Any]]:
    """Every endpoint with what is under way, dead and delivered."""
    rows = FeedEndpoint.objects.filter(organization_id=organization_id)
    counted = rows.select_related("created_by").annotate(
        waiting=Count("deliveries", filter=~Q(deliveries__due_at=None)),
        dead=Count("deliveries", filter=~Q(deliveries__dead_at=None)),
        delivered=Count("deliveries", filter=~Q(deliveries__delivered_at=None)),
        last_delivered_at=Max("deliveries__delivered_at"),
        oldest_waiting_at=Min("deliveries__queued_at", filter=~Q(deliveries__due_at=None)),
    )
    names = ("waiting", "dead", "delivered", "last_delivered_at", "oldest_waiting_at")
    return [
        {
            "endpoint_id": row.id,
            "name": row.name,
            "url": row.url,
            "active": row.active,
            "secret_version": row.secret_version,
            "created_at": row.created_at,
            "created_by": row.created_by.username,
            **{name: getattr(row, name) for name in names},
        }
        for row in counted.order_by("created_at", "id")
    ]


def deliveries(
    organization_id: str, *, endpoint_id: str = "", state: str = ""
) -> QuerySet[FeedDelivery]:
    """Deliveries, newest first."""
    rows = FeedDelivery.objects.filter(endpoint__organization_id=organization_id)
    if endpoint_id:
        rows = rows.filter(endpoint_id=endpoint_id)
    match state:
        case "dead":
            rows = rows.exclude(dead_at=None)
        case "delivered":
            rows = rows.exclude(delivered_at=None)
        case "waiting":
            rows = rows.exclude(due_at=None).filter(attempts=0)
        case "retrying":
            rows = rows.exclude(due_at=None).filter(attempts__gt=0)
    return rows.select_related("endpoint").order_by("-id")


def shown(organization_id: str, rows: Iterable[FeedDelivery]) -> list[dict[str, Any]]:
    """Deliveries as they are listed."""
    codes = {facts.id: facts.code for facts in accounts.accounts_of(organization_id)}
    return [
        {
            "delivery_id": row.delivery_id,
            "number": row.pk,
            "endpoint_id": row.endpoint_id,
            "endpoint": row.endpoint.name,
            "account_id": row.account_id,
            "account_code": codes.get(row.account_id, row.account_id),
            "movement_id": row.movement_id,
            "state": row.state,
            "attempts": row.attempts,
            "status_code": row.status_code or None,
            "error": row.error or None,
            "queued_at": row.queued_at,
            "due_at": row.due_at,
            "delivered_at": row.delivered_at,
            "dead_at": row.dead_at,
        }
        for row in rows
    ]
