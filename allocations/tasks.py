"""The doorbell of the booking room. Nothing is asked through it: the table says what is due."""

from __future__ import annotations

from celery import shared_task

from allocations import booking, margin, retention
from allocations.feed import sending
from allocations.settlement import rounds
from oms_site.kit import clock

_SECONDS_MAX = 20.0


@shared_task(name="allocations.tasks.book")
def book(*args: object, **kwargs: object) -> None:
    """Book what is due until nothing is, or long enough for another bell to be rung."""
    until = clock.monotonic() + _SECONDS_MAX
    while clock.monotonic() < until and booking.drain(seconds=until - clock.monotonic()):
        pass


@shared_task(name="allocations.tasks.settle")
def settle(*args: object, **kwargs: object) -> None:
    """Confirm, match, instruct and settle what is due, and hear what custodians tell."""
    rounds.run()


@shared_task(name="allocations.tasks.feed")
def feed(*args: object, **kwargs: object) -> int:
    """Tell portfolio systems of positions that have changed."""
    return sending.run()


@shared_task(name="allocations.tasks.watch_margin")
def watch_margin(*args: object, **kwargs: object) -> int:
    """Open and close the margin calls of every account that may owe money."""
    return margin.watch()


@shared_task(name="allocations.tasks.prune_files")
def prune_files(*args: object, **kwargs: object) -> int:
    """Remove files with outside parties that are older than their days."""
    return retention.prune()
