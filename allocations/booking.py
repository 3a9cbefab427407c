"""Books queued legs at their custodians, each exactly once, however often anything here dies.

A leg's id is its key at the custodian: a leg whose answer never came is due again and sent with the
same key, and the custodian answers with the booking it has. Called by the worker and by the desks
of operations; the work itself is done in `rounds`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from django.db import connection

from allocations import announcements, rounds
from allocations.models import Allocation, BookingLeg
from allocations.rounds import Round
from allocations.states import LegStatus
from oms_site.firm import generation
from oms_site.journal import unit
from oms_site.journal.actors import Actor
from oms_site.kit import clock
from oms_site.kit.errors import NotFound, OmsError

log = logging.getLogger(__name__)

LANES_MAX = 8  # custodians served at a time
ROUND_LEGS = 64
DRAIN_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.25


def drain(*, limit: int = 200, seconds: float = DRAIN_SECONDS) -> int:
    """Book up to `limit` due legs; returns how many were claimed.

    Every custodian has a lane of its own: while a slow one is waited for, the others go on. A
    custodian in trouble is left alone until the next drain. Ends when nothing more is due, or
    `seconds` have passed and the calls under way have ended.
    """
    until = clock.monotonic() + seconds
    left, claimed = limit, 0
    closed: set[str] = set()
    running: dict[Future[Round], tuple[str, int]] = {}
    with ThreadPoolExecutor(LANES_MAX, thread_name_prefix="booking") as pool:
        while True:
            busy = {custodian_id for custodian_id, _ in running.values()}
            for custodian_id in _due() if left and clock.monotonic() < until else ():
                if custodian_id in closed or custodian_id in busy or not left:
                    continue
                most = min(left, ROUND_LEGS)
                left -= most
                running[pool.submit(_lane, custodian_id, most)] = (custodian_id, most)
            if not running:
                return claimed
            done, _ = wait(running, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED)
            for future in done:
                custodian_id, most = running.pop(future)
                result = future.result()
                claimed += result.claimed
                left += most - result.claimed
                if result.trouble or not result.claimed:
                    closed.add(custodian_id)


def _due() -> list[str]:
    return rounds.due_custodians(at=clock.now())


def _lane(custodian_id: str, most: int) -> Round:
    """One round in a thread of its own, which gives its connection back."""
    try:
        return rounds.run_round(custodian_id, most=most)
    except Exception:
        # Legs that were claimed are due again when their lease ends; other lanes go on.
        log.exception("booking at %s broke off", custodian_id)
        return Round(0, trouble=True)
    finally:
        connection.close()


def retry(
    leg_ids: Iterable[str], *, organization_id: str, by: Actor, at: datetime
) -> list[BookingLeg]:
    """Queue rejected or failed legs once more, with the same key, and submit their allocations.

    The caller holds `booking.repair`. Raises `NotFound` for a leg of nobody or another
    organization, `OmsError` (409, `leg_not_retryable`) for one that waits for nobody.
    """
    wanted = set(leg_ids)
    found = BookingLeg.objects.filter(id__in=wanted, organization_id=organization_id)
    allocation_of = dict(found.values_list("id", "allocation_id"))
    if wanted - set(allocation_of):
        raise NotFound("booking")
    with unit.work(by=by, at=at) as work:
        generation.check()
        allocations = work.lock(Allocation, allocation_of.values())
        legs = work.lock(BookingLeg, wanted)
        for leg in legs.values():
            if leg.status not in {LegStatus.REJECTED, LegStatus.FAILED}:
                raise OmsError(
                    "leg_not_retryable", f"Booking {leg.id} is {leg.status}.", status=409
                )
            leg.requeue(due_at=at)
        for allocation in allocations.values():
            mine = [leg for leg in legs.values() if leg.allocation_id == allocation.id]
            others = with_a_person([allocation.id]) - wanted
            announcements.submit(work, allocation, mine, stuck=bool(others), at=at)
    return list(legs.values())


def with_a_person(allocation_ids: Sequence[str]) -> set[str]:
    """The legs of these allocations that wait for somebody to decide."""
    stuck = BookingLeg.objects.filter(
        allocation_id__in=allocation_ids, status__in=[LegStatus.REJECTED, LegStatus.FAILED]
    )
    return set(stuck.values_list("id", flat=True))
