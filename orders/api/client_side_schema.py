"""Shapes of the operations API for clearing, external orders and the valuation feed."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import shape, text


def _qty() -> s.DecimalField:
    return s.DecimalField(max_digits=20, decimal_places=6)


def _price() -> s.DecimalField:
    return s.DecimalField(max_digits=18, decimal_places=8)


Clearing = shape(
    "ClearingReport",
    clearing_id=s.CharField(help_text="TradeReportID(571)"),
    party_id=s.CharField(),
    member=s.CharField(),
    execution_id=s.CharField(),
    order_id=s.CharField(),
    trans_type=s.ChoiceField(["new", "cancel", "replace"], help_text="TradeReportTransType(487)"),
    refers_to=text(),
    cusip=s.CharField(),
    side=s.ChoiceField(["buy", "sell"]),
    amount=_qty(),
    price=_price(),
    net_money=s.DecimalField(max_digits=20, decimal_places=2),
    currency=s.CharField(),
    counterparty=text(),
    venue=s.CharField(),
    trade_date=s.DateField(),
    settlement_date=s.DateField(),
    status=s.ChoiceField(["pending", "accepted", "rejected", "dropped"]),
    ref=text(),
    attempts=s.IntegerField(),
    code=text(),
    reason=text(),
    created_at=s.DateTimeField(),
    answered_at=s.DateTimeField(allow_null=True),
    next_step=s.CharField(),
)
ClearingPage = shape(
    "ClearingPage", reports=Clearing(many=True), next_cursor=text(), has_more=s.BooleanField()
)
ClearingResend = shape("ClearingResend", ids=s.ListField(child=s.CharField()))
ClearingResent = shape(
    "ClearingResent",
    results=shape(
        "ClearingOutcome",
        id=s.CharField(),
        outcome=s.ChoiceField(["queued", "refused"]),
        code=s.CharField(),
        message=s.CharField(),
    )(many=True),
)
ExternalFill = shape(
    "ExternalFill",
    venue_execution_id=s.CharField(),
    amount=_qty(),
    price=_price(),
    trade_date=s.DateField(),
    executed_at=s.DateTimeField(),
)
ExternalOrder = shape(
    "ExternalOrder",
    external_order_id=s.CharField(),
    version=s.IntegerField(),
    venue_id=s.CharField(),
    cl_ord_id=s.CharField(),
    venue_order_id=text(),
    desk=text(),
    security_id=s.CharField(),
    description=text(),
    side=s.ChoiceField(["buy", "sell"]),
    order_amount=_qty(),
    filled_amount=_qty(),
    status=s.ChoiceField(["suspense", "proposed", "adopted", "disowned"]),
    created_at=s.DateTimeField(),
    last_report_at=s.DateTimeField(),
    order_id=text(),
    execution_order_id=text(),
    disowns=s.BooleanField(),
    reason=text(),
    proposed_by=text(),
    proposed_by_id=s.IntegerField(allow_null=True),
    decided_at=s.DateTimeField(allow_null=True),
    next_step=s.CharField(),
    fills=ExternalFill(many=True),
)
ExternalOrders = shape("ExternalOrders", external_orders=ExternalOrder(many=True))
ExternalStep = shape(
    "ExternalStep",
    execution_order_id=text(),
    reason=text(),
    version=s.IntegerField(required=False, allow_null=True),
)
Feed = shape(
    "FeedEndpoint",
    endpoint_id=s.CharField(),
    name=s.CharField(),
    url=s.CharField(),
    active=s.BooleanField(),
    secret_version=s.IntegerField(),
    created_at=s.DateTimeField(),
    created_by=s.CharField(),
    waiting=s.IntegerField(),
    dead=s.IntegerField(),
    delivered=s.IntegerField(),
    last_delivered_at=s.DateTimeField(allow_null=True),
    oldest_waiting_at=s.DateTimeField(allow_null=True),
)
Feeds = shape("FeedEndpoints", endpoints=Feed(many=True))
FeedRegister = shape("FeedRegister", name=s.CharField(), url=s.CharField())
FeedSecret = shape("FeedSecret", endpoint_id=s.CharField(), secret=s.CharField())
FeedRedeliver = shape(
    "FeedRedeliver", numbers=s.ListField(child=s.IntegerField(), required=False, allow_null=True)
)
FeedAnswer = shape("FeedAnswer", endpoint_id=s.CharField(), secret=text())
FeedQueued = shape(
    "FeedQueued",
    endpoint_id=s.CharField(),
    queued=s.ListField(child=s.IntegerField()),
)
FeedDelivery = shape(
    "FeedDelivery",
    delivery_id=s.CharField(),
    number=s.IntegerField(),
    endpoint_id=s.CharField(),
    endpoint=s.CharField(),
    account_id=s.CharField(),
    account_code=s.CharField(),
    movement_id=s.CharField(),
    state=s.ChoiceField(["waiting", "retrying", "delivered", "dead"]),
    attempts=s.IntegerField(),
    status_code=s.IntegerField(allow_null=True),
    error=text(),
    queued_at=s.DateTimeField(),
    due_at=s.DateTimeField(allow_null=True),
    delivered_at=s.DateTimeField(allow_null=True),
    dead_at=s.DateTimeField(allow_null=True),
)
FeedDeliveries = shape(
    "FeedDeliveries",
    deliveries=FeedDelivery(many=True),
    next_cursor=text(),
    has_more=s.BooleanField(),
)
