"""The doorbell of the booking room. Nothing is asked through it: the table says what is due."""

from __future__ import annotations

from celery import shared_task

from allocations import booking
from oms_site.kit import clock

_SECONDS_MAX = 20.0


@shared_task(name="allocations.tasks.book")
def book(*args: object, **kwargs: object) -> None:
    """Book what is due until nothing is, or long enough for another bell to be rung."""
    until = clock.monotonic() + _SECONDS_MAX
    while clock.monotonic() < until and booking.drain(seconds=until - clock.monotonic()):
        pass
