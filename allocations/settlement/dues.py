"""The queue of legs whose settlement is to follow; the database fills it, this room empties it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allocations.models import BookingLeg, SettlementDue


def take(*, at: datetime, limit: int, only: int | None = None) -> list[SettlementDue]:
    """Due entries, or one, locked for this transaction; what others hold is left to them."""
    rows = SettlementDue.objects.select_for_update(skip_locked=True).filter(due_at__lte=at)
    if only is not None:
        rows = rows.filter(pk=only)
    return list(rows.order_by("id")[:limit])


def close(done: Sequence[SettlementDue]) -> None:
    """These have been seen to."""
    SettlementDue.objects.filter(pk__in=[one.pk for one in done]).delete()


def postpone(waiting: Sequence[SettlementDue], *, until: datetime) -> None:
    """These wait for something outside."""
    SettlementDue.objects.filter(pk__in=[one.pk for one in waiting]).update(due_at=until)


def put_off(key: int, *, until: datetime) -> str:
    """One that cannot be seen to now; the order that it is about, where it is still there."""
    rows = SettlementDue.objects.filter(pk=key)
    rows.update(due_at=until)
    legs = BookingLeg.objects.filter(id__in=rows.values("leg_id"))
    return legs.values_list("allocation__order_id", flat=True).first() or ""


def has(leg_ids: Sequence[str]) -> set[str]:
    """Which of these legs are still to be seen to."""
    rows = SettlementDue.objects.filter(leg_id__in=leg_ids)
    return set(rows.values_list("leg_id", flat=True))
