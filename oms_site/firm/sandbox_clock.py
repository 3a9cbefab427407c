"""Keeps `kit.clock` of this process equal to the sandbox clock that the database stores."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from oms_site.firm.models import SandboxClock
from oms_site.kit import clock

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
_started = threading.Lock()


def read() -> None:
    """Take over the stored shift now; a real clock is never shifted."""
    if settings.REAL_CLOCK:
        return
    seconds = SandboxClock.objects.filter(id=1).values_list("offset_seconds", flat=True).first()
    clock.shift_to(timedelta(seconds=seconds or 0))


def set_to(moment: datetime, *, reason: str) -> None:
    """Make it `moment` for every process of the sandbox within a second. Aware time."""
    if settings.REAL_CLOCK:
        raise RuntimeError("the clock is real here (OMS_CLOCK=real, or not a sandbox)")
    seconds = (moment - clock.machine_now()).total_seconds()
    SandboxClock.objects.update_or_create(
        id=1, defaults={"offset_seconds": seconds, "reason": reason}
    )
    read()


def follow() -> None:
    """Take over the shift, then start the thread that keeps this process in step.

    Harmless to call twice. Raises `DatabaseError` when the shift cannot be read: nothing may be
    dated before it is known.
    """
    if settings.REAL_CLOCK or _started.locked():
        return
    read()
    if _started.acquire(blocking=False):
        threading.Thread(target=_keep_up, name="sandbox-clock", daemon=True).start()


def _keep_up() -> None:
    pause = threading.Event()
    while not pause.wait(POLL_SECONDS):
        try:
            read()
        except DatabaseError:
            log.warning("the sandbox clock could not be read; keeping the last shift")
            connection.close()
        finally:
            close_old_connections()
