"""The periodic review of controls: what was in force, what changed, what it hit, who overrode it.

Called by a command and by auditors' scripts; it only reads.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from controls import content, governance
from controls.models import ControlChange, Override, Review
from controls.states import ReviewStatus

_HITS = """
SELECT r ->> 0, (r ->> 1)::int, r ->> 2, coalesce(r ->> 5, ''), count(*),
       min(s.screened_at), max(s.screened_at)
FROM controls_screening s CROSS JOIN LATERAL jsonb_array_elements(s.results) AS r
WHERE s.organization_id = %s AND s.screened_at >= %s AND s.screened_at < %s AND r ->> 2 <> 'pass'
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def report(organization_id: str, *, since: datetime, until: datetime) -> dict[str, Any]:
    """Everything that a review of the controls has to look at, from `since` until `until`."""
    return {
        "organization": organization_id,
        "from": since,
        "to": until,
        "controls": _controls(organization_id, since, until),
        "changes": _changes(organization_id, since, until),
        "hits": hits(organization_id, since=since, until=until),
        "overrides": _overrides(organization_id, since, until),
        "exceptions": _exceptions(organization_id, since, until),
    }


def _controls(organization_id: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    ended = Q(ends_at__isnull=True) | Q(ends_at__gte=since)
    rows = governance.visible(organization_id).filter(ended, created_at__lt=until)
    rows = rows.exclude(status="draft").select_related("created_by", "approved_by")
    return [
        {
            "owner": row.organization_id,
            "control_id": row.code,
            "version": row.version,
            "status": row.status,
            **content.of(row),
            "origin": row.origin,
            "created_by": row.created_by.username if row.created_by else "",
            "approved_by": row.approved_by.username if row.approved_by else "",
            "approved_at": row.approved_at,
            "ends_at": row.ends_at,
        }
        for row in rows.order_by("organization_id", "code", "version")
    ]


def _changes(organization_id: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    rows = ControlChange.objects.filter(
        organization_id=organization_id, at__gte=since, at__lt=until
    )
    return [change(row) for row in rows.select_related("maker", "checker").order_by("id")]


def change(row: ControlChange) -> dict[str, Any]:
    """One step as it is told to clients and auditors."""
    return {
        "control_id": row.code,
        "version": row.version,
        "action": row.action,
        "from": row.from_status,
        "to": row.to_status,
        "maker": row.maker.username if row.maker else "",
        "checker": row.checker.username if row.checker else "",
        "reason": row.reason,
        "at": row.at,
    }


def hits(organization_id: str, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """How many orders each version of a control warned about, flagged or rejected."""
    names = ("control_id", "version", "effect", "code", "orders", "first_at", "last_at")
    with connection.cursor() as cursor:
        cursor.execute(_HITS, [organization_id, since, until])
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _overrides(organization_id: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    rows = Review.objects.filter(
        organization_id=organization_id,
        status=ReviewStatus.APPROVED,
        decided_at__gte=since,
        decided_at__lt=until,
    ).select_related("maker", "decided_by")
    return [
        {
            "order_id": row.subject,
            "review_id": row.id,
            "control_id": failed.get("control_id"),
            "code": failed.get("code"),
            "maker": row.maker.username,
            "released_by": row.decided_by.username if row.decided_by else "",
            "released_at": row.decided_at,
            "annotation": row.annotation,
        }
        for row in rows.order_by("decided_at", "id")
        for failed in row.failed_controls
    ]


def _exceptions(organization_id: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Overrides that were decided: what was lifted for whose order, by whom, and what used it."""
    rows = Override.objects.filter(
        organization_id=organization_id, decided_at__gte=since, decided_at__lt=until
    ).select_related("maker", "requested_by", "decided_by")
    return [
        {
            "override_id": row.id,
            "order_id": row.asked_for,
            "control_id": one["control_id"],
            "code": one["code"],
            "status": str(row.status),
            "maker": row.maker.username,
            "requested_by": row.requested_by.username,
            "reason": row.reason,
            "decided_by": row.decided_by.username if row.decided_by else "",
            "decided_at": row.decided_at,
            "annotation": row.note,
            "used_by": row.used_order or "",
        }
        for row in rows.order_by("decided_at", "id")
        for one in row.controls
    ]
