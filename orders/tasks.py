"""Doorbells: each drains its table until nothing is due; repeats are harmless."""

from __future__ import annotations

import logging
from collections.abc import Callable

from celery import Task, shared_task
from django.db import connection

from oms_site import later
from oms_site.firm.database import of_content
from orders import (
    breaking,
    corporate,
    expiry,
    halting,
    lots,
    mass_canceling,
    reconciliation,
    remainders,
    rerouting,
    routing,
    searching,
    street,
    trailing,
    triggers,
)
from orders.contingent import settling
from orders.flattening import working
from orders.replacing import resuming, stuck
from orders.rfq import sweeping
from orders.schedules import sending

log = logging.getLogger(__name__)
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


@shared_task(name="orders.tasks.run_schedules")
def run_schedules() -> int:
    """Send the slices of schedules that are due, and end what is over."""
    return _empty(sending.drain)


@shared_task(name="orders.tasks.trigger")
def trigger() -> int:
    """Release orders whose stop price the market has reached."""
    try:
        trailing.drain()
    except Exception as error:
        if not of_content(error):
            raise
        # A level that cannot be worked out holds up no order whose price has come.
        log.exception("trailing stops could not follow")
    return _empty(triggers.drain)


@shared_task(name="orders.tasks.settle_lists")
def settle_lists() -> int:
    """Let go, arm and stop orders that depend on others of their list."""
    return _empty(settling.drain)


@shared_task(name="orders.tasks.drain_halts")
def drain_halts() -> int:
    """Ask what is open under a kill switch to stop, and see whether it is gone."""
    return _empty(halting.drain)


@shared_task(name="orders.tasks.drain_order_groups")
def drain_order_groups() -> int:
    """Ask what is open in locked order groups to stop."""
    return _empty(halting.drain_groups)


@shared_task(name="orders.tasks.ask_replacing")
def ask_replacing() -> int:
    """Ask venues about replacements that they have not answered (J13)."""
    return stuck.sweep()


@shared_task(name="orders.tasks.resume_replacing")
def resume_replacing() -> int:
    """Go on with amendments that waited for a dealer's answer."""
    return resuming.sweep()


@shared_task(name="orders.tasks.drain_mass_cancels")
def drain_mass_cancels() -> int:
    """Ask the orders of mass cancels that were not asked yet."""
    return _empty(mass_canceling.drain)


@shared_task(name="orders.tasks.flatten")
def flatten() -> int:
    """Order what two people agreed to close out."""
    return _empty(working.drain)


@shared_task(name="orders.tasks.note_words")
def note_words() -> int:
    """Note by which words new orders are found."""
    return searching.note()


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


@shared_task(name="orders.tasks.clear")
def clear() -> int:
    """Tell clearing parties of new executions, and of what became of them."""
    return street.run()


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
    """Look for orders that nobody works on although they are not staged (I08), and end the
    execution orders whose rest nobody has.
    """
    return remainders.sweep() + reconciliation.watch()


@shared_task(name="orders.tasks.corporate_actions")
def corporate_actions() -> int:
    """Announce and apply what bonds' schedules say; stop orders in what is no more."""
    return corporate.run()


# Seldom due, and a question each: one task a second asks all of them, in this order.
_ROUND: tuple[tuple[Task, Callable[[], int]], ...] = (
    (drain_halts, halting.drain),
    (drain_order_groups, halting.drain_groups),
    (drain_mass_cancels, mass_canceling.drain),
    (flatten, working.drain),
    (look_at_breakers, breaking.drain),
    (expire, expiry.sweep),
    (settle_lists, settling.drain),
    (resume_replacing, resuming.sweep),
    (run_schedules, sending.drain),
    (quote, sweeping.sweep),
    (allocate, lots.drain),
)


@shared_task(name="orders.tasks.look_round")
def look_round() -> list[str]:
    """One turn of everything that is seldom due; what found something goes on by its own bell.

    Returns the names of those. Raises the last failure, after the others have had their turn.
    """
    found, failure = list[str](), None
    for task, drain in _ROUND:
        try:
            if drain():
                later.ring(task.name)
                found.append(task.name)
        except Exception as error:
            log.exception("%s broke off", task.name)
            connection.close_if_unusable_or_obsolete()
            failure = error
    if failure is not None:
        raise failure
    return found
