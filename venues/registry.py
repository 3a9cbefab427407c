"""Venues from memory, as routing wants them."""

from __future__ import annotations

from oms_site.firm.generation import Cached
from venues.models import Venue
from venues.smart_routing import VenueFacts


def _load() -> dict[str, VenueFacts]:
    return {
        row.id: VenueFacts(
            row.id,
            row.name,
            row.mpid,
            row.status,
            frozenset(row.asset_classes),
            frozenset(row.ord_types),
            row.preference,
        )
        for row in Venue.objects.all()
    }


_venues = Cached(_load)


def every() -> list[VenueFacts]:
    """All venues."""
    return list(_venues.get().values())


def find(venue_id: str) -> VenueFacts | None:
    """One venue by id or MPID."""
    held = _venues.get()
    return held.get(venue_id) or next((v for v in held.values() if v.mpid == venue_id), None)
