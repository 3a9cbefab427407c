"""The price of a cross: the mid of what all venues show now, and the words that say so.

Only live books count, without orders of our own. One side alone, or a bid above an offer, gives no
price: then nothing crosses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from orders import sor
from orders.crossing.pairing import Pair
from orders.models import ExecutionOrder, Order
from orders.models.cross import VENUE
from orders.render import tidy
from venues.models import RoutingDecision
from venues.orderbook import Composite, Level
from venues.smart_routing import Decision, Score, Slice

_PLACES = Decimal("0.00000001")
NO_MARKET = ("no_fresh_market", "No live book shows both a bid and an offer.")
CROSSED_MARKET = ("market_crossed", "One venue bids more than another asks.")


@dataclass(frozen=True, slots=True)
class Market:
    """What the venues show, and the price that follows; without `price`, `why_not` it has none."""

    books: Composite
    price: Decimal | None
    why_not: tuple[str, str] | None = None

    @property
    def best(self) -> tuple[Level, Level]:
        """Best bid and offer; only where there is a price."""
        top = self.books.top()
        assert top.bid is not None
        assert top.ask is not None
        return top.bid, top.ask

    def words(self, pair: Pair) -> str:
        """Why this much crosses at this price."""
        assert self.price is not None
        bid, ask = self.best
        return (
            f"{pair.qty.normalize():,f} crossed inside at {tidy(self.price):f}, the mid of "
            f"{tidy(bid.px):f} bid at {bid.venue_id} and {tidy(ask.px):f} asked at {ask.venue_id},"
            " inside both limits; both sides passed their controls"
        )

    def decision(self, pair: Pair, row: ExecutionOrder, order: Order) -> RoutingDecision:
        """The row that keeps it for one side, with the quotes that were seen."""
        score = Score(
            VENUE,
            book="internal",
            best_px=self.price,
            net_px=self.price,
            scored_px=self.price,
            depth=pair.qty,
            take=pair.qty,
        )
        made = Decision((Slice(VENUE, pair.qty, pair.qty),), self.words(pair), (score,))
        return sor.kept(order, row, made, self.books, qty=pair.qty, kind="cross")


def market(books: Composite, *, at: datetime) -> Market:
    """The price of crosses by these books."""
    top = books.top()
    if top.is_crossed:
        return Market(books, None, CROSSED_MARKET)
    if top.mid is None or top.mid <= 0:
        return Market(books, None, NO_MARKET)
    return Market(books, top.mid.quantize(_PLACES))
