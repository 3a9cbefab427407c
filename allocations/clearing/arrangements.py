"""Who clears what, from memory."""

from __future__ import annotations

from dataclasses import dataclass

from allocations.models import ClearingArrangement, ClearingParty
from oms_site.firm.generation import Cached


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What is known of a clearing party."""

    id: str
    name: str
    role: str
    adapter: str
    active: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """A party that clears a class for an organization, and the organization's number there."""

    party_id: str
    member: str


def find(organization_id: str, asset_class: str) -> tuple[Seat, ...]:
    """Everybody who is to be told of such a trade, by id; nobody if it is settled bilaterally."""
    return _seats.get().get((organization_id, asset_class), ())


def party(party_id: str) -> PartyFacts | None:
    """A party by its id."""
    return _parties.get().get(party_id)


def _load_seats() -> dict[tuple[str, str], tuple[Seat, ...]]:
    rows = ClearingArrangement.objects.filter(active=True, party__active=True)
    found: dict[tuple[str, str], tuple[Seat, ...]] = {}
    for row in rows.order_by("party_id"):
        key = (row.organization_id, row.asset_class)
        found[key] = (*found.get(key, ()), Seat(row.party_id, row.member))
    return found


def _load_parties() -> dict[str, PartyFacts]:
    return {
        row.id: PartyFacts(row.id, row.name, row.role, row.adapter, row.active)
        for row in ClearingParty.objects.order_by("id")
    }


_seats = Cached(_load_seats)
_parties = Cached(_load_parties)
