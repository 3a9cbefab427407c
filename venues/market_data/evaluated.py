"""Evaluated prices from an outside service, for what no venue has quoted of late.

Whoever takes orders calls `look` before its transaction; what the service says becomes the
reference price, which every control reads from memory. A service that is away holds nobody up: its
circuit opens, the old price stays old, and controls that need a fresh one say that they cannot be
checked. Nothing is asked where no service is configured.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import httpx
import msgspec
import redis
from django.conf import settings
from django.db import connection

from oms_site.kit import clock, deadlines
from oms_site.kit.circuit import Circuit, CircuitOpen, State
from venues import instruments
from venues.instruments import InstrumentFacts
from venues.market_data import prices
from venues.market_data.cache import Cache

log = logging.getLogger(__name__)
FAILURES, PAUSE_S, PATIENCE_S = 3, 10.0, 0.3
# Who has just been asked about is not asked about again, whatever was answered.
_AGAIN_S = 5.0
_TELL_S, _HEARD_S = 10.0, 60.0
_MOST, _AHEAD = 200, timedelta(seconds=5)
# What the column holds.
_LEAST_PX, _MOST_PX = Decimal("1e-8"), Decimal(10) ** 9
_STORE = """
INSERT INTO venues_referenceprice (instrument_id, bid_px, ask_px, mid_px, source, at, crossed)
SELECT one.instrument_id, one.bid, one.ask, one.mid, 'evaluated', one.at, false
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::timestamptz[])
    AS one(instrument_id, bid, ask, mid, at)
ORDER BY one.instrument_id
ON CONFLICT (instrument_id) DO UPDATE SET bid_px = excluded.bid_px, ask_px = excluded.ask_px,
    mid_px = excluded.mid_px, source = excluded.source, at = excluded.at, crossed = false
WHERE venues_referenceprice.at < excluded.at
  -- Venues that contradict each other have no price, for as long as they say so.
  AND (NOT venues_referenceprice.crossed OR NOT EXISTS (
      SELECT FROM venues_topofbook t WHERE t.instrument_id = excluded.instrument_id
      AND t.at > excluded.at - %s * interval '1 second'))
"""


class Evaluated(msgspec.Struct, frozen=True):
    """One price as the service says it."""

    cusip: str
    mid: Decimal | None
    at: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None


class _Answer(msgspec.Struct, frozen=True):
    prices: list[Evaluated]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one process finds the service."""

    process: str
    state: str
    failures: int
    opened: int
    at: datetime


_decoder = msgspec.json.Decoder(_Answer)
circuit = Circuit(failures=FAILURES, pause_s=PAUSE_S)
_asked_at: dict[str, float] = {}
_told: tuple[float, State] = (float("-inf"), State.CLOSED)


def look(names: Iterable[str]) -> None:
    """Ask for prices that are missing or old, all together; nothing of the service is raised.

    Called outside a transaction. The service is waited for `PATIENCE_S` in all, however it
    answers, and not at all while the circuit is open.
    """
    if not configured():
        return
    wanted = _old(names)
    if not wanted:
        return
    try:
        found = circuit.call(lambda: _ask(sorted(wanted)))
    except CircuitOpen:
        return
    except (httpx.HTTPError, msgspec.MsgspecError, TimeoutError, ValueError) as error:
        log.warning("the price service does not answer: %r", error)
        return
    else:
        _asked_at.update(dict.fromkeys(wanted, clock.monotonic()))
        # One that is told twice is the newer of both.
        latest = {one.cusip: one for one in sorted(found, key=lambda one: one.at)}
        _store([(facts, latest[name]) for name, facts in wanted.items() if name in latest])
    finally:
        _tell()


def standing() -> list[Standing]:
    """How every process that has asked of late finds it; empty without a service, or nobody did."""
    if not configured():
        return []
    try:
        rows = _redis().hgetall(_key())
    except redis.RedisError:
        return []
    read = msgspec.json.Decoder(Standing)
    found = [read.decode(value) for value in rows.values()]
    oldest = clock.machine_now() - timedelta(seconds=_HEARD_S)
    return sorted((one for one in found if one.at > oldest), key=lambda one: one.process)


