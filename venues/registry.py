"""Venues from memory, as routing wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from oms_site.firm.generation import Cached
from venues.capabilities import CUSTODIAN, Capabilities
from venues.models import Venue, VenueProfile, VenueSymbol
from venues.smart_routing import VenueFacts

INTERNAL = "internal"
_TAKES = ("min_qty", "max_qty", "qty_increment", "opens_at", "closes_at", "cutoff_at")


def _load() -> dict[str, VenueFacts]:
    profiles = {profile.venue_id: profile for profile in VenueProfile.objects.all()}
    return {
        row.id: VenueFacts(
            row.id,
            row.name,
            row.mpid,
            row.status,
            frozenset(row.asset_classes),
            frozenset(row.ord_types),
            row.preference,
            # Others cancel and begin anew.
            replaces=row.amends == Venue.Amends.REPLACE,
            internal=row.gateway == INTERNAL,
            desk=CUSTODIAN in row.protocols,
            capabilities=_capabilities(row),
            **_costs(profiles.get(row.id)),
        )
        for row in Venue.objects.all()
    }


def _capabilities(row: Venue) -> Capabilities:
    return Capabilities(
        protocols=frozenset(row.protocols),
        times_in_force=frozenset(row.times_in_force),
        refuses=frozenset(row.template.get("refuses", ())),
        **{name: getattr(row, name) for name in _TAKES},
    )


def _costs(profile: VenueProfile | None) -> dict[str, Any]:
    """What trading there costs and takes; a venue without a profile costs nothing."""
    if profile is None:
        return {}
    return {
        name: getattr(profile, name)
        for name in (
            *("taker_fee", "maker_fee", "fill_probability", "latency_ms"),
            *("is_dark", "dark_min_size"),
        )
    }


def _load_symbols() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    rows = VenueSymbol.objects.values_list("venue_id", "instrument__cusip", "symbol")
    for venue_id, cusip, symbol in rows:
        found[venue_id][cusip] = symbol
    return found


_venues = Cached(_load)
_symbols = Cached(_load_symbols)


def every() -> list[VenueFacts]:
    """All venues."""
    return list(_venues.get().values())


def find(venue_id: str) -> VenueFacts | None:
    """One venue by id or MPID."""
    held = _venues.get()
    return held.get(venue_id) or next((v for v in held.values() if v.mpid == venue_id), None)


def symbols(venue_id: str) -> Mapping[str, str]:
    """What a venue calls instruments, by CUSIP; absent where it uses the CUSIP itself."""
    return _symbols.get().get(venue_id, {})


def find_cusip(venue_id: str, symbol: str) -> str:
    """The CUSIP that a venue means by a symbol: the symbol itself where nothing else is agreed."""
    return next((c for c, name in symbols(venue_id).items() if name == symbol), symbol)
