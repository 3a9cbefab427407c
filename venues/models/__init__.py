"""Tables of the market side."""

from venues.models.dealer import Dealer
from venues.models.instrument import Instrument, ReferencePrice
from venues.models.session import TradingDayRow
from venues.models.venue import Venue
from venues.models.wire import Inbound, Outbound

__all__ = [
    "Dealer",
    "Inbound",
    "Instrument",
    "Outbound",
    "ReferencePrice",
    "TradingDayRow",
    "Venue",
]