def configured() -> bool:
    """Whether there is a service to ask."""
    return bool(settings.PRICE_SERVICE_URL)


def forget() -> None:
    """Know nothing: for tests."""
    global circuit, _told
    circuit = Circuit(failures=FAILURES, pause_s=PAUSE_S)
    _told = (float("-inf"), State.CLOSED)
    _asked_at.clear()


def _old(names: Iterable[str]) -> dict[str, InstrumentFacts]:
    """What nobody has priced for too long, by CUSIP."""
    limit = clock.now() - timedelta(seconds=settings.PRICE_SERVICE_AFTER_S)
    now, found = clock.monotonic(), dict[str, InstrumentFacts]()
    for name in set(names):
        facts = instruments.find(name)
        if facts is None or now - _asked_at.get(facts.cusip, float("-inf")) < _AGAIN_S:
            continue
        known = prices.reference(facts.id)
        if known is None or known.at < limit:
            found[facts.cusip] = facts
        if len(found) >= _MOST:
            break
    return found


def _ask(cusips: Sequence[str]) -> list[Evaluated]:
    """The service's answer. Raises for one that is late, refused, or makes no sense."""
    url, query = f"{settings.PRICE_SERVICE_URL}/prices", {"cusips": ",".join(cusips)}
    answer = deadlines.within(PATIENCE_S, _client(os.getpid()).get(url, params=query))
    answer.raise_for_status()
    latest = clock.now() + _AHEAD
    sound, odd = list[Evaluated](), list[Evaluated]()
    for one in _decoder.decode(answer.content).prices:
        (sound if _is_sound(one, latest) else odd).append(one)
    if odd:
        log.warning("the price service has %d prices that are none: %s", len(odd), odd[:5])
    return sound


def _is_sound(one: Evaluated, latest: datetime) -> bool:
    """Whether it can be a price; each is judged by itself, the others are none the worse."""
    given = [px for px in (one.mid, one.bid, one.ask) if px is not None]
    return (
        one.mid is not None
        and one.at.tzinfo is not None
        and one.at <= latest
        # What is no number cannot be compared.
        and all(px.is_finite() and _LEAST_PX <= px <= _MOST_PX for px in given)
        and not (one.bid and one.ask and one.bid > one.ask)
    )


@lru_cache(maxsize=1)
def _client(_process: int) -> httpx.AsyncClient:
    """One per process: connections are no good on the other side of a fork."""
    return httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False)


def _store(found: Sequence[tuple[InstrumentFacts, Evaluated]]) -> None:
    if not found:
        return
    columns: list[Any] = [
        [facts.id for facts, _ in found],
        [one.bid for _, one in found],
        [one.ask for _, one in found],
        [one.mid for _, one in found],
        [one.at for _, one in found],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [*columns, prices.FRESH_SECONDS])
    prices.forget()


def _tell() -> None:
    """Say how it stands here when that has changed, and now and then; a lost word is no matter."""
    global _told
    now, state = clock.monotonic(), circuit.state
    if state == _told[1] and now - _told[0] < _TELL_S:
        return
    if state != _told[1]:
        log.warning("the circuit of the price service is %s", state)
    _told = (now, state)
    process = f"{os.uname().nodename}:{os.getpid()}"
    said = Standing(process, state, circuit.failures, circuit.opened, clock.machine_now())
    try:
        with _redis().pipeline(transaction=False) as pipe:
            pipe.hset(_key(), process, msgspec.json.encode(said))
            pipe.expire(_key(), 3600)
            pipe.execute()
    except redis.RedisError as error:
        log.info("how the price service stands cannot be told: %s", error)


def _key() -> str:
    return Cache.name("circuit:evaluated")


def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.2, socket_connect_timeout=0.2)
