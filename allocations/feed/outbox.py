"""The queue of deliveries: the database fills it, this room alone moves it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from allocations.custodians.asking import back_off
from allocations.feed import bodies
from allocations.models import FeedDelivery
from oms_site.journal import draining

LEASE = timedelta(seconds=30)
ATTEMPTS_MAX = 12
BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX = 2.0, 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an address answered: an HTTP status, or 0 and why there was none."""

    status_code: int
    error: str = ""
    called: bool = True

    @property
    def delivered(self) -> bool:
        """Whether it took it."""
        return 200 <= self.status_code < 300


def due_endpoints(*, at: datetime) -> list[str]:
    """The active endpoints that are to be told something."""
    rows = FeedDelivery.objects.filter(due_at__lte=at, endpoint__active=True)
    return list(rows.order_by("endpoint_id").values_list("endpoint_id", flat=True).distinct())


def claim(endpoint_id: str, *, at: datetime, most: int) -> list[FeedDelivery]:
    """Take due deliveries, oldest first; they are due again when the lease ends. Commits."""
    with transaction.atomic():
        rows = FeedDelivery.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        due = rows.filter(endpoint_id=endpoint_id, due_at__lte=at, endpoint__active=True)
        found = list(due.select_related("movement", "endpoint").order_by("id")[:most])
        for delivery in found:
            delivery.attempts += 1
            delivery.due_at = at + LEASE
        draining.each(found, _put_into_words, aside=partial(_bury, at))
        names = ["attempts", "due_at", "body", "dead_at", "error"]
        FeedDelivery.objects.bulk_update(found, names)
    return [delivery for delivery in found if delivery.dead_at is None]


def _put_into_words(delivery: FeedDelivery) -> int:
    delivery.body = delivery.body or bodies.of(delivery, delivery.movement)
    return 1


def _bury(at: datetime, delivery: FeedDelivery, error: Exception) -> None:
    """What cannot be put into words is dead at once, and holds up nothing behind it."""
    delivery.dead_at, delivery.due_at = at, None
    delivery.error = f"{type(error).__name__}: {error}"[:200]
    draining.tell("feed", delivery.pk, error)


def close(answers: Mapping[int, Outcome], *, at: datetime) -> None:
    """Note what was answered; what another attempt has settled meanwhile stays as it is."""
    with transaction.atomic():
        rows = FeedDelivery.objects.select_for_update(no_key=True).filter(pk__in=answers)
        waiting = [one for one in rows.order_by("id") if one.due_at is not None]
        for delivery in waiting:
            _note(delivery, answers[delivery.pk], at)
        names = ["attempts", "due_at", "status_code", "error", "delivered_at", "dead_at"]
        FeedDelivery.objects.bulk_update(waiting, names)


def revive(endpoint_id: str, ids: Collection[int] | None, *, at: datetime) -> list[int]:
    """Queue dead deliveries of an endpoint again, under their own ids; which ones.

    Part of the caller's transaction. `None` means all of them.
    """
    rows = FeedDelivery.objects.select_for_update(no_key=True).filter(endpoint_id=endpoint_id)
    rows = rows.exclude(dead_at=None)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    found: Sequence[FeedDelivery] = list(rows.order_by("id"))
    for delivery in found:
        delivery.dead_at, delivery.due_at, delivery.attempts = None, at, 0
    FeedDelivery.objects.bulk_update(found, ["dead_at", "due_at", "attempts"])
    return [delivery.pk for delivery in found]


def _note(delivery: FeedDelivery, outcome: Outcome, at: datetime) -> None:
    if not outcome.called:
        delivery.attempts -= 1
        delivery.due_at = at
        return
    delivery.status_code, delivery.error = outcome.status_code, outcome.error[:200]
    if outcome.delivered:
        delivery.delivered_at, delivery.due_at = at, None
    elif outcome.status_code == 410 or delivery.attempts >= ATTEMPTS_MAX:
        # 410 says that nobody will ever listen there again.
        delivery.dead_at, delivery.due_at = at, None
    else:
        wait = {"first": BACK_OFF_SECONDS, "most": BACK_OFF_SECONDS_MAX}
        delivery.due_at = at + back_off(delivery.pk, delivery.attempts, **wait)
