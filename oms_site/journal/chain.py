"""The hash chain and the message numbers: plain arithmetic, shared by sequencer and verifier."""

from __future__ import annotations

import hashlib
from datetime import date

GENESIS = b"\x00" * 32
_PER_DAY = 10**10

# What a link covers, as PostgreSQL computes it; the verifier reads it the same way.
CONTENT_SQL = (
    "sha256(convert_to(concat_ws('|', e.event_id, e.organization_id, e.event_type, e.subject,"
    " e.seq, extract(epoch from e.at)::text, e.actor, e.body, e.changes), 'UTF8'))"
)


def link(before: bytes, content: bytes) -> bytes:
    """The link of an event: the hash of the link before it and of its own content's hash."""
    return hashlib.sha256(before + content).digest()


def next_number(last: int | None, today: date) -> int:
    """The next `msg_number`: the UTC date and ten digits from 0000000000, never going back."""
    first = (today.year * 10_000 + today.month * 100 + today.day) * _PER_DAY
    return first if last is None or last < first else last + 1
