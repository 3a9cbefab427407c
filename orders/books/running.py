"""Runs all checks over one snapshot of the database, in a fixed order, each measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.db import DatabaseError, transaction

from oms_site.kit import clock
from orders.books import (
    clearing,
    custodian_accounts,
    feed,
    fees,
    folding,
    gate,
    hands,
    heard,
    holdings,
    ledger,
    money,
    notices,
    settling,
    tenancy,
    venue_accounts,
    wire,
)
from orders.books.verdicts import Check, NotChecked, Result, Run, State, Tally

CHECKS: tuple[Check, ...] = (
    *folding.CHECKS,
    *ledger.CHECKS,
    *money.CHECKS,
    *fees.CHECKS,
    *holdings.CHECKS,
    *gate.CHECKS,
    *wire.CHECKS,
    *feed.CHECKS,
    *tenancy.CHECKS,
    *venue_accounts.CHECKS,
    *custodian_accounts.CHECKS,
    *settling.CHECKS,
    *clearing.CHECKS,
    *notices.CHECKS,
    *heard.CHECKS,
)


def run(
    one: Run,
    *,
    checks: Sequence[Check] = CHECKS,
    begun: Callable[[Check], None] = lambda check: None,
) -> Iterator[Result]:
    """The result of every check, as each ends; `begun` hears of a check before it starts."""
    with hands.snapshot(one):
        for check in checks:
            begun(check)
            yield _carry_out(check, one)


def _carry_out(check: Check, one: Run) -> Result:
    begun = clock.monotonic()
    reason = ""
    try:
        with transaction.atomic():
            tally = check.run(one)
        state = State.DIFFERENCES if tally.count else State.CLEAN
    except NotChecked as error:
        tally, state, reason = Tally(), State.NOT_CHECKED, str(error)
    except (DatabaseError, ArithmeticError, ValueError, LookupError) as error:
        # What cannot even be read proves nothing, and says so instead of stopping the others.
        tally, state, reason = Tally(), State.BROKEN, f"{type(error).__name__}: {error}"
    return Result(
        name=check.name,
        proves=check.proves,
        state=state,
        looked_at=tally.looked_at,
        count=tally.count,
        seconds=clock.monotonic() - begun,
        first=tuple(tally.first),
        notes=(*tally.notes, *([reason] if reason else ())),
    )
