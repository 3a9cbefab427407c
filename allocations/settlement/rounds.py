"""One turn of everything that settles, for the worker: repeats are harmless."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection

from allocations import notices
from allocations.models import Custodian, MatchingService
from allocations.settlement import central, fails, mailbox, making, sending
from oms_site.journal import draining
from oms_site.kit import clock

log = logging.getLogger(__name__)
LANES_MAX = 8
ROUND_ROUNDS = 20


def run() -> int:
    """Make what follows from legs, tell and hear every custodian, watch the calendar.

    Every custodian and matching service has a lane of its own; returns how much was done in all.
    """
    done = 0
    for _ in range(ROUND_ROUNDS):
        made = making.drain()
        done += made
        if not made:
            break
    houses = list(Custodian.objects.filter(active=True).order_by("id").values_list("id", flat=True))
    services = list(MatchingService.objects.order_by("id").values_list("id", flat=True))
    with ThreadPoolExecutor(LANES_MAX, thread_name_prefix="settlement") as pool:
        done += sum(pool.map(_lane, houses))
        done += sum(pool.map(_matching_lane, services))
    return done + fails.sweep()


def turn(custodian_id: str) -> int:
    """Hear what one custodian tells, and tell it what is due and what moved without a trade.

    Each is done by itself: words that cannot be kept hold up nothing that is to be said.
    """

    def broke_off(named: str, error: Exception) -> None:
        draining.tell(named, custodian_id, error)

    rooms = {"mailbox": mailbox.poll, "notice": notices.turn}
    done = draining.each(rooms, lambda named: rooms[named](custodian_id), aside=broke_off)
    for _ in range(ROUND_ROUNDS):
        if custodian_id not in sending.due_custodians(at=clock.now()):
            break
        claimed, trouble = sending.run_round(custodian_id)
        done += claimed
        if trouble or not claimed:
            break
    return done


def _lane(custodian_id: str) -> int:
    return _guarded(turn, custodian_id)


def _matching_lane(service_id: str) -> int:
    return _guarded(central.turn, service_id)


def _guarded(work: Callable[[str], int], custodian_id: str) -> int:
    try:
        with _alone(custodian_id) as free:
            return work(custodian_id) if free else 0
    except Exception:
        # What was claimed is due again when its lease ends; other lanes go on.
        log.exception("settling at %s broke off", custodian_id)
        return 0
    finally:
        connection.close()


@contextmanager
def _alone(custodian_id: str) -> Iterator[bool]:
    """Whether nobody else asks this custodian now: a slow one takes one worker, not all of them."""
    name = f"settlement lane/{custodian_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 21))", [name])
        free = bool(cursor.fetchone()[0])
    try:
        yield free
    finally:
        if free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 21))", [name])
