"""The one door: a unit of work gathers changed rows and their events and writes them together.

    with unit.work(by=actor, at=now) as work:
        orders = work.lock(Order, ids)
        orders[id].cancel(at=now)
        work.record(orders[id], "cancel", msg_type=..., body={...})

Everything is written by a handful of set-based statements at the end, in one transaction. A ledger
row that changed without an event, or a stale version, fails the whole unit: a crash or a refusal
between any two statements leaves all or nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from django.db import connection, models, transaction
from psycopg import sql

from oms_site import later
from oms_site.journal import reading, statements
from oms_site.journal.actors import Actor
from oms_site.journal.models import Event, MsgType
from oms_site.journal.rows import LedgerFact, LedgerRow, QueueRow
from oms_site.kit import clock, expecting, ids

Row = TypeVar("Row", bound=LedgerRow)
CHANNEL = "oms_feed"


class StaleVersion(RuntimeError):
    """Another unit changed a row that this one had read without its lock."""


class UnrecordedChange(AssertionError):
    """A ledger row changed and no event says so."""


class Unit:
    """What one transaction will write. Made by `work`, never directly."""

    def __init__(self, *, by: Actor, at: datetime) -> None:
        self.by = by
        self.at = at
        # What this unit changes is one update: each of its events says so, in every view of it.
        self.update_id = ids.prefixed("up")
        # What rooms want to remember until this unit ends.
        self.notes: dict[str, Any] = {}
        self._new: dict[type[models.Model], list[models.Model]] = defaultdict(list)
        self._held: dict[tuple[type[LedgerRow], str], LedgerRow] = {}
        # The version and the values of `MUTABLE` as read, and as the last event left them.
        self._loaded: dict[tuple[type[LedgerRow], str], tuple[int, tuple[Any, ...]]] = {}
        self._seen: dict[int, tuple[Any, ...] | None] = {}
        self._events: list[Event] = []
        self._knocks: set[tuple[str, str]] = set()
        self._writes: list[statements.Guarded] = []

    # --- taking part -------------------------------------------------------------------------
    def lock(self, model: type[Row], keys: Iterable[str]) -> dict[str, Row]:
        """Lock rows in key order and return them by id; unknown ids are absent."""
        return {row.id: self.hold(row) for row in reading.locked(model, id=keys)}

    def hold(self, row: Row) -> Row:
        """Take part with a row this transaction has locked itself; once held, the same object."""
        key = (type(row), row.id)
        known = self._held.get(key)
        if known is not None:
            return known  # type: ignore[return-value]  # the key holds the type
        expecting.check(row.id, row.version)
        self._held[key] = row
        values = row.mutable()
        self._loaded[key] = (row.version, values)
        self._seen[id(row)] = values
        return row

    def add(self, *rows: models.Model) -> None:
        """Insert new rows at the end of the unit."""
        for row in rows:
            self._new[type(row)].append(row)
            if isinstance(row, LedgerRow | LedgerFact):
                self._seen[id(row)] = None

    def added(self, model: type[Any]) -> list[Any]:
        """New rows of a model that this unit will write and no query can see yet."""
        return list(self._new.get(model, ()))

    def record(
        self,
        subject: LedgerRow,
        event_type: str,
        *,
        body: Mapping[str, Any],
        msg_type: MsgType = MsgType.INTERNAL,
        order: msgspec.Raw | None = None,
        order_id: str = "",
        also: Iterable[LedgerRow | LedgerFact] = (),
        event_id: str = "",
        at: datetime | None = None,
        by: Actor | None = None,
    ) -> Event:
        """State one fact about `subject` and the rows that moved with it.

        `body` becomes the wire's `event` object, `order` its `order`. Every row named here gets
        its next version, and the event stores exactly the columns that changed.
        """
        moment = at or self.at
        by = by or self.by
        event_id = event_id or ids.prefixed("evt")
        changes = [self._delta(row) for row in (subject, *also)]
        frame: dict[str, Any] = {"msg_type": msg_type.value}
        if order is not None:
            frame["order"] = order
        frame["event"] = {"event_type": event_type, "time": moment, **body}
        frame["event_id"] = event_id
        frame["update_id"] = self.update_id
        event = statements.fresh(
            Event,
            event_id=event_id,
            organization_id=subject.organization_id,
            msg_type=msg_type.value,
            event_type=event_type,
            subject=subject.id,
            seq=subject.version,
            order_id=order_id,
            at=moment,
            recorded_at=moment,
            actor=by.name,
            correlation_id=by.correlation_id,
            body=statements.encode(frame),
            changes=statements.encode(changes),
        )
        self._events.append(event)
        return event

    def at_once(self, sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that moves many rows alike and writes their events itself, as they are.

        For thousands of rows whose change is the same. They must be locked by this transaction,
        be held by no unit, and the events must say exactly what `record` would. Returns its rows.
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found = list(cursor.fetchall())
        self.knock(CHANNEL)
        return found

    def write(self, sql: str, params: Sequence[Any], *, rows: int, otherwise: Exception) -> None:
        """Have a statement go with what this unit writes, after it; see `libpq.written_together`.

        When it writes another number of rows, the whole unit fails with `otherwise`.
        """
        self._writes.append(((sql, params), rows, otherwise))

    def knock(self, channel: str, whom: str = "") -> None:
        """Wake a process that listens on a channel once this unit has committed: a hint, as `ring`.

        `whom` is what it hears: which of its queues has something new, empty for all of them.
        """
        self._knocks.add((channel, whom))

    def ring(self, task: str) -> None:
        """Wake a worker once this unit has committed."""
        later.ring(task)

    # --- writing -----------------------------------------------------------------------------
    def _delta(self, row: LedgerRow | LedgerFact) -> list[Any]:
        seen = self._seen.get(id(row), ())
        if isinstance(row, LedgerFact):
            self._seen[id(row)] = ()
            return [row._meta.db_table, row.id, statements.columns(row) if seen is None else {}]
        row.version += 1
        now = row.mutable()
        self._seen[id(row)] = now
        if seen is None:
            return [row._meta.db_table, row.id, statements.columns(row)]
        return [row._meta.db_table, row.id, {**_moved(row, seen), "version": row.version}]

    def _refuse_unrecorded(self) -> None:
        for row in self._held.values():
            if row.mutable() != self._seen[id(row)]:
                raise UnrecordedChange(f"{row._meta.label} {row.id} changed without an event")
        for model, rows in self._new.items():
            if issubclass(model, QueueRow) or not issubclass(model, LedgerRow | LedgerFact):
                continue
            for fresh in rows:
                seen = self._seen[id(fresh)]
                if seen is None or (isinstance(fresh, LedgerRow) and fresh.mutable() != seen):
                    raise UnrecordedChange(f"{model._meta.label} {fresh.pk} has no event")

    def flush(self, *, commit: bool = False) -> None:
        """Write everything gathered so far. Called once, by `work`, at the end.

        With `commit`, the last message commits the transaction as well.
        """
        self._refuse_unrecorded()
        if self._events:
            self.knock(CHANNEL)
        if not (self._knocks or self._new or self._writes):
            return
        recorded_at = clock.now()
        for event in self._events:
            event.recorded_at = recorded_at
        last = [_knock(channel, whom) for channel, whom in sorted(self._knocks)]
        statements.write(
            list(self._new.items()),
            [*self._updates(), *self._writes],
            [(Event, self._events)],
            then=[*last, "COMMIT"] if commit else last,
        )

    def _updates(self) -> list[statements.Guarded]:
        return [
            (
                statements.updated(model, rows),
                len(rows),
                StaleVersion(f"{model._meta.label}: a row changed under this unit"),
            )
            for model, rows in self._changed().items()
        ]

    def _changed(self) -> dict[type[models.Model], list[dict[str, Any]]]:
        changed: dict[type[models.Model], list[dict[str, Any]]] = defaultdict(list)
        for (model, key), row in self._held.items():
            was_version, loaded = self._loaded[(model, key)]
            if row.version == was_version:
                continue
            changed[model].append(
                {
                    "id": key,
                    "was_version": was_version,
                    "version": row.version,
                    **_moved(row, loaded),
                }
            )
        return changed


@contextmanager
def work(*, by: Actor, at: datetime) -> Iterator[Unit]:
    """Open a unit of work: one transaction, written as a whole when the block ends well."""
    with transaction.atomic():
        unit = Unit(by=by, at=at)
        yield unit
        # Nothing follows in this transaction: it ends with the message that writes the last rows.
        unit.flush(commit=not connection.savepoint_ids)


def _moved(row: LedgerRow, seen: tuple[Any, ...]) -> dict[str, Any]:
    """What is another value now; of a row never seen, all that has one."""
    before = seen or (None,) * len(row.MUTABLE)
    pairs = zip(row.MUTABLE, before, row.mutable(), strict=True)
    return {name: now for name, was, now in pairs if was != now}


def _knock(channel: str, whom: str) -> str:
    return f"SELECT pg_notify({sql.quote(channel)}, {sql.quote(whom)})"
