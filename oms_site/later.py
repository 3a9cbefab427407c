"""Rings Celery's doorbells by task name, after commit, off the request's path.

A bell carries no work and may be lost: beat rings the same ones every second. So a dead broker
costs latency, never an order, and callers never wait for it. What cannot wait until a worker has
heard its bell is begun here, beside the request; the bell is rung as well.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from celery import Celery
from django.db import connection, transaction

log = logging.getLogger(__name__)
_wanted: set[str] = set()
_signal = threading.Condition()
_ringer: threading.Thread | None = None
# A sender of its own, not the workers' application: this room lies below the wiring.
_bells = Celery("bells", set_as_current=False)
_bells.config_from_object("django.conf:settings", namespace="CELERY")
silent = False  # tests of single rooms set this; nothing else does


def ring(task: str) -> None:
    """Ask for a run of the named task once the current transaction has committed."""
    transaction.on_commit(partial(_want, task), robust=True)


def begin(work: Callable[[], object]) -> None:
    """Do something in a thread of this process once the current transaction has committed.

    Nobody waits for it, and it may break off with the process: whoever the bell wakes goes on.
    """
    transaction.on_commit(partial(_begin, work), robust=True)


def _begin(work: Callable[[], object]) -> None:
    if not silent:
        threading.Thread(target=_do, args=(work,), name="begun", daemon=True).start()


def _do(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        log.exception("what was begun here broke off; its bell has been rung")
    finally:
        connection.close()


def _want(task: str) -> None:
    global _ringer
    if silent:
        return
    with _signal:
        _wanted.add(task)
        if _ringer is None or not _ringer.is_alive():
            _ringer = threading.Thread(target=_keep_ringing, name="doorbell", daemon=True)
            _ringer.start()
        _signal.notify()


def _keep_ringing() -> None:
    while True:
        with _signal:
            while not _wanted:
                _signal.wait()
            tasks = sorted(_wanted)
            _wanted.clear()
        for task in tasks:
            try:
                _bells.send_task(task, retry=False, expires=10)
            except Exception:  # noqa: BLE001  whatever the broker does, beat rings again
                log.warning("doorbell %s could not be rung; beat will ring it", task)
