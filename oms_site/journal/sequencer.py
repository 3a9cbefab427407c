"""Numbers what has been committed, links the chain, and only then tells everybody.

One process leads by an advisory lock; others wait for it. Writers never wait: they append events
and go on. An event counts from the moment it is visible, so what committed late is numbered late
and nothing is ever skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from django.db import connection

from oms_site.firm import libpq
from oms_site.journal import chain
from oms_site.journal.unit import CHANNEL
from oms_site.kit import clock

LOCK = 0x0E35_0001
_BATCH = 5_000
_LOOK_BACK = 50_000
_FORGET_SECONDS = 30.0

# Two branches and no OR: that would walk the whole index of everything that ever happened.
_FRESH = f"""
SELECT e.id, e.organization_id, e.msg_type, {chain.CONTENT_SQL}
FROM journal_event e WHERE e.id = ANY($1::bigint[])
UNION ALL
(SELECT e.id, e.organization_id, e.msg_type, {chain.CONTENT_SQL}
 FROM journal_event e WHERE e.id > $2::bigint ORDER BY e.id LIMIT {_BATCH})
ORDER BY 1
"""
_NUMBER = """
INSERT INTO journal_feed (organization_id, position, msg_number, event_id, link)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
"""
_TAILS = """
SELECT o.id, t.position, t.link, (SELECT max(msg_number) FROM journal_feed n
                                  WHERE n.organization_id = o.id)
FROM firm_organization o
JOIN LATERAL (SELECT position, link FROM journal_feed f WHERE f.organization_id = o.id
              ORDER BY position DESC LIMIT 1) t ON true
"""


@dataclass(slots=True)
class _Tail:
    position: int = 0
    link: bytes = chain.GENESIS
    number: int | None = None


@dataclass(slots=True)
class Sequencer:
    """The state of the leader: how far it is, and which ids below that are still open.

    `holes` are ids that were skipped when higher ones were already visible: their transactions
    were still running, or rolled back. Each is forgotten once no transaction of that time is left.
    """

    high: int = 0
    holes: dict[int, tuple[int, float]] = field(default_factory=dict)
    tails: dict[str, _Tail] = field(default_factory=dict)

    @classmethod
    def resume(cls) -> Sequencer:
        """Pick up where the last leader left off, whatever it was doing."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(event_id), 0) FROM journal_feed")
            high = int(cursor.fetchone()[0])
            low = max(high - _LOOK_BACK, 0)
            cursor.execute(
                "SELECT g FROM generate_series(%s::bigint, %s::bigint) g "
                "EXCEPT SELECT event_id FROM journal_feed WHERE event_id > %s",
                [low + 1, high, low],
            )
            missing = [int(row[0]) for row in cursor.fetchall()]
            cursor.execute(_TAILS)
            tails = {row[0]: _Tail(int(row[1]), bytes(row[2]), row[3]) for row in cursor.fetchall()}
        self = cls(high=high, tails=tails)
        self._note_holes(missing)
        return self

    def run_once(self) -> dict[str, int]:
        """Number everything visible. Returns the newest position per organization that moved."""
        moved: dict[str, int] = {}
        while True:
            rows = libpq.asked(_FRESH, [list(self.holes), self.high])
            if rows:
                today = clock.now().date()
                feed = [self._place(*row, today=today) for row in rows]
                libpq.written(_NUMBER, [list(column) for column in zip(*feed, strict=True)])
                moved.update({entry[0]: entry[1] for entry in feed})
            self._advance([int(row[0]) for row in rows])
            if len(rows) < _BATCH:
                return moved

    def _place(
        self, event: int, organization: str, msg_type: str, content: bytes, *, today: date
    ) -> tuple[Any, ...]:
        tail = self.tails.setdefault(organization, _Tail())
        tail.position += 1
        tail.link = chain.link(tail.link, bytes(content))
        number = None
        if msg_type != "internal":
            tail.number = number = chain.next_number(tail.number, today)
        return (organization, tail.position, number, event, tail.link)

    def _advance(self, numbered: Sequence[int]) -> None:
        for event in numbered:
            self.holes.pop(event, None)
        newest = max(numbered, default=self.high)
        if newest > self.high:
            present = set(numbered)
            self._note_holes([n for n in range(self.high + 1, newest) if n not in present])
            self.high = newest
        self._forget_dead_holes()

    def _note_holes(self, missing: Sequence[int]) -> None:
        if missing:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
                horizon = int(cursor.fetchone()[0])
            self.holes |= dict.fromkeys(missing, (horizon, clock.monotonic()))

    def _forget_dead_holes(self) -> None:
        old = clock.monotonic() - _FORGET_SECONDS
        if not any(noted < old for _, noted in self.holes.values()):
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            oldest = int(cursor.fetchone()[0])
            # Visible after all, though it was not at the look before: numbered next time.
            cursor.execute("SELECT id FROM journal_event WHERE id = ANY(%s)", [list(self.holes)])
            alive = {int(row[0]) for row in cursor.fetchall()}
        self.holes = {
            event: (horizon, noted)
            for event, (horizon, noted) in self.holes.items()
            if event in alive or horizon > oldest or noted >= old
        }


def lead(conninfo: dict[str, Any]) -> psycopg.Connection[Any]:
    """Wait until this process is the leader; the connection holds the lock and hears the bell."""
    bell = psycopg.connect(**conninfo, autocommit=True)
    bell.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    bell.execute(f"LISTEN {CHANNEL}")
    return bell


def wait(bell: psycopg.Connection[Any], *, seconds: float) -> None:
    """Sleep until something is written or the time is up; many bells count as one."""
    for _ in bell.notifies(timeout=seconds, stop_after=1):
        break
