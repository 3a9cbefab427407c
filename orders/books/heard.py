"""What custodians have heard of us, by their own journals: the same as we say that we told them.

Reads the simulated custodians' journals, which that process alone writes. What they heard after
this run began is left for the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from allocations.custodians.simulator import desk, notices
from allocations.custodians.simulator.desk import Confirmed, Instructed, Withdrawn
from allocations.custodians.simulator.notices import Noted
from orders.books.statements import rows, stream
from orders.books.verdicts import Check, NotChecked, Run, Tally

_Fault = tuple[str, str]
# A sleeve is known outside as the account that it is a part of.
_NAMED = "JOIN allocations_account w ON w.id = coalesce(k.sleeve_of_id, k.id)"
_NOTICES = f"""
SELECT n.movement_id, n.due_at IS NULL, n.ref, n.code, w.code, m.currency, coalesce(i.cusip, ''),
    m.qty, m.cash, m.trade_date, m.settlement_date
FROM allocations_movementnotice n JOIN allocations_movement m ON m.id = n.movement_id
JOIN allocations_account k ON k.id = m.account_id {_NAMED}
LEFT JOIN venues_instrument i ON i.id = m.instrument_id
WHERE {{organization:n}} AND n.custodian_id = %(custodian)s ORDER BY n.id
"""
_OF_NOTICE = ("account", "currency", "cusip", "qty", "cash", "trade_date", "settlement_date")
# Confirmations that a central service takes are not told to the custodian.
_CONFIRMS = f"""
SELECT c.id, EXISTS (SELECT 1 FROM journal_event e WHERE e.subject = c.id
        AND e.event_type = 'confirm_received' AND e.body::jsonb #>> '{{event,ask}}' = 'confirm'),
    EXISTS (SELECT 1 FROM journal_event e WHERE e.subject = c.id
        AND e.event_type = 'confirm_sent'),
    c.leg_id, w.code, i.cusip, CASE c.side WHEN 'buy' THEN '1' ELSE '2' END, c.qty, c.price,
    c.principal, c.accrued_interest, c.net_money, c.trade_date, c.settlement_date, c.currency
FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
JOIN allocations_account k ON k.id = c.account_id {_NAMED}
JOIN venues_instrument i ON i.id = c.instrument_id
WHERE {{scope}} AND c.custodian_id = %(custodian)s AND c.service_id IS NULL
"""
_OF_CONFIRM = (
    *("leg_id", "account", "cusip", "side", "qty", "price", "principal", "accrued_interest"),
    *("net_money", "trade_date", "settlement_date", "currency"),
)
_INSTRUCTIONS = f"""
SELECT n.id, n.ref <> '', n.was_sent, n.ref, n.ask = 'cancel' OR c.status = 'canceled',
    n.status = 'canceled' AND n.was_sent, n.leg_id, w.code, i.cusip,
    CASE n.side WHEN 'buy' THEN '1' ELSE '2' END, n.qty, n.net_money, n.settlement_date, n.currency
FROM allocations_settlementinstruction n JOIN orders_order o ON o.id = n.order_id
JOIN allocations_tradeconfirm c ON c.id = n.confirm_id
JOIN allocations_account k ON k.id = n.account_id {_NAMED}
JOIN venues_instrument i ON i.id = n.instrument_id
WHERE {{scope}} AND n.custodian_id = %(custodian)s
"""
_OF_INSTRUCTION = (
    *("leg_id", "account", "cusip", "side", "qty", "net_money", "settlement_date", "currency"),
)


class _Line(Protocol):
    """Any line of a journal that has a key and, but for older ones, a time."""

    @property
    def key(self) -> str:
        """Our key."""
        ...

    @property
    def at(self) -> datetime | None:
        """When it was heard, by the custodian's own clock."""
        ...


L = TypeVar("L", bound=_Line)


class _Asked(NamedTuple):
    """An instruction as we have it: the terms in the order of `_OF_INSTRUCTION`."""

    was_taken: bool
    was_sent: bool
    ref: str
    is_taken_back: bool
    is_withdrawn: bool
    terms: tuple[Any, ...]


def _told(
    path_of: Callable[[Path, str], Path], compare: Callable[[Run, str, Tally], Iterator[_Fault]]
) -> Callable[[Run], Tally]:
    """A check of every custodian that has left such a journal."""

    def run(one: Run) -> Tally:
        tally, directory = Tally(), one.journals()
        sql = "SELECT id FROM allocations_custodian WHERE adapter IN ('simulated', 'files')"
        known = [key for (key,) in rows(one, f"{sql} ORDER BY id")]
        named = [key for key in known if path_of(directory, key).exists()]
        if not named:
            raise NotChecked("no custodian has left a journal of what it was told")
        for custodian in named:
            for key, fault in compare(one, custodian, tally):
                tally.differs(key, f"{custodian}: {fault}")
        return tally

    return run


def _once(run: Run, found: Iterable[L], there: dict[str, L]) -> Iterator[_Fault]:
    """Put the lines of this run in `there` by their keys; those that were written twice."""
    times: Counter[str] = Counter()
    for line in found:
        if line.at is None or line.at <= run.machine_at:
            times[line.key] += 1
            there[line.key] = line
    yield from ((key, f"was told {n} times") for key, n in times.items() if n > 1)


def _unlike(names: Sequence[str], ours: Sequence[Any], theirs: object) -> str:
    """The terms that differ; empty when they agree."""
    return "; ".join(
        f"{name} {mine} here, {other} there"
        for name, mine in zip(names, ours, strict=True)
        if (other := getattr(theirs, name)) != mine
    )


def _unknown(run: Run, there: Iterable[str], what: str) -> Iterator[_Fault]:
    """What they have and we know nothing of; whose it is cannot be said of a part of the books."""
    yield from ((key, f"has it, and it is no {what} of ours") for key in there if run.is_whole)


# --- notices ---------------------------------------------------------------------------------
def _notices(run: Run, custodian: str, tally: Tally) -> Iterator[_Fault]:
    there: dict[str, Noted] = {}
    yield from _once(run, notices.told(run.journals(), custodian), there)
    for key, is_over, ref, code, *terms in stream(run, _NOTICES, custodian=custodian):
        tally.looked_at += 1
        line = there.pop(key, None)
        if line is None:
            if ref:
                yield key, "does not have it"
        elif code:
            yield key, f"{code} here, taken there as {line.ref}"
        elif fault := _unlike(_OF_NOTICE, terms, line.notice):
            yield key, fault
        # Nobody has heard the reference of what is still asked for.
        elif is_over and ref != line.ref:
            yield key, f"ref {ref} here, {line.ref} there"
    yield from _unknown(run, there, "notice")


# --- confirmations and instructions ----------------------------------------------------------
def _desk(run: Run, custodian: str, tally: Tally) -> Iterator[_Fault]:
    found = desk.heard(run.journals(), custodian)
    yield from _confirms(run, custodian, tally, [x for x in found if isinstance(x, Confirmed)])
    asked = {
        row[0]: _Asked(row[1], row[2], row[3], row[4], row[5], tuple(row[6:]))
        for row in stream(run, _INSTRUCTIONS, custodian=custodian)
    }
    tally.looked_at += len(asked)
    yield from _instructions(run, asked, [x for x in found if isinstance(x, Instructed)])
    yield from _withdrawals(run, asked, [x for x in found if isinstance(x, Withdrawn)])


def _confirms(
    run: Run, custodian: str, tally: Tally, found: Sequence[Confirmed]
) -> Iterator[_Fault]:
    there: dict[str, Confirmed] = {}
    yield from _once(run, found, there)
    for key, was_taken, was_sent, *terms in stream(run, _CONFIRMS, custodian=custodian):
        tally.looked_at += 1
        line = there.pop(key, None)
        if line is None:
            if was_taken:
                yield key, "has not heard it"
        elif not was_sent:
            yield key, "has heard it, and it was never sent"
        # Older lines have no terms.
        elif line.terms and (fault := _unlike(_OF_CONFIRM, terms, line.terms)):
            yield key, fault
    yield from _unknown(run, there, "confirmation")


def _instructions(
    run: Run, asked: dict[str, _Asked], found: Sequence[Instructed]
) -> Iterator[_Fault]:
    there: dict[str, Instructed] = {}
    yield from _once(run, found, there)
    for key, mine in asked.items():
        line = there.pop(key, None)
        if line is None:
            if mine.was_taken:
                yield key, "has not heard it"
        elif not mine.was_sent:
            yield key, "has heard it, and it was never sent"
        elif fault := _unlike(_OF_INSTRUCTION, mine.terms, line.order):
            yield key, fault
        elif mine.was_taken and mine.ref != line.ref:
            yield key, f"ref {mine.ref} here, {line.ref} there"
    yield from _unknown(run, there, "instruction")


def _withdrawals(
    run: Run, asked: dict[str, _Asked], found: Sequence[Withdrawn]
) -> Iterator[_Fault]:
    there: dict[str, Withdrawn] = {}
    yield from _once(run, found, there)
    for key, mine in asked.items():
        if there.pop(key, None) is None:
            if mine.is_withdrawn:
                yield key, "has not heard that it was withdrawn"
        elif not mine.is_taken_back:
            yield key, "has it withdrawn, and nobody took it back"
    yield from _unknown(run, there, "instruction")


CHECKS = (
    Check(
        "custodians_agree_on_notices",
        "Every notice that a custodian took is in its own journal once, with the same account,"
        " quantity, money and days, and every notice there is one of ours.",
        _told(notices.path_of, _notices),
    ),
    Check(
        "custodians_heard_the_same",
        "Every confirmation and instruction that a custodian has heard is in its own journal once,"
        " with the same terms, and so is every withdrawal; nothing else of ours is.",
        _told(desk.path_of, _desk),
    ),
)
