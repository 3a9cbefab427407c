"""The market side's sandbox rows: instruments, calendars, venues, evaluated prices. Idempotent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from venues import calendar_source, catalog, certification, fix_seed, registry
from venues.calendar import Market
from venues.capabilities import CUSTODIAN
from venues.catalog import Listing, SecurityType
from venues.models import (
    Dealer,
    Instrument,
    ReferencePrice,
    TradingDayRow,
    Venue,
    VenueProfile,
)

_DEALERS = (
    ("DLR-SWIFT", "Swift Capital"),
    ("DLR-BROAD", "Broad Street Bank"),
    ("DLR-LOOK", "Lookout Securities"),
    ("DLR-FICKLE", "Fickle Partners"),
    ("DLR-SHY", "Shy Brothers"),
    ("DLR-MUTE", "Mute Markets"),
)
DESK = "LPLDESK"
MARKETS: tuple[Market, ...] = ("SIFMA", "NYSE")
_ASSET_CLASS = {
    SecurityType.NOTE: Instrument.AssetClass.TREASURY,
    SecurityType.BOND: Instrument.AssetClass.TREASURY,
    SecurityType.CORPORATE: Instrument.AssetClass.CORPORATE,
    SecurityType.MUNICIPAL: Instrument.AssetClass.MUNICIPAL,
    SecurityType.AGENCY: Instrument.AssetClass.AGENCY,
    SecurityType.EQUITY: Instrument.AssetClass.EQUITY,
}


def seed(*, at: datetime, years: tuple[int, int]) -> None:
    """Make what is missing; prices already known stay."""
    _instruments()
    _prices(at)
    _calendars(years)
    for venue_id, name, preference in (
        ("SIMA", "Simulated ATS A", 10),
        ("SIMB", "Simulated ATS B", 20),
    ):
        Venue.objects.get_or_create(
            id=venue_id, defaults={"name": name, "mpid": venue_id, "preference": preference}
        )
    _profiles()
    _dealers()
    Venue.objects.get_or_create(
        id="INTX",
        defaults={
            "name": "Internal crosses",
            "mpid": "INTX",
            "gateway": registry.INTERNAL,
            # Nothing is ever routed there: orders cross at the mid, or not at all.
            "ord_types": ["cross"],
            "protocols": ["internal_cross"],
            "preference": 200,
        },
    )
    Venue.objects.get_or_create(
        id=DESK,
        defaults={
            "name": "LPL Financial's desk",
            "mpid": DESK,
            "asset_classes": [Instrument.AssetClass.EQUITY.value],
            "ord_types": ["limit", "market"],
            # Nobody chooses it: its custodian is named.
            "protocols": [CUSTODIAN],
            "times_in_force": ["day"],
            "preference": 250,
        },
    )
    fix_seed.seed(at=at)
    ours = ("simulator", "fix", registry.INTERNAL)
    for venue in Venue.objects.filter(gateway__in=ours, certifications=None).order_by("id"):
        # The simulated venues pass the matrix in the tests of every release.
        certification.note(venue, [], began_at=at, ended_at=at, by="the release's own tests")
        certification.activate(venue)


def _profiles() -> None:
    """What the sandbox's venues cost and take, in price points: made up, and a little apart."""
    for venue_id, taker, maker, probability, latency_ms in (
        ("SIMA", "0.001", "0", "0.99", 5),
        ("SIMB", "0.002", "-0.0005", "0.97", 8),
    ):
        VenueProfile.objects.get_or_create(
            venue_id=venue_id,
            defaults={
                "taker_fee": Decimal(taker),
                "maker_fee": Decimal(maker),
                "fill_probability": Decimal(probability),
                "latency_ms": latency_ms,
            },
        )


def _dealers() -> None:
    """The quote venue takes inquiries only, and so no order is ever routed there by price."""
    Venue.objects.get_or_create(
        id="SIMQ",
        defaults={
            "name": "Simulated dealers",
            "mpid": "SIMQ",
            "ord_types": ["rfq"],
            "protocols": ["rfq"],
        },
    )
    for dealer_id, name in _DEALERS:
        Dealer.objects.get_or_create(id=dealer_id, defaults={"name": name, "venue_id": "SIMQ"})


def _instruments() -> None:
    known = set(Instrument.objects.values_list("cusip", flat=True))
    Instrument.objects.bulk_create(
        _instrument(listing) for listing in catalog.listings() if listing.cusip not in known
    )


def _instrument(listing: Listing) -> Instrument:
    asset_class = _ASSET_CLASS[listing.security_type]
    return Instrument(
        cusip=listing.cusip,
        isin=listing.isin,
        symbol=listing.symbol if asset_class == Instrument.AssetClass.EQUITY else "",
        description=listing.description,
        asset_class=asset_class,
        issuer=listing.issuer,
        sector=listing.sector,
        country=listing.country,
        rating=listing.rating or "",
        market="NYSE" if asset_class == Instrument.AssetClass.EQUITY else "SIFMA",
        issue_date=listing.issue_date,
        maturity_date=listing.maturity_date,
        coupon_percent=listing.coupon_percent,
        frequency=listing.frequency or 2,
        day_count=listing.day_count or "",
        min_denomination=listing.min_denomination,
        min_increment=listing.min_increment,
        illustrative=listing.illustrative,
    )


def _prices(at: datetime) -> None:
    ids = dict(Instrument.objects.values_list("cusip", "id"))
    known = set(ReferencePrice.objects.values_list("instrument_id", flat=True))
    ReferencePrice.objects.bulk_create(
        ReferencePrice(
            instrument_id=ids[listing.cusip],
            mid_px=listing.reference_price,
            source="evaluated",
            at=at,
        )
        for listing in catalog.listings()
        if ids[listing.cusip] not in known
    )


def _calendars(years: tuple[int, int]) -> None:
    if TradingDayRow.objects.exists():
        return
    TradingDayRow.objects.bulk_create(
        TradingDayRow(
            market=day.market,
            date=day.date,
            kind=day.kind,
            regular_open=day.regular_open,
            regular_close=day.regular_close,
            extended_open=day.extended_open,
            extended_close=day.extended_close,
        )
        for market in MARKETS
        for day in calendar_source.trading_days(
            market=market, first_year=years[0], last_year=years[1]
        )
    )
