"""The shapes of market data for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import decimal, moment, shape, text

_NAMES: dict[str, Any] = {
    "instrument_id": s.CharField(help_text="CUSIP"),
    "isin": s.CharField(),
    "name": s.CharField(),
    "as_of": s.DateTimeField(),
}
_LEVEL: dict[str, Any] = {
    "price": decimal(),
    "size": decimal(help_text="par, or shares"),
    "orders": s.IntegerField(),
    "venue_id": s.CharField(),
    "min_size": decimal(help_text="a trade takes at least this"),
    "min_increment": decimal(help_text="in steps of this"),
    "min_balance_remaining": decimal(help_text="and leaves nothing or at least this"),
}
_VENUE: dict[str, Any] = {
    "venue_id": s.CharField(),
    "venue_mpid": s.CharField(),
    "state": s.ChoiceField(["live", "stale"]),
    "reason": s.CharField(help_text="why it is stale"),
    "rpt_seq": s.IntegerField(),
    "heard_at": s.DateTimeField(),
}
Level = shape("MarketLevel", **_LEVEL)
BestLevel = shape("MarketBest", **_LEVEL, yield_to_maturity=decimal(allow_null=True))
Trade = shape(
    "MarketTrade",
    price=decimal(),
    size=decimal(),
    venue_id=s.CharField(),
    executed_at=s.DateTimeField(),
)
_VOLUME: dict[str, Any] = {
    "state": s.ChoiceField(["live", "stale"], help_text="live while any venue's tape is"),
    "day": s.DateField(help_text="New York"),
    "day_volume": decimal(help_text="par or shares, by the live tapes"),
    "window_seconds": s.IntegerField(),
    "window_volume": decimal(),
    "venues": shape(
        "MarketVenueVolume",
        venue_id=s.CharField(),
        state=s.ChoiceField(["live", "stale"]),
        reason=s.CharField(help_text="why it is stale"),
        rpt_seq=s.IntegerField(),
        heard_at=s.DateTimeField(),
        day_volume=decimal(),
        window_volume=decimal(),
    )(many=True),
}
_TOP: dict[str, Any] = {
    **_NAMES,
    "level": s.IntegerField(),
    "state": s.ChoiceField(["live", "stale"], help_text="live while any venue's book is"),
    "stale": s.BooleanField(),
    "bid": BestLevel(allow_null=True),
    "ask": BestLevel(allow_null=True),
    "mid": decimal(allow_null=True),
    "crossed": s.BooleanField(),
    "last_trade": Trade(allow_null=True),
    "volume": shape("MarketVolume", **_VOLUME)(),
    "venues": s.ListField(child=shape("MarketVenue", **_VENUE)()),
}
Market = shape(
    "Market",
    **_TOP,
    quotes=s.ListField(
        child=shape(
            "MarketQuote", **_VENUE, bid=Level(allow_null=True), ask=Level(allow_null=True)
        )()
    ),
    reference=shape(
        "MarketReference",
        price=decimal(),
        bid=decimal(allow_null=True),
        ask=decimal(allow_null=True),
        source=s.CharField(),
        crossed=s.BooleanField(),
        at=s.DateTimeField(),
    )(allow_null=True),
)
_ROW = shape(
    "MarketRow",
    **{**_LEVEL, "orders": s.IntegerField(required=False)},
    order_id=s.CharField(required=False, help_text="level 3"),
    cl_ord_id=text(help_text="level 3, where the order is yours"),
    position=s.IntegerField(required=False, help_text="level 3: place in the queue, from 1"),
    ahead=decimal(required=False, help_text="level 3: what stands before it at its price"),
)
Book = shape("MarketBook", **_TOP, bids=_ROW(many=True), asks=_ROW(many=True))
LastTrade = shape("MarketLastTrade", **_NAMES, last_trade=Trade(allow_null=True))
Tape = shape(
    "MarketTape",
    **_NAMES,
    last_trade=Trade(allow_null=True),
    **_VOLUME,
    trades=shape(
        "MarketPrint",
        price=decimal(),
        size=decimal(),
        venue_id=s.CharField(),
        executed_at=s.DateTimeField(),
        trade_id=s.CharField(),
        rpt_seq=s.IntegerField(help_text="its number on the tape of its venue"),
    )(many=True),
)
Estimate = shape(
    "MarketEstimate",
    **_NAMES,
    side=s.ChoiceField(["buy", "sell"]),
    quantity=decimal(),
    fillable=decimal(),
    average_price=decimal(allow_null=True),
    worst_price=decimal(allow_null=True),
    levels=s.IntegerField(),
    mid=decimal(allow_null=True),
    slippage=decimal(allow_null=True, help_text="from the mid, worse is more"),
)
_SLICE = shape("RoutingSlice", venue_id=s.CharField(), qty=decimal(), take=decimal())
_SCORE = shape(
    "RoutingScore",
    venue_id=s.CharField(),
    why_not=s.CharField(),
    book=s.CharField(),
    best_px=decimal(allow_null=True),
    net_px=decimal(allow_null=True),
    scored_px=decimal(allow_null=True),
    depth=decimal(),
    take=decimal(),
    rest=decimal(),
)
RoutingDecisions = shape(
    "RoutingDecisions",
    order_id=s.CharField(),
    decisions=shape(
        "RoutingDecision",
        id=s.CharField(),
        execution_order_id=s.CharField(),
        kind=s.ChoiceField(["route", "reroute"]),
        quantity=decimal(),
        limit_price=decimal(allow_null=True),
        reason=s.CharField(),
        slices=_SLICE(many=True),
        scores=_SCORE(many=True),
        quotes=s.JSONField(help_text="the books as they counted, five levels a side"),
        decided_at=moment(),
    )(many=True),
)
