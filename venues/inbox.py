"""Reports as they came: stored raw, numbered, once; then applied strictly in their order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection

from oms_site.journal.statements import encode
from venues.models import Inbound

Verdict = tuple[int, str, str]  # inbox row, verdict, note


@dataclass(frozen=True, slots=True)
class Raw:
    """One report off the wire."""

    seq: int
    body: str


def store(venue_id: str, reports: Sequence[Raw], *, at: datetime) -> int:
    """Keep reports; one that is already there changes nothing. Returns how many were new."""
    if not reports:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO venues_inbound (venue_id, seq, body, received_at, verdict, note) "
            "SELECT %s, seq, body, %s, '', '' FROM json_to_recordset(%s::json) "
            "AS r (seq bigint, body text) ON CONFLICT (venue_id, seq) DO NOTHING",
            [venue_id, at, encode([{"seq": r.seq, "body": r.body} for r in reports])],
        )
        return int(cursor.rowcount)


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


def contiguous(venue_id: str, *, limit: int) -> list[Inbound]:
    """Unapplied reports up to the first hole, oldest first: a gap is never jumped over.

    One that is applied already is no gap: its neighbors were a part that failed elsewhere.
    """
    rows = list(Inbound.objects.filter(venue_id=venue_id, applied_at=None).order_by("seq")[:limit])
    if not rows:
        return []
    # Whatever stands before one that is applied has no hole: it begins at the first that is not.
    first, last = max(rows[0].seq - 1, 1), rows[-1].seq
    near = Inbound.objects.filter(venue_id=venue_id, seq__gte=first, seq__lte=last)
    stored = set(near.values_list("seq", flat=True))
    hole = next(seq for seq in itertools.count(first) if seq not in stored)
    return [row for row in rows if row.seq < hole]


def has_unapplied(venue_id: str) -> bool:
    """Whether a report waits behind a hole."""
    return Inbound.objects.filter(venue_id=venue_id, applied_at=None).exists()


def has(venue_id: str, seq: int) -> bool:
    """Whether the report of this number has been stored; number 0 is nothing to wait for."""
    return not seq or Inbound.objects.filter(venue_id=venue_id, seq=seq).exists()


def close(verdicts: Sequence[Verdict], *, at: datetime) -> None:
    """Account for reports, in the transaction that applied them.

    Raises `OperationalError` when another process has applied one of them: nothing of this
    transaction may be kept.
    """
    if not verdicts:
        return
    keys, words, notes = zip(*verdicts, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE venues_inbound i SET applied_at = %s, verdict = v.verdict, note = v.note "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS v (id, verdict, note) "
            "WHERE i.id = v.id AND i.applied_at IS NULL",
            [at, list(keys), list(words), [note[:200] for note in notes]],
        )
        if cursor.rowcount != len(keys):
            raise OperationalError("a report was applied by somebody else meanwhile")
