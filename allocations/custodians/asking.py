"""Asking an outside party many things at once, and how long to wait before it is asked again.

Booking, settlement, clearing and the feed use it outside any transaction; what an answer means is
theirs to say. No database is touched here.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from allocations.custodians.port import CustodianError, Refused
from oms_site.kit import clock

log = logging.getLogger(__name__)
ROUND_SECONDS = 10.0  # no call of a round is begun later

Item = TypeVar("Item")
Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class Deferred:
    """No answer that could be relied on; `called` is false when the party was not even asked.

    `waits`: it has arrived and will be answered, however long that takes.
    """

    code: str
    reason: str
    called: bool = True
    waits: bool = False


_NOT_ASKED = Deferred("not_asked", "the party was in trouble before this one's turn", False)


def each(
    items: Sequence[Item],
    ask: Callable[[Item], Said],
    *,
    key: Callable[[Item], str],
    width: int,
) -> dict[str, Said | Deferred]:
    """The answers by key, `width` calls at a time. `ask` raises nothing.

    After the first sign of trouble no further call is begun, so that a party that is down or slow
    costs one time limit and not one per item.
    """
    trouble, until = threading.Event(), clock.monotonic() + ROUND_SECONDS

    def one(item: Item) -> Said | Deferred:
        if trouble.is_set() or clock.monotonic() > until:
            return _NOT_ASKED
        answer = ask(item)
        if isinstance(answer, Deferred):
            trouble.set()
        return answer

    with ThreadPoolExecutor(min(width, len(items) or 1)) as pool:
        answers = list(pool.map(one, items))
    return {key(item): answer for item, answer in zip(items, answers, strict=True)}


def answered(say: Callable[[], Said], *, key: str) -> Said | Refused | Deferred:
    """What a call comes to; whatever the adapter raises is an answer too, and stops no other."""
    try:
        return say()
    except CustodianError as error:
        return Refused(error.code, error.message) if error.permanent else deferred(error)
    except Exception as error:
        log.exception("%s: the adapter broke", key)
        return Deferred("adapter_broken", repr(error))


def deferred(error: CustodianError) -> Deferred:
    """What an error that a repeat may cure means."""
    return Deferred(error.code, error.message, waits=error.waits)


def confirmed(refusal: Said, find: Callable[[], Said | None]) -> Said | Deferred:
    """What a refusal means, once the party was asked whether it has the thing all the same.

    A repeated call may be refused because the first one was taken, and not to know is no refusal.
    """
    try:
        return find() or refusal
    except CustodianError as error:
        return Deferred("refusal_unconfirmed", error.message, waits=error.waits)
    except Exception as error:  # noqa: BLE001  one unreadable answer must not stop the others
        return Deferred("refusal_unconfirmed", repr(error))


def back_off(
    key: str | int, attempts: int, *, first: float = 1.0, most: float = 300.0
) -> timedelta:
    """How long to wait after so many attempts: doubling from `first` seconds, at most `most`.

    Spread by a quarter either way by the key, so that the same thing always waits the same and
    many do not come back at once.
    """
    seconds = min(first * 2.0 ** min(max(attempts - 1, 0), 20), most)
    spread = zlib.crc32(f"{key}/{attempts}".encode()) % 1000 / 2000 - 0.25
    return timedelta(seconds=seconds * (1 + spread))
