"""Order requests as they came in, many at once, to the answers they get.

Called by the desk's own process and, where none answers, by the writer inside a web process.
Whatever happens, every request gets an answer of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import InterfaceError, OperationalError, connection

from oms_site.api import envelope, strict_json
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError
from orders import desk
from orders.api import answers, intake
from orders.desk import Result
from orders.requests import SubmitRequest

log = logging.getLogger(__name__)
MOST_AT_ONCE = 256
# As many may wait in one process: a client that waits longer has given up.
MOST_WAITING = 20_000


class Asked(msgspec.Struct, frozen=True):
    """One request: who sent it, when it came, its header `Idempotency-Key` and its body."""

    principal: Principal
    received_at: datetime
    correlation_id: str
    idempotency_key: str
    body: bytes


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """The HTTP answer: status, body and the headers that only this answer has."""

    status: int
    content: bytes
    headers: dict[str, str]


def take(batch: Sequence[Asked]) -> list[Answered]:
    """Submit what can be read in one transaction; an answer for each, in the order asked."""
    found: list[Answered | None] = [None] * len(batch)
    read: list[tuple[int, SubmitRequest]] = []
    for n, asked in enumerate(batch):
        try:
            read.append((n, _read(asked)))
        except OmsError as refusal:
            found[n] = refused(refusal)
        except Exception:
            log.exception("an order could not be read")
            found[n] = unknown()
    if read:
        results = _submit([request for _, request in read])
        for (n, _), result in zip(read, results, strict=True):
            found[n] = Answered(*answers.of_submit(result))
    return [one for one in found if one is not None]


def refused(refusal: OmsError) -> Answered:
    """The answer that a refusal is."""
    return Answered(*answers.of_refusal(refusal))


def unknown() -> Answered:
    """503: it may be committed or not. Only who repeats it with its ids repeats it safely."""
    return refused(envelope.unavailable())


def overloaded() -> OmsError:
    """The refusal (503) of a request that nobody would get to in time."""
    return OmsError("overloaded", "Too many orders are waiting; try again.", status=503)


def _read(asked: Asked) -> SubmitRequest:
    ask = intake.order(strict_json.loads(asked.body))
    asked.principal.require("order.submit")
    key = intake.idempotency_key(asked.idempotency_key)
    return SubmitRequest(ask, asked.principal, asked.received_at, asked.correlation_id, key)


def _submit(requests: list[SubmitRequest]) -> list[Result]:
    """A fault of the database is a 503; one bad request harms no other."""
    try:
        return desk.submit(requests)
    except (OperationalError, InterfaceError):
        log.exception("a batch of %d orders is not known to be committed", len(requests))
        connection.close()
        return [Result(error=envelope.unavailable()) for _ in requests]
    except Exception:
        log.exception("a batch of %d orders was not committed", len(requests))
        connection.close()
        if len(requests) > 1:
            return [_submit([request])[0] for request in requests]
        return [Result(error=envelope.unavailable())]
