"""Dealers from memory, as those who ask for quotes want them."""

from __future__ import annotations

from dataclasses import dataclass

from oms_site.firm.generation import Cached
from venues.models import Dealer


@dataclass(frozen=True, slots=True)
class DealerFacts:
    """Who can be asked, and through which venue."""

    id: str
    name: str
    venue_id: str
    status: str
    asset_classes: frozenset[str]

    def quotes(self, asset_class: str) -> bool:
        """Whether it can be asked about an asset class at all."""
        fits = not self.asset_classes or asset_class in self.asset_classes
        return fits and self.status == Dealer.Status.ACTIVE


def _load() -> dict[str, DealerFacts]:
    return {
        row.id: DealerFacts(
            row.id, row.name, row.venue_id, row.status, frozenset(row.asset_classes)
        )
        for row in Dealer.objects.filter(venue__status="active").order_by("id")
    }


_dealers = Cached(_load)


def every() -> list[DealerFacts]:
    """All dealers of active venues, by id."""
    return list(_dealers.get().values())


def find(dealer_id: str) -> DealerFacts | None:
    """One dealer; None for an unknown one, and for one whose venue is suspended."""
    return _dealers.get().get(dealer_id)
