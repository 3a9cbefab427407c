"""The queue of executions to be looked at; the database fills it, this room empties it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from allocations.models import ClearingDue


def take(*, at: datetime, limit: int, only: int | None = None) -> list[ClearingDue]:
    """Due entries in the order of making, or one, locked for this transaction."""
    rows = ClearingDue.objects.select_for_update().filter(due_at__lte=at)
    if only is not None:
        rows = rows.filter(pk=only)
    return list(rows.order_by("id")[:limit])


def waiting(execution_ids: Collection[str]) -> set[str]:
    """Which of these executions are still to be looked at."""
    rows = ClearingDue.objects.filter(execution_id__in=list(execution_ids))
    return set(rows.values_list("execution_id", flat=True))


def postpone(keys: Collection[int], *, until: datetime) -> None:
    """These cannot be seen to before that."""
    ClearingDue.objects.filter(pk__in=list(keys)).update(due_at=until)


def close(done: Sequence[ClearingDue]) -> None:
    """These have been seen to."""
    ClearingDue.objects.filter(pk__in=[one.pk for one in done]).delete()
