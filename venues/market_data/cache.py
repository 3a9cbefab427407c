"""Where the gateway puts what it keeps of the market, and every process finds it, in Redis.

A cache that may be lost at any time: the gateway writes everything anew each few seconds. Reading
goes over a socket, so `look` is called before a transaction and what was looked at is read within
it; what was not looked at, or cannot be reached, is not known.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

import msgspec
import redis
from django.conf import settings
from django.db import connection

from oms_site.kit import clock

log = logging.getLogger(__name__)
KEEP_SECONDS = 1.0
CHANNEL = "books"  # says of which securities something has changed
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 2.0
_FORGET_AFTER = 24 * 3600
_encoder = msgspec.msgpack.Encoder()


class OfVenue(Protocol):
    """A row of the cache: what one venue says of one security."""

    @property
    def venue_id(self) -> str: ...
    @property
    def security_id(self) -> str: ...


Row = TypeVar("Row", bound=OfVenue)


class Cache(Generic[Row]):
    """Rows of one kind in Redis, and those this process has looked at within the last second."""

    def __init__(self, *, kind: str, row: type[Row]) -> None:
        self._kind = kind
        self._decoder: msgspec.msgpack.Decoder[Row] = msgspec.msgpack.Decoder(row)
        self._client: redis.Redis | None = None
        self._away_until = float("-inf")
        self._held: dict[str, tuple[float, tuple[Row, ...]]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def name(what: str) -> str:
        """A key of this installation: several databases may share one Redis."""
        return f"oms:{connection.settings_dict['NAME']}:{what}"

    def write(self, given: Iterable[Row]) -> bool:
        """Put rows where others find them, and say so. False when Redis is away.

        One that was away a moment ago is not waited for: whoever calls has reports to apply.
        """
        rows = list(given)
        if not rows:
            return True
        if clock.monotonic() < self._away_until:
            return False
        try:
            with self._redis().pipeline(transaction=False) as pipe:
                for row in rows:
                    key = self.name(f"{self._kind}:{row.security_id}")
                    pipe.hset(key, row.venue_id, _encoder.encode(row))
                    pipe.expire(key, _FORGET_AFTER)
                told = ",".join(sorted({row.security_id for row in rows}))
                pipe.publish(self.name(CHANNEL), told)
                pipe.execute()
        except redis.RedisError as error:
            self._away(error)
            return False
        return True

    def look(self, security_ids: Iterable[str]) -> None:
        """Read these into memory, in one round trip; those read just now are not read."""
        now = clock.monotonic()
        wanted = {n for n in security_ids if now - self._read_at(n) >= KEEP_SECONDS / 4}
        for name, rows in self.read(wanted).items():
            self._held[name] = (now, rows)

    def read(self, security_ids: Iterable[str]) -> dict[str, tuple[Row, ...]]:
        """These as they are in Redis now; nothing when it is away."""
        wanted = sorted(security_ids)
        if not wanted or clock.monotonic() < self._away_until:
            return {}
        try:
            with self._redis().pipeline(transaction=False) as pipe:
                for name in wanted:
                    pipe.hvals(self.name(f"{self._kind}:{name}"))
                answers = pipe.execute()
        except redis.RedisError as error:
            self._away(error)
            return {}
        return {name: self._rows(values) for name, values in zip(wanted, answers, strict=True)}

    def held(self, security_id: str) -> tuple[Row, ...]:
        """What this process has looked at within the last second."""
        read_at, rows = self._held.get(security_id, (float("-inf"), ()))
        return rows if clock.monotonic() - read_at <= KEEP_SECONDS else ()

    def forget(self) -> None:
        """Know nothing: for tests."""
        self._held.clear()
        self._away_until = float("-inf")

    def _rows(self, values: list[bytes]) -> tuple[Row, ...]:
        found = []
        for text in values:
            try:
                found.append(self._decoder.decode(text))
            except msgspec.MsgspecError:  # written by another version: not known until anew
                continue
        return tuple(sorted(found, key=lambda row: row.venue_id))

    def _read_at(self, security_id: str) -> float:
        return self._held.get(security_id, (float("-inf"), ()))[0]

    def _redis(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    settings.REDIS_URL,
                    socket_timeout=_PATIENCE_SECONDS,
                    socket_connect_timeout=_PATIENCE_SECONDS,
                )
        return self._client

    def _away(self, error: Exception) -> None:
        log.warning("the %s cache cannot be used: %s", self._kind, error)
        self._away_until = clock.monotonic() + _PAUSE_SECONDS
