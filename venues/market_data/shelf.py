"""Where processes find books: written by the gateway, read by everyone, in Redis.

A cache that may be lost at any time: the gateway writes every book anew each few seconds. Reading
goes over a socket, so `look` is called before a transaction and `known` within it; what was not
looked at, or cannot be reached, is not known, and callers treat it as no market data at all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime

import msgspec
import redis
from django.conf import settings
from django.db import connection

from oms_site.kit import clock
from venues.orderbook import Composite, VenueBook

log = logging.getLogger(__name__)
MAX_AGE_S = 12.0  # venues tell the number of every book each five seconds
_KEEP_SECONDS = 1.0
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 2.0
_FORGET_AFTER = 24 * 3600
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(VenueBook)


class Shelf:
    """The books in Redis, and those this process has looked at within the last second."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._away_until = float("-inf")
        self._held: dict[str, tuple[float, tuple[VenueBook, ...]]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def name(what: str) -> str:
        """A key of this installation: several databases may share one Redis."""
        return f"oms:{connection.settings_dict['NAME']}:{what}"

    def write(self, books: Iterable[VenueBook]) -> bool:
        """Put books where others find them, and say so. False when Redis is away."""
        rows = list(books)
        if not rows:
            return True
        try:
            with self._redis().pipeline(transaction=False) as pipe:
                for book in rows:
                    key = self.name(f"book:{book.security_id}")
                    pipe.hset(key, book.venue_id, _encoder.encode(book))
                    pipe.expire(key, _FORGET_AFTER)
                told = ",".join(sorted({book.security_id for book in rows}))
                pipe.publish(self.name("books"), told)
                pipe.execute()
        except redis.RedisError as error:
            self._away(error)
            return False
        return True

    def look(self, security_ids: Iterable[str]) -> None:
        """Read these books into memory, in one round trip; those read just now are not read."""
        now = clock.monotonic()
        wanted = {n for n in security_ids if now - self._read_at(n) >= _KEEP_SECONDS / 4}
        for name, books in self.read(wanted).items():
            self._held[name] = (now, books)

    def read(self, security_ids: Iterable[str]) -> dict[str, tuple[VenueBook, ...]]:
        """These books as they are in Redis now; nothing when it is away."""
        wanted = sorted(security_ids)
        if not wanted or clock.monotonic() < self._away_until:
            return {}
        try:
            with self._redis().pipeline(transaction=False) as pipe:
                for name in wanted:
                    pipe.hvals(self.name(f"book:{name}"))
                answers = pipe.execute()
        except redis.RedisError as error:
            self._away(error)
            return {}
        return {name: _read(values) for name, values in zip(wanted, answers, strict=True)}

    def known(self, security_id: str, *, at: datetime) -> Composite:
        """What this process has looked at, as it counts at a moment; without books if nothing."""
        read_at, books = self._held.get(security_id, (float("-inf"), ()))
        if clock.monotonic() - read_at > _KEEP_SECONDS:
            books = ()
        return as_seen(security_id, books, at=at)

    def forget(self) -> None:
        """Know nothing: for tests."""
        self._held.clear()
        self._away_until = float("-inf")

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
        log.warning("the books' cache cannot be used: %s", error)
        self._away_until = clock.monotonic() + _PAUSE_SECONDS


def as_seen(security_id: str, books: Iterable[VenueBook], *, at: datetime) -> Composite:
    """Books as they count at a moment: those nobody heard of for too long are stale."""
    seen = tuple(book.seen(at, max_age_s=MAX_AGE_S) for book in books)
    return Composite(security_id=security_id, at=at, books=seen)


def _read(values: list[bytes]) -> tuple[VenueBook, ...]:
    found = []
    for text in values:
        try:
            found.append(_decoder.decode(text))
        except msgspec.MsgspecError:  # written by another version: not known until written anew
            continue
    return tuple(sorted(found, key=lambda book: book.venue_id))


shelf = Shelf()


def composite(security_id: str, *, at: datetime) -> Composite:
    """Look and tell at once: for those who are in no transaction."""
    shelf.look([security_id])
    return shelf.known(security_id, at=at)
