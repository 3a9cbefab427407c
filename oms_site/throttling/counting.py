"""The shared counters: one thread per process asks Redis, everything that waits in one call.

When Redis does not answer, each process counts for itself with its part of every limit, and one
question a second finds out whether Redis is back. Nothing here ever raises into a request.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from oms_site.kit import clock
from oms_site.throttling import script
from oms_site.throttling.limits import Counted, Item, Subject
from oms_site.throttling.windows import Windows

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 0.25
AGAIN_SECONDS = 1.0
MOST_AT_ONCE = 500
_Ask = tuple[Item, "Future[Counted]"]


class Counters:
    """Questions in, answers out, from any thread. Made once per process."""

    def __init__(self, url: str, *, prefix: str, processes: int) -> None:
        self._prefix = prefix
        self._processes = max(1, processes)
        # A counter that is late is worth less than a local one: no retries, little patience.
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(script.LUA)
        self._asked: queue.SimpleQueue[_Ask] = queue.SimpleQueue()
        self._local = Windows()
        self._local_lock = threading.Lock()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._down = False
        self._next_try = 0.0

    @property
    def is_local(self) -> bool:
        """Whether each process counts for itself just now."""
        return self._down

    def ask(self, item: Item) -> Future[Counted]:
        """Put one question; the answer comes soon, whatever happens to Redis."""
        answer: Future[Counted] = Future()
        if self._down and clock.monotonic() < self._next_try:
            answer.set_result(self.locally(item))
            return answer
        if self._down:
            # This one is answered here; its shadow finds out whether Redis is back.
            self._next_try = clock.monotonic() + AGAIN_SECONDS
            answer.set_result(self.locally(item))
            self._put(item, Future())
            return answer
        self._put(item, answer)
        return answer

    def count(self, items: Sequence[Item], *, now: int = 0) -> list[Counted]:
        """One call of the script. Raises `redis.RedisError`. `now` in ms is for tests."""
        keys, told = script.arguments(items, now=now)
        found: Any = self._script(keys=[self._prefix + key for key in keys], args=told)
        return script.answers(found)

    def _put(self, item: Item, answer: Future[Counted]) -> None:
        self._asked.put((item, answer))
        if self._thread is not None and self._thread.is_alive():
            return
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._keep_counting, name="rate-counters", daemon=True
                )
                self._thread.start()

    def _keep_counting(self) -> None:
        while True:
            batch = [self._asked.get()]
            while len(batch) < MOST_AT_ONCE:
                try:
                    batch.append(self._asked.get_nowait())
                except queue.Empty:
                    break
            self._answer(batch)

    def _answer(self, batch: list[_Ask]) -> None:
        groups = _grouped(batch)
        items = [item for item, _ in groups]
        try:
            found = self.count(items)
            if self._down:
                log.warning("the shared rate counters are back")
            self._down = False
        except Exception as error:  # noqa: BLE001  whatever it is, requests must be answered
            if not self._down:
                log.warning("rate limits are counted per process now: %s", error)
            self._down, self._next_try = True, clock.monotonic() + AGAIN_SECONDS
            found = [self.locally(item) for item in items]
        for (_, answers), counted in zip(groups, found, strict=True):
            _share(answers, counted)

    def locally(self, item: Item) -> Counted:
        """Count one question in this process alone, with its part of the limits."""
        part = tuple(
            Subject(one.key, one.limits.shared_by(self._processes)) for one in item.subjects
        )
        mine = replace(item, subjects=part, spare=0, lend_ms=0)
        with self._local_lock:
            return self._local.ask(mine, int(clock.monotonic() * 1_000))


def _grouped(batch: list[_Ask]) -> list[tuple[Item, list[Future[Counted]]]]:
    """Single requests of the same subjects as one question; what must go whole by itself."""
    groups: list[tuple[Item, list[Future[Counted]]]] = []
    alike: dict[Item, list[Future[Counted]]] = {}
    for item, answer in batch:
        if item.whole:
            groups.append((item, [answer]))
        else:
            alike.setdefault(item, []).append(answer)
    for item, answers in alike.items():
        one = replace(item, wanted=len(answers))
        groups.append((one, answers))
    return groups


def _share(answers: list[Future[Counted]], counted: Counted) -> None:
    """The first ones get what was granted, one of them what was lent, the rest the refusal.

    Who waits comes after who goes on at once.
    """
    at_once = counted.granted - len(counted.holds)
    for n, answer in enumerate(answers):
        if len(answers) == 1:
            answer.set_result(counted)
            continue
        first = n == 0
        answer.set_result(
            Counted(
                int(n < counted.granted),
                counted.lent if first else 0,
                counted.wait_ms,
                counted.limit,
                max(0, counted.remaining),
                counted.reset_ms,
                counted.strike if n == len(answers) - 1 else 0,
                holds=counted.holds[n - at_once : n - at_once + 1] if n >= at_once else (),
            )
        )


_made: Counters | None = None
_making = threading.Lock()


def counters() -> Counters:
    """This process's own."""
    global _made
    if _made is None:
        with _making:
            if _made is None:
                # Two databases on one Redis count apart: their ids mean different people.
                name = connection.settings_dict["NAME"]
                _made = Counters(
                    settings.REDIS_URL,
                    prefix=f"rate:{name}:",
                    processes=settings.WEB_PROCESSES,
                )
    return _made
