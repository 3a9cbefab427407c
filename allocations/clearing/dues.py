"""The queue of executions to be looked at; the database fills it, this room empties it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allocations.models import ClearingDue


def take(*, at: datetime, limit: int) -> list[ClearingDue]:
    """Due entries in the order of making, locked for this transaction."""
    rows = ClearingDue.objects.select_for_update().filter(due_at__lte=at)
    return list(rows.order_by("id")[:limit])


def close(done: Sequence[ClearingDue]) -> None:
    """These have been seen to."""
    ClearingDue.objects.filter(pk__in=[one.pk for one in done]).delete()
