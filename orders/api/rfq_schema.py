"""The shapes of requests for quotes for the OpenAPI document; the reading is `rfq_intake`'s."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import Error, decimal, moment, shape, text
from orders.api.schema import Amount, ExecutionOrder, Fee
from orders.states import QuoteState, RfqStatus, RoundState

_asked = {
    "dealers": s.ListField(child=s.CharField(), required=False, help_text="all that fit"),
    "bidding": s.ChoiceField(["asap", "bin"], default="asap"),
    "due_time": s.DateTimeField(required=False, help_text="bin bidding only"),
}
RfqRequest = shape(
    "RfqRequest",
    order_id=s.CharField(),
    amount=Amount(required=False),
    expire_time=s.DateTimeField(required=False),
    client_rfq_id=text(max_length=80),
    **_asked,
)
Quote = shape(
    "Quote",
    price_layers=shape(
        "PriceLayers", street=decimal(), introducing_broker=decimal(), user=decimal()
    )(required=False, allow_null=True, help_text="only with the entitlement price.layers"),
    id=s.CharField(),
    rfq_id=s.CharField(),
    dealer_id=s.CharField(),
    dealer=s.CharField(),
    round=s.IntegerField(),
    price=decimal(allow_null=True),
    amount=Amount(),
    valid_until=moment(),
    status=s.ChoiceField([str(state) for state in QuoteState]),
    counter_price=decimal(allow_null=True),
    rank=s.IntegerField(allow_null=True),
    received_at=s.DateTimeField(),
    reason=text(),
)
Negotiation = shape(
    "Negotiation",
    id=s.CharField(),
    dealer_id=s.CharField(),
    round=s.IntegerField(),
    quote_id=s.CharField(),
    price=decimal(),
    outcome=s.ChoiceField([str(state) for state in RoundState]),
    answer_quote_id=text(),
    asked_at=s.DateTimeField(),
    answered_at=moment(),
    reason=text(),
)
Rfq = shape(
    "Rfq",
    id=s.CharField(),
    rfq_id=s.CharField(),
    order_id=s.CharField(),
    execution_order_id=text(),
    client_rfq_id=text(),
    list_rfq_id=text(),
    amount=Amount(),
    bidding=s.ChoiceField(["asap", "bin"]),
    dealers=s.ListField(child=s.CharField()),
    due_time=s.DateTimeField(),
    expire_time=s.DateTimeField(),
    status=s.ChoiceField([str(status) for status in RfqStatus]),
    created_at=s.DateTimeField(),
    closed_at=moment(),
    reason=text(),
    quotes=s.ListField(child=Quote()),
    negotiations=s.ListField(child=Negotiation()),
)
DecisionPage = shape(
    "DecisionPage",
    decisions=s.ListField(
        child=shape(
            "Decision",
            at=s.DateTimeField(),
            outcome=s.ChoiceField(["waited", "hit", "refused", "executed", "left"]),
            reason=text(),
            quote_id=text(),
            words=s.ListField(child=s.CharField()),
            seen=s.ListField(child=s.DictField()),
            actor=s.CharField(),
        )()
    ),
)
RfqPage = shape("RfqPage", rfqs=s.ListField(child=Rfq()))
RfqCancelAnswer = shape(
    "RfqCancelAnswer",
    rfq_id=s.CharField(),
    cancel_request_id=s.CharField(),
    outcome=s.ChoiceField(["canceled", "refused"]),
    code=s.IntegerField(required=False),
    reason=s.CharField(required=False),
)
CounterRequest = shape("CounterRequest", price=decimal())
_executed = {
    "amount": Amount(),
    "limit_price": decimal(required=False, allow_null=True),
    "all_or_none": s.BooleanField(default=False),
    "suppress_pmp_check": s.BooleanField(default=False),
    "client_execution_order_id": text(max_length=80),
    "annotation": text(),
    "fees": s.ListField(child=Fee(), required=False),
}
HitRequest = shape("ExecutionOrderRequest_ManualRFQ", quote_id=s.CharField(), **_executed)
ExecutionCriteria = shape(
    "ExecutionCriteria",
    min_quotes=s.IntegerField(default=1),
    min_dealers=s.IntegerField(default=0, help_text="that have answered, passes too"),
    max_spread_to_reference_bps=decimal(required=False, allow_null=True),
    min_wait_s=s.IntegerField(default=0),
    best_n=s.IntegerField(default=3, help_text="how many quotes may be tried"),
)
ExitCriteria = shape(
    "ExitCriteria",
    max_duration_s=s.IntegerField(default=120),
    fallback=s.ChoiceField(["stage", "sor", "cancel"], default="stage"),
)
_automatic = {
    **_executed,
    **_asked,
    "execution_criteria": ExecutionCriteria(required=False),
    "exit_criteria": ExitCriteria(required=False),
    "skip_lob_quotes": s.BooleanField(default=False),
}
AutoExRequest = shape("ExecutionOrderRequest_AutoExRFQ", **_automatic)
ListRequest = shape("ListRfqRequest", rfqs=s.ListField(child=RfqRequest()))
BatchRequest = shape(
    "ListRfqBatchRequest",
    rfqs=s.ListField(child=shape("BatchLine", order_id=s.CharField(), **_automatic)()),
)
ListAnswer = shape(
    "ListRfqAnswer",
    list_rfq_id=s.CharField(),
    results=s.ListField(
        child=shape(
            "ListRfqLine",
            order_id=s.CharField(),
            status=s.IntegerField(),
            rfq=Rfq(required=False),
            execution_order=ExecutionOrder(required=False),
            error=Error(required=False),
        )()
    ),
)
DealerPage = shape("DealerPage", dealers=s.ListField(child=s.DictField()))
