"""One turn of telling every clearing party what is due, for the worker: repeats are harmless."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from allocations.clearing import sending
from oms_site.kit import clock

log = logging.getLogger(__name__)
LANES_MAX = 4
ROUNDS_MOST = 20


def run() -> int:
    """A lane of its own for each party, so that a slow one holds up nobody; how many were told."""
    parties = sending.due_parties(at=clock.now())
    if not parties:
        return 0
    with ThreadPoolExecutor(LANES_MAX, thread_name_prefix="clearing") as pool:
        return sum(pool.map(_lane, parties))


def turn(party_id: str) -> int:
    """Tell one party what is due until nothing is, or it is in trouble."""
    told = 0
    for _ in range(ROUNDS_MOST):
        claimed, trouble = sending.run_round(party_id)
        told += claimed
        if trouble or not claimed:
            break
    return told


def _lane(party_id: str) -> int:
    try:
        return turn(party_id)
    except Exception:
        # What was claimed is due again when its lease ends; other lanes go on.
        log.exception("clearing at %s broke off", party_id)
        return 0
    finally:
        connection.close()
