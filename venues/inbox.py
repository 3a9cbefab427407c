"""Reports as they came: stored raw, numbered, once; then applied strictly in their order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from django.db import OperationalError, connection

from oms_site.firm import libpq
from oms_site.journal.statements import encode
from oms_site.journal.unit import Unit
from venues.models import Inbound

_STORE = """
INSERT INTO venues_inbound (venue_id, seq, body, received_at, verdict, note)
SELECT $1::text, seq, body, $2::timestamptz, '', ''
FROM json_to_recordset($3::json) AS r (seq bigint, body text)
ON CONFLICT (venue_id, seq) DO NOTHING RETURNING id, seq
"""
_UNAPPLIED = """
SELECT id, seq, body, received_at FROM venues_inbound
WHERE venue_id = $1::text AND seq > $2::bigint AND applied_at IS NULL ORDER BY seq LIMIT $3::int
"""
# By key: put plainly, the index of all that has waited since the last vacuum would be read.
_CLOSE = """
UPDATE venues_inbound i SET applied_at = $1::timestamptz, verdict = v.verdict, note = v.note
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS v (id, verdict, note)
WHERE i.id = v.id AND coalesce(i.applied_at, 'infinity') = 'infinity'
"""
Verdict = tuple[int, str, str]  # inbox row, verdict, note


@dataclass(frozen=True, slots=True)
class Raw:
    """One report off the wire."""

    seq: int
    body: str


class Stored(NamedTuple):
    """One report as it is kept, with the key of its row."""

    pk: int
    seq: int
    body: str
    received_at: datetime


def store(venue_id: str, reports: Sequence[Raw], *, at: datetime) -> list[Stored]:
    """Keep reports; one that is already there changes nothing. Returns the new ones in order."""
    if not reports:
        return []
    bodies = {r.seq: r.body for r in reversed(reports)}
    told = encode([{"seq": seq, "body": body} for seq, body in bodies.items()])
    rows = libpq.asked(_STORE, [venue_id, at, told])
    kept = [Stored(pk, seq, bodies[seq], at) for pk, seq in rows]
    return sorted(kept, key=attrgetter("seq"))


def next_seq(venue_id: str) -> int:
    """The first number not stored yet: what a session asks the venue to continue from.

    It is the start of the first hole, so that a report lost on the way is asked for again.
    """
    if not Inbound.objects.filter(venue_id=venue_id, seq=1).exists():
        return 1
    # None is applied that stands behind a hole: what was applied last has none before it.
    applied = Inbound.objects.filter(venue_id=venue_id, applied_at__isnull=False)
    last = applied.order_by("-seq").values_list("seq", flat=True).first() or 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.seq + 1 FROM venues_inbound i WHERE i.venue_id = %s AND i.seq >= %s AND "
            "NOT EXISTS (SELECT 1 FROM venues_inbound n "
            "WHERE n.venue_id = i.venue_id AND n.seq = i.seq + 1) ORDER BY i.seq LIMIT 1",
            [venue_id, last],
        )
        row = cursor.fetchone()
    return int(row[0])


def contiguous(venue_id: str, *, limit: int, after: int = 0) -> list[Stored]:
    """Unapplied reports up to the first hole, oldest first: a gap is never jumped over.

    Those up to number `after` are on their way already. One that is applied is no gap: its
    neighbors were a part that failed elsewhere.
    """
    rows = [Stored(*row) for row in libpq.asked(_UNAPPLIED, [venue_id, after, limit])]
    if not rows:
        return []
    # Whatever stands before one that is applied has no hole: it begins at the first that is not.
    first, last = max(rows[0].seq - 1, after, 1), rows[-1].seq
    if after and last - after == len(rows):
        return rows
    near = Inbound.objects.filter(venue_id=venue_id, seq__gte=first, seq__lte=last)
    stored = set(near.values_list("seq", flat=True))
    hole = next(seq for seq in itertools.count(first) if seq not in stored)
    return [row for row in rows if row.seq < hole]


def has_unapplied(venue_id: str, *, after: int = 0) -> bool:
    """Whether a report behind number `after` waits behind a hole."""
    waiting = Inbound.objects.filter(venue_id=venue_id, seq__gt=after, applied_at=None)
    return waiting.exists()


def has(venue_id: str, seq: int) -> bool:
    """Whether the report of this number has been stored; number 0 is nothing to wait for."""
    return not seq or Inbound.objects.filter(venue_id=venue_id, seq=seq).exists()


def close(work: Unit, verdicts: Sequence[Verdict], *, at: datetime) -> None:
    """Account for reports, in the transaction that applied them.

    Raises `OperationalError` at its end when another process has applied one of them: nothing of
    this transaction may be kept.
    """
    if verdicts:
        keys, words, notes = zip(*verdicts, strict=True)
        told = [at, list(keys), list(words), [note[:200] for note in notes]]
        theirs = OperationalError("a report was applied by somebody else meanwhile")
        work.write(_CLOSE, told, rows=len(keys), otherwise=theirs)
