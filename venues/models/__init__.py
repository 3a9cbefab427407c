"""Tables of the market side."""

from venues.models.certification import Certification, VenueSymbol
from venues.models.dealer import Dealer
from venues.models.formats import (
    FixLine,
    FixMessage,
    FixNumbers,
    LineState,
    SecurityNotice,
    VenueExtension,
    VenueFormat,
)
from venues.models.instrument import Instrument, ReferencePrice
from venues.models.market import RoutingDecision, TopOfBook, VenueProfile
from venues.models.session import TradingDayRow
from venues.models.venue import Venue
from venues.models.wire import Inbound, Outbound

__all__ = [
    "Certification",
    "Dealer",
    "FixLine",
    "FixMessage",
    "FixNumbers",
    "Inbound",
    "Instrument",
    "LineState",
    "Outbound",
    "ReferencePrice",
    "RoutingDecision",
    "SecurityNotice",
    "TopOfBook",
    "TradingDayRow",
    "Venue",
    "VenueExtension",
    "VenueFormat",
    "VenueProfile",
    "VenueSymbol",
]
