"""May this request go on? Asked by every entrance before it does anything.

Limits of a thousand a second and more are lent to a process in small slices that the shared
counters count when they are lent, and that end within a tenth of a second: such a request costs no
round trip, and what all processes let in together never exceeds a limit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from oms_site.firm import database
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from oms_site.throttling import counting, restrictions, tiers
from oms_site.throttling.limits import (
    HOLD_MS,
    STANDARD,
    Counted,
    Item,
    Lane,
    Subject,
    Verdict,
    seconds,
)
from oms_site.throttling.tiers import Caller

log = logging.getLogger(__name__)
T = TypeVar("T")
# Smaller limits are counted one by one: a slice of them would be as large as they are.
LENT_FROM_PER_SECOND = 1_000
LEND_MS = 100
KEEP_MOST = 10_000
_PATIENCE_SECONDS = 1.0


@dataclass(slots=True)
class _Slice:
    left: int
    until: float
    last: Counted


_slices: dict[tuple[Subject, ...], _Slice] = {}
_lock = threading.Lock()
# What an answer says when nobody could be asked; nothing was counted.
UNKNOWN = Verdict(True, STANDARD.lanes[Lane.OTHERS].per_second, 0, 1)


def decide(principal: Principal | None, address: str, lane: Lane, *, cost: int = 1) -> Verdict:
    """The verdict, from a thread that may wait and ask the database."""
    if principal is None:
        return _of_subjects(tiers.stranger(address, lane), lane, cost, principal=None)
    caller = tiers.of(principal)
    if (refused := _restricted(caller, lane)) is not None:
        return refused
    return _of_subjects(caller.lanes[lane], lane, cost, principal=principal)


async def admit(principal: Principal | None, address: str, lane: Lane) -> Verdict:
    """The verdict of one request, on an event loop; it may be held for `HOLD_MS`."""
    if principal is None:
        subjects = tiers.stranger(address, lane)
    else:
        caller = tiers.known(principal)
        if caller is None:
            caller = await database.in_thread(tiers.of, principal)
        if (refused := _restricted(caller, lane)) is not None:
            return refused
        subjects = caller.lanes[lane]
    lent = _borrowed(subjects, 1)
    if lent is not None:
        return lent
    hold_ms = HOLD_MS if principal is not None else 0
    item, sent = _item(subjects, lane, 1, hold_ms=hold_ms), clock.monotonic()
    counted = await _soon(counting.counters().ask(item), item)
    if counted.holds:
        await asyncio.sleep(counted.holds[0] / 1_000)
    if (who := _to_restrict(principal, lane, counted)) is not None:
        await database.in_thread(restrictions.restrict_quietly, who)
    return _verdict(item, counted, sent)


def charge_more(principal: Principal, lane: Lane, more: int) -> Verdict:
    """Count `more` of a request that carries many, all or none of them.

    Raises `OmsError` (422 `more_than_rate`) when the limits can never let in so many at once.
    """
    caller = tiers.of(principal)
    most = min(subject.limits.at_once for subject in caller.lanes[lane])
    if more + 1 > most:
        raise OmsError("more_than_rate", f"Your limits let in at most {most:,} at once.")
    return _of_subjects(caller.lanes[lane], lane, more, principal=principal)


def forget() -> None:
    """Give back nothing and remember nothing: for tests."""
    tiers.forget()
    _slices.clear()


def _of_subjects(
    subjects: tuple[Subject, ...], lane: Lane, cost: int, *, principal: Principal | None
) -> Verdict:
    if cost < 1:
        return UNKNOWN
    lent = _borrowed(subjects, cost)
    if lent is not None:
        return lent
    item, sent = _item(subjects, lane, cost), clock.monotonic()
    answer = counting.counters().ask(item)
    try:
        counted = answer.result(_PATIENCE_SECONDS)
    except TimeoutError:
        counted = _late(item)
    if (who := _to_restrict(principal, lane, counted)) is not None:
        restrictions.restrict_quietly(who)
    return _verdict(item, counted, sent)


def _item(subjects: tuple[Subject, ...], lane: Lane, cost: int, *, hold_ms: int = 0) -> Item:
    rate = min(subject.limits.per_second for subject in subjects)
    spare = min(512, max(8, rate // 100)) if rate >= LENT_FROM_PER_SECOND else 0
    # What stops orders is refused when it is too much, and never punished.
    struck = 0 if lane is not Lane.CANCELS and not subjects[0].key.startswith("a") else -1
    return Item(subjects, cost, cost > 1, spare, LEND_MS if spare else 0, struck, hold_ms)


def _borrowed(subjects: tuple[Subject, ...], cost: int) -> Verdict | None:
    """Take it out of a slice that was lent, if one is there and has not ended."""
    with _lock:
        part = _slices.get(subjects)
        if part is None or part.left < cost or clock.monotonic() >= part.until:
            return None
        part.left -= cost
        last = part.last
        remaining = last.remaining + part.left
    return Verdict(True, last.limit, remaining, max(1, seconds(last.reset_ms)))


def _verdict(item: Item, counted: Counted, sent: float) -> Verdict:
    if counted.lent:
        # Redis counted it after we asked, so our slice ends before its own moment does.
        with _lock:
            if len(_slices) >= KEEP_MOST:
                _slices.clear()
            until = sent + item.lend_ms / 1_000
            _slices[item.subjects] = _Slice(counted.lent, until, counted)
    allowed = counted.granted >= (item.wanted if item.whole else 1)
    reset = max(1, seconds(max(counted.reset_ms, 0 if allowed else counted.wait_ms)))
    remaining = counted.remaining if allowed else 0
    wait = 0 if allowed else max(1, seconds(counted.wait_ms))
    return Verdict(allowed, counted.limit, remaining, reset, wait)


def _restricted(caller: Caller, lane: Lane) -> Verdict | None:
    if lane is not Lane.ORDERS or caller.restricted_until is None:
        return None
    left = (caller.restricted_until - clock.machine_now()).total_seconds()
    if left <= 0:
        return None
    wait = int(left) + 1
    limit = min(subject.limits.per_second for subject in caller.lanes[lane])
    text = "No orders for now: the limits were exceeded again and again. Compliance can lift it."
    return Verdict(False, limit, 0, wait, wait, "rate_restricted", text)


def _to_restrict(principal: Principal | None, lane: Lane, counted: Counted) -> Principal | None:
    """Who has earned a restriction by this very answer."""
    if lane is not Lane.ORDERS or counted.strike <= restrictions.STRIKES:
        return None
    return principal


async def _soon(answer: Future[Counted], item: Item) -> Counted:
    if answer.done():
        return answer.result()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await asyncio.wrap_future(answer)
    except TimeoutError:
        return _late(item)


def _late(item: Item) -> Counted:
    """The counting thread is starved or dead: count here rather than refuse."""
    log.error("the rate counters did not answer in time")
    return counting.counters().locally(item)
