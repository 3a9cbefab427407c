"""Checks that are SQL: a statement that counts what is looked at, one that finds what differs.

Statements name orders `o` and say `{scope}` where the run's narrowing goes; a statement that looks
at other rows says `{organization:x}` for rows `x` with an organization.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from oms_site.kit import ids
from orders.books.verdicts import SHOWN_MOST, Check, Run, Tally
from orders.states import ORDER_TERMINAL, VENUE_TERMINAL

_ORGANIZATION = re.compile(r"\{organization:(\w+)\}")


def listed(words: Iterable[str]) -> str:
    """Our own constant words as an SQL list."""
    return "(" + ", ".join(f"'{word}'" for word in sorted(words)) + ")"


ENDED = listed(s.value for s in ORDER_TERMINAL)
VENUE_ENDED = listed(s.value for s in VENUE_TERMINAL)


@dataclass(frozen=True, slots=True)
class Question:
    """`looked` gives one number; `differs` gives rows of (key, what)."""

    looked: str
    differs: str


def check(name: str, proves: str, *questions: Question) -> Check:
    """A check made of SQL only."""
    return Check(name, proves, lambda run: ask(run, questions))


def ask(run: Run, questions: Sequence[Question], tally: Tally | None = None) -> Tally:
    """Put questions to the database and count the answers."""
    tally = tally or Tally()
    for n, one in enumerate(questions):
        ((looked,),) = rows(run, one.looked)
        tally.looked_at += int(looked)
        # Only the first are fetched; the window still counts them all.
        found = rows(
            run,
            "SELECT d.key, d.what, count(*) OVER () FROM (\n"
            f"{one.differs}\n) AS d (key, what) ORDER BY d.key, d.what LIMIT {SHOWN_MOST}",
        )
        for key, what, _ in found:
            tally.differs(str(key), str(what))
        tally.count += int(found[0][2]) - len(found) if found else 0
        run.tell((n + 1) / len(questions))
    return tally


def rows(run: Run, sql: str, **more: Any) -> list[tuple[Any, ...]]:
    """All rows of a statement, its scope filled in."""
    with connection.cursor() as cursor:
        cursor.execute(narrowed(run, sql), {**run.params, **more})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def stream(run: Run, sql: str, **more: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement in batches from the server: memory holds one batch."""
    size = 5_000
    name = ids.prefixed("books").lower()
    with connection.cursor() as cursor:
        cursor.execute(
            f'DECLARE "{name}" NO SCROLL CURSOR FOR {narrowed(run, sql)}', {**run.params, **more}
        )
        while True:
            cursor.execute(f'FETCH {size} FROM "{name}"')
            batch = cursor.fetchall()
            yield from batch
            if len(batch) < size:
                break
        cursor.execute(f'CLOSE "{name}"')


def narrowed(run: Run, sql: str) -> str:
    """A statement with the run's scope in it."""
    wheres = []
    if run.organization:
        wheres.append("o.organization_id = %(organization)s")
    if run.since is not None:
        wheres.append("o.created_at >= %(since)s")
    sql = sql.replace("{scope}", " AND ".join(wheres) or "true")
    own = r"\1.organization_id = %(organization)s" if run.organization else "true"
    return _ORGANIZATION.sub(own, sql)
