"""Differences that are no question any more: two people have said that it is as it should be.

Asked before breaks are opened. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence

from orders.models import Break
from orders.reconciling.differences import Difference, storable


def key_at(party: str, key: str) -> str:
    """The key of a difference with one party, as its break keeps it."""
    return storable(f"{party}/{key}"[:120] if party else key)


def without(found: Sequence[Difference], *, party: str) -> list[Difference]:
    """The differences without those that two people have accepted as they stand now.

    Comparing again finds what was accepted again, as nothing is edited: it opens no second break
    until either side says something else.
    """
    if not found:
        return []
    closed = Break.objects.filter(
        key__in={key_at(party, one.key) for one in found},
        kind__in={one.kind[:32] for one in found},
        reason_code=Break.Reason.ACCEPTED,
        closed_at__isnull=False,
    ).order_by("closed_at", "id")
    said = {(row.organization_id, row.kind, row.key): row.evidence for row in closed}

    def is_explained(one: Difference) -> bool:
        known = said.get((one.organization_id, one.kind[:32], key_at(party, one.key)))
        sides = ("ours", "theirs")
        return known is not None and all(known.get(n) == one.evidence[n] for n in sides)

    return [one for one in found if not is_explained(one)]
