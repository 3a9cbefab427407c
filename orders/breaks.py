"""Opening breaks: what does not agree is kept and shown, never repaired by inventing facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders.models import Break

HOUSE = "house"  # the organization of what belongs to nobody we know


def open(
    work: Unit,
    *,
    kind: str,
    key: str,
    evidence: Mapping[str, Any],
    at: datetime,
    organization_id: str = HOUSE,
    order_id: str = "",
    by: Actor | None = None,
) -> None:
    """Open a break, unless the same one is open already."""
    known = Break.objects.filter(
        organization_id=organization_id, kind=kind, key=key, closed_at=None
    )
    if (organization_id, kind, key) in _opened_in(work) or known.exists():
        return
    _opened_in(work).add((organization_id, kind, key))
    row = Break(
        id=ids.prefixed("br"),
        organization_id=organization_id,
        kind=kind,
        key=key,
        order_id=order_id,
        evidence=dict(evidence),
        opened_at=at,
    )
    work.add(row)
    work.record(
        row,
        "break_open",
        body={"break_id": row.id, "kind": kind, "key": key, "order_id": order_id},
        order_id=order_id,
        at=at,
        by=by,
    )


def _opened_in(work: Unit) -> set[tuple[str, str, str]]:
    opened: set[tuple[str, str, str]] = work.notes.setdefault("breaks", set())
    return opened
