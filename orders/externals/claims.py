"""Which desk an unknown order of a venue is laid before, from memory."""

from __future__ import annotations

from oms_site.firm.generation import Cached
from orders.breaks import HOUSE
from orders.models import DeskClaim


def find(venue_id: str, cl_ord_id: str) -> tuple[str, str]:
    """Organization and desk: the longest prefix that fits, else the house and no desk."""
    for prefix, organization_id, desk in _claims.get().get(venue_id, ()):
        if cl_ord_id.startswith(prefix):
            return organization_id, desk
    return HOUSE, ""


def _load() -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in DeskClaim.objects.filter(active=True).order_by("venue_id", "prefix"):
        found.setdefault(row.venue_id, []).append((row.prefix, row.organization_id, row.desk))
    return {venue: sorted(rows, key=lambda one: -len(one[0])) for venue, rows in found.items()}


_claims = Cached(_load)
