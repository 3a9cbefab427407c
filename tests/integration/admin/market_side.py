"""One row of each model of how venues are spoken to and who clears, for the pages' tests."""

from __future__ import annotations

from django.db.models import Model

from allocations.models import (
    ClearingArrangement,
    ClearingParty,
    MatchingRoute,
    MatchingService,
)
from orders.models import DeskClaim
from tests import factories
from tests.factories import AT
from venues.models import FixLine, FixMessage, FixNumbers, SecurityNotice, Venue, VenueFormat

DAY = AT.date()


def of_all(venue: Venue) -> list[Model]:
    """Rows that belong to no organization."""
    name = f"FIX-{venue.id}"
    return [
        _format(venue),
        FixLine.objects.get_or_create(
            session=name,
            defaults={
                "venue": venue,
                "sender_comp_id": "US",
                "target_comp_id": name,
                "addresses": ["127.0.0.1:9"],
            },
        )[0],
        FixNumbers.objects.get_or_create(session=name, defaults={"began_on": DAY})[0],
        FixMessage.objects.get_or_create(
            session=name,
            epoch=1,
            way="o",
            seq=1,
            defaults={"msg_type": "A", "raw": "8=FIX.4.4\x0135=A\x01", "at": AT},
        )[0],
        SecurityNotice.objects.create(
            venue=venue, security_id="912810TL2", trading_status=2, said_at=AT
        ),
        _party(),
        _service(),
    ]


def of_one(of: str, venue: Venue) -> list[Model]:
    """Rows of an organization."""
    return [
        ClearingArrangement.objects.create(
            organization_id=of, asset_class="treasury", party=_party(), member="0001"
        ),
        DeskClaim.objects.create(organization_id=of, venue=venue, prefix=f"{of}-", desk="rates"),
        MatchingRoute.objects.create(organization_id=of, name="all", service=_service()),
    ]


def _format(venue: Venue) -> VenueFormat:
    known = VenueFormat.objects.filter(venue=venue).order_by("version").first()
    if known is not None:
        return known
    maker = factories.user("format-maker", of="alpha", role="admin")
    made = {"content": {}, "reason": "a test", "proposed_by": maker, "proposed_at": AT}
    return VenueFormat.objects.create(venue=venue, version=1, **made)


def _service() -> MatchingService:
    made = {"name": "Test Matching", "adapter": "simulated"}
    return MatchingService.objects.get_or_create(id="svc_test", defaults=made)[0]


def _party() -> ClearingParty:
    return ClearingParty.objects.get_or_create(
        id="clr_test", defaults={"name": "Test Clearing", "role": "ccp"}
    )[0]
