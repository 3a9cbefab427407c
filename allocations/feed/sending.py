"""Making deliveries: claimed and committed, then sent outside any transaction, then noted.

Repeats are harmless by the delivery's id. Redirects are never followed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from django.conf import settings
from django.db import connection

from allocations.feed import addresses, outbox, signing
from allocations.feed.outbox import Outcome
from allocations.models import FeedDelivery, FeedEndpoint
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5.0
ROUND_ROWS = 50
ROUND_SECONDS = 15.0
LANES_MAX = 4
_ROUNDS_MOST = 20


def run() -> int:
    """A lane of its own for each endpoint, so that a slow one holds up nobody; how many sent."""
    endpoints = outbox.due_endpoints(at=clock.now())
    if not endpoints:
        return 0
    with ThreadPoolExecutor(LANES_MAX, thread_name_prefix="feed") as pool:
        return sum(pool.map(_lane, endpoints))


def turn(endpoint_id: str) -> int:
    """Tell one endpoint what is due until nothing is, or it is in trouble."""
    told = 0
    for _ in range(_ROUNDS_MOST):
        claimed = outbox.claim(endpoint_id, at=clock.now(), most=ROUND_ROWS)
        if not claimed:
            break
        answers = _send(claimed[0].endpoint, claimed)
        outbox.close(answers, at=clock.now())
        told += sum(one.delivered for one in answers.values())
        if not all(one.delivered for one in answers.values()):
            break
    return told


def _lane(endpoint_id: str) -> int:
    try:
        generation.check()
        return turn(endpoint_id)
    except Exception:
        # What was claimed is due again when its lease ends; other lanes go on.
        log.exception("feed %s broke off", endpoint_id)
        return 0
    finally:
        connection.close()


def _send(endpoint: FeedEndpoint, claimed: Sequence[FeedDelivery]) -> dict[int, Outcome]:
    """One after the other, in the order of the queue; after the first trouble no more is tried."""
    try:
        target = addresses.check(endpoint.url, sandbox=settings.SANDBOX)
    except OmsError as error:
        return {one.pk: Outcome(0, error.message) for one in claimed}
    secret = signing.secret_of(endpoint.id, endpoint.secret_version)
    answers: dict[int, Outcome] = {}
    until, trouble = clock.monotonic() + ROUND_SECONDS, False
    # The address was checked, so that is where we go; the name is for the certificate alone.
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client:
        for one in claimed:
            if trouble or clock.monotonic() > until:
                answers[one.pk] = Outcome(0, called=False)
                continue
            answers[one.pk] = _post(client, target, secret, one)
            trouble = not answers[one.pk].delivered
    return answers


def _post(
    client: httpx.Client, target: addresses.Target, secret: str, one: FeedDelivery
) -> Outcome:
    body = one.body.encode()
    moment = int(clock.machine_now().timestamp())
    headers = {
        "Host": f"{target.host}:{target.port}",
        "Content-Type": "application/json",
        "User-Agent": "oems-valuation-feed/1",
        "X-Oems-Delivery-Id": one.delivery_id,
        "X-Oems-Attempt": str(one.attempts),
        "X-Oems-Signature": signing.signature(secret, moment=moment, body=body),
    }
    try:
        with client.stream(
            "POST",
            target.url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": target.host},
        ) as answer:
            return Outcome(answer.status_code, "" if answer.is_success else answer.reason_phrase)
    except httpx.HTTPError as error:
        return Outcome(0, f"{type(error).__name__}: {error}")
