"""The journal played once more, event after event in the stream's order, into shadow rows.

`manage.py shadow_replay` compares them with the live tables. `folding` lets the database fold all
events of a row at once; this is the second opinion, made as somebody who only hears the stream
would make it. It keeps a batch in memory, reads one snapshot and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from django.db import models

from oms_site.journal.rows import LedgerRow
from orders.books import folding
from orders.books.hands import spread
from orders.books.statements import rows, stream
from orders.books.verdicts import Check, Run, Tally

BATCH = 1_000
Key = tuple[str, str]  # table and id
_OF_ORDERS = """
SELECT e.event_id, e.changes FROM (
    SELECT id FROM journal_event WHERE subject = ANY(%(ids)s)
    UNION
    SELECT id FROM journal_event WHERE order_id = ANY(%(ids)s) AND order_id <> ''
        AND order_id <> subject
) n JOIN journal_event e ON e.id = n.id LEFT JOIN journal_feed f ON f.event_id = e.id
ORDER BY f.position NULLS LAST, e.id
"""
_NOBODYS = """NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.id = e.order_id)
    AND NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.id = e.subject)"""
_OF_NONE = f"""
SELECT e.event_id, e.changes FROM journal_event e LEFT JOIN journal_feed f ON f.event_id = e.id
WHERE {{organization:e}} AND {_NOBODYS}
ORDER BY f.position NULLS LAST, e.id
"""
_LAST = """
SELECT e.id, e.order_id, e.subject, e.changes FROM journal_event e
WHERE {organization:e} ORDER BY e.id DESC LIMIT %(last)s
"""
_ORDERS_OF_LAST = f"""
WITH last AS MATERIALIZED ({_LAST})
SELECT o.id FROM orders_order o
WHERE o.id IN (SELECT order_id FROM last UNION SELECT subject FROM last) ORDER BY o.id
"""
_ROWS_OF_LAST = f"SELECT e.changes FROM ({_LAST}) e WHERE {_NOBODYS}"


@dataclass(slots=True)
class Shadow:
    """Rows as the events say, and what they say that cannot be; `only` narrows which rows."""

    tally: Tally
    only: frozenset[Key] | None = None
    rows: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def play(self, event_id: str, changes: str) -> None:
        """Apply one event to the rows that it moves."""
        for table, key, columns in _read(changes):
            if self.only is None or (table, key) in self.only:
                self._move((table, key), columns, event_id)

    def _move(self, key: Key, columns: dict[str, Any], event_id: str) -> None:
        model, row = folding.models().get(key[0]), self.rows.get(key)
        if model is None:
            self.tally.differs(" ".join(key), f"{event_id} moves a row of no such table")
            return
        if row is None:
            row = self.rows[key] = {}
            if not columns:
                self.tally.differs(" ".join(key), f"{event_id} names it before any event made it")
        elif columns and not issubclass(model, LedgerRow):
            self.tally.differs(" ".join(key), f"{event_id} states it once more")
        if issubclass(model, LedgerRow):
            was, now = int(row.get("version", 0)), columns.get("version")
            if now != was + 1:
                what = f"{event_id} moves it to version {now}, but it is at {was}"
                self.tally.differs(" ".join(key), what)
        row.update(columns)

    def compare(self, table: str, live: dict[str, dict[str, Any]]) -> None:
        """Hold the shadow rows of one table against its live rows."""
        shadow = {key: row for (name, key), row in self.rows.items() if name == table}
        self.tally.looked_at += len(shadow.keys() | live.keys())
        for key in sorted(shadow.keys() - live.keys()):
            self.tally.differs(f"{table} {key}", "events made it, the table does not have it")
        for key in sorted(live.keys() - shadow.keys()):
            self.tally.differs(f"{table} {key}", "no event made it")
        for key in sorted(shadow.keys() & live.keys()):
            if what := _apart(table, live[key], shadow[key]):
                self.tally.differs(f"{table} {key}", what)


def check(*, last: int | None = None) -> Check:
    """The replay of everything, or of all that the `last` events have moved, from its beginning."""
    return Check(
        "shadow_replay",
        "The journal, played again from the start, makes the rows that the tables have.",
        lambda run: _replay(run, last),
    )


def _replay(run: Run, last: int | None) -> Tally:
    tally = Tally()
    sql = "SELECT count(*) FROM orders_order o WHERE {scope}"
    named = None if last is None else [key for (key,) in rows(run, _ORDERS_OF_LAST, last=last)]
    whole = rows(run, sql)[0][0] if named is None else len(named)
    found = _every(run) if named is None else iter(named)
    for n, part in enumerate(spread(run, lambda ids: _of_orders(run, ids), _batches(found)), 1):
        tally.absorb(part)
        run.tell(min(n * BATCH / max(whole, 1), 1.0))
    tally.absorb(_of_none(run, last))
    return tally


def _every(run: Run) -> Iterator[str]:
    sql = "SELECT o.id FROM orders_order o WHERE {scope} ORDER BY o.created_at, o.id"
    return (key for (key,) in stream(run, sql))


def _batches(found: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for key in found:
        batch.append(key)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _of_orders(run: Run, ids: list[str]) -> Tally:
    """Some orders with everything below them."""
    shadow = Shadow(Tally())
    for event_id, changes in rows(run, _OF_ORDERS, ids=ids):
        shadow.play(event_id, changes)
    strange = {table for table, _ in shadow.rows} - folding.rows_of_orders().keys()
    for table, where in folding.rows_of_orders().items():
        shadow.compare(table, _live(run, table, where, ids=ids))
    for table in sorted(strange):
        keys = [key for name, key in shadow.rows if name == table]
        shadow.compare(table, _live(run, table, "t.id = ANY(%(ids)s)", ids=keys))
    return shadow.tally


def _of_none(run: Run, last: int | None) -> Tally:
    """What belongs to no order: all of it, or what the last events have moved."""
    shadow = Shadow(Tally())
    if last is not None:
        moved = (_read(changes) for (changes,) in rows(run, _ROWS_OF_LAST, last=last))
        shadow.only = frozenset((table, key) for one in moved for table, key, _ in one)
    for event_id, changes in stream(run, _OF_NONE):
        shadow.play(event_id, changes)
    for table, where in folding.rows_of_none().items():
        if shadow.only is None:
            shadow.compare(table, _live(run, table, where))
        elif keys := [key for name, key in shadow.only if name == table]:
            shadow.compare(table, _live(run, table, "t.id = ANY(%(ids)s)", ids=keys))
    return shadow.tally


def _live(run: Run, table: str, where: str, **named: Any) -> dict[str, dict[str, Any]]:
    """The rows of a table as they are, by id, without columns that have no value."""
    sql = f"SELECT t.id, to_jsonb(t)::text FROM {table} t WHERE {where}"
    found = {}
    for key, text in rows(run, sql, **named):
        values = json.loads(text, parse_float=Decimal)
        found[key] = {name: value for name, value in values.items() if value is not None}
    return found


def _read(changes: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = json.loads(changes, parse_float=Decimal)
    return found


def _apart(table: str, live: dict[str, Any], shadow: dict[str, Any]) -> str:
    """The columns in which a live row is not what its events make it, in words."""
    plain, differs = _plain(table), list[str]()
    differs.extend(f"{name} is no column" for name in sorted(shadow.keys() - plain.keys()))
    # What the database itself computes from a row's columns is nobody's to state.
    for name in sorted(plain):
        ours, theirs = (
            None if side.get(name) is None else plain[name](side[name]) for side in (live, shadow)
        )
        if ours != theirs:
            differs.append(f"{name} is {ours}, by events {theirs}")
    return "; ".join(differs)


@cache
def _plain(table: str) -> dict[str, Callable[[Any], Any]]:
    """For each column: how a value is read, so that equal ones compare as equal."""
    found = dict[str, Callable[[Any], Any]]()
    for one in folding.models()[table]._meta.concrete_fields:
        name = str(one.column)
        if isinstance(one, models.DateTimeField):
            found[name] = datetime.fromisoformat
        elif isinstance(one, models.DecimalField):
            step = Decimal(1).scaleb(-(one.decimal_places or 0))
            found[name] = _to_step(step)
        else:
            found[name] = lambda value: value
    return found


def _to_step(step: Decimal) -> Callable[[Any], Any]:
    # As the column rounds: half away from zero.
    return lambda value: Decimal(value).quantize(step, ROUND_HALF_UP)
