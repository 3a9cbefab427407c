"""Runs all checks over one snapshot of the database, in a fixed order, each measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection, transaction

from oms_site.kit import clock
from orders.books import (
    custodian_accounts,
    feed,
    folding,
    gate,
    ledger,
    money,
    tenancy,
    venue_accounts,
    wire,
)
from orders.books.verdicts import Check, NotChecked, Result, Run, State, Tally

CHECKS: tuple[Check, ...] = (
    *folding.CHECKS,
    *ledger.CHECKS,
    *money.CHECKS,
    *gate.CHECKS,
    *wire.CHECKS,
    *feed.CHECKS,
    *tenancy.CHECKS,
    *venue_accounts.CHECKS,
    *custodian_accounts.CHECKS,
)


def run(one: Run, *, begun: Callable[[Check], None] = lambda check: None) -> Iterator[Result]:
    """The result of every check, as each ends; `begun` hears of a check before it starts."""
    with _snapshot():
        for check in CHECKS:
            begun(check)
            yield _carry_out(check, one)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One view of the database for all checks, however long they take, on a running product."""
    fresh = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if fresh:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("SET LOCAL jit = off")  # compiling takes longer than any batch
        cursor.execute("SELECT 1")  # the snapshot is taken by the first query
        yield


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
