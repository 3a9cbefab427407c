"""Doorbells: each drains its table until nothing is due; repeats are harmless."""

from __future__ import annotations

from collections.abc import Callable

from celery import shared_task

from orders import (
    breaking,
    corporate,
    expiry,
    halting,
    lots,
    mass_canceling,
    reconciliation,
    rerouting,
    routing,
    triggers,
)
from orders.replacing import stuck
from orders.rfq import sweeping

_MOST_ROUNDS = 50


def _empty(drain: Callable[[], int]) -> int:
    """Run a drain until it finds nothing, but leave the worker to others after a while."""
    taken = 0
    for _ in range(_MOST_ROUNDS):
        found = drain()
        taken += found
        if not found:
            break
    return taken


@shared_task(name="orders.tasks.route")
def route() -> int:
    """Route approved orders that are due."""
    return _empty(routing.drain)


@shared_task(name="orders.tasks.reroute")
def reroute() -> int:
    """Move what rests at one venue to where it would trade now."""
    return rerouting.sweep()


@shared_task(name="orders.tasks.trigger")
def trigger() -> int:
    """Release orders whose stop price the market has reached."""
    return _empty(triggers.drain)


@shared_task(name="orders.tasks.drain_halts")
def drain_halts() -> int:
    """Ask what is open under a kill switch to stop, and see whether it is gone."""
    return _empty(halting.drain)


@shared_task(name="orders.tasks.ask_replacing")
def ask_replacing() -> int:
    """Ask venues about replacements that they have not answered (J13)."""
    return stuck.sweep()


@shared_task(name="orders.tasks.drain_mass_cancels")
def drain_mass_cancels() -> int:
    """Ask the orders of mass cancels that were not asked yet."""
    return _empty(mass_canceling.drain)


@shared_task(name="orders.tasks.look_at_breakers")
def look_at_breakers() -> int:
    """Halt what a circuit breaker says, and lift what has ended."""
    return breaking.drain()


@shared_task(name="orders.tasks.expire")
def expire() -> int:
    """Expire orders whose session is over."""
    return _empty(expiry.sweep)


@shared_task(name="orders.tasks.allocate")
def allocate() -> int:
    """Split new fills over their accounts."""
    return _empty(lots.drain)


@shared_task(name="orders.tasks.quote")
def quote() -> int:
    """Expire quotes and inquiries, and hit what meets its criteria."""
    return _empty(sweeping.sweep)


@shared_task(name="orders.tasks.compare")
def compare() -> int:
    """Compare with venues, custodians and our own facts; how many parties."""
    return len(reconciliation.run(reconciliation.phase_now()))


@shared_task(name="orders.tasks.reconcile")
def reconcile() -> int:
    """Look for orders that nobody works on although they are not staged (I08)."""
    return reconciliation.watch()


@shared_task(name="orders.tasks.corporate_actions")
def corporate_actions() -> int:
    """Announce and apply what bonds' schedules say; stop orders in what is no more."""
    return corporate.run()
