"""The shapes of requests for quotes for the OpenAPI document; the reading is `rfq_intake`'s."""

from __future__ import annotations

from rest_framework import serializers as s

from orders.api.schema import Amount, Error, ExecutionOrder, Fee, _decimal, _moment, _shape, _text
from orders.states import QuoteState, RfqStatus

_asked = {
    "dealers": s.ListField(child=s.CharField(), required=False, help_text="all that fit"),
    "bidding": s.ChoiceField(["asap", "bin"], default="asap"),
    "due_time": s.DateTimeField(required=False, help_text="bin bidding only"),
}
RfqRequest = _shape(
    "RfqRequest",
    order_id=s.CharField(),
    amount=Amount(required=False),
    expire_time=s.DateTimeField(required=False),
    client_rfq_id=_text(max_length=80),
    **_asked,
)
Quote = _shape(
    "Quote",
    id=s.CharField(),
    rfq_id=s.CharField(),
    dealer_id=s.CharField(),
    dealer=s.CharField(),
    round=s.IntegerField(),
    price=_decimal(allow_null=True),
    amount=Amount(),
    valid_until=_moment(),
    status=s.ChoiceField([str(state) for state in QuoteState]),
    counter_price=_decimal(allow_null=True),
    rank=s.IntegerField(allow_null=True),
    received_at=s.DateTimeField(),
    reason=_text(),
)
Rfq = _shape(
    "Rfq",
    id=s.CharField(),
    rfq_id=s.CharField(),
    order_id=s.CharField(),
    execution_order_id=_text(),
    client_rfq_id=_text(),
    list_rfq_id=_text(),
    amount=Amount(),
    bidding=s.ChoiceField(["asap", "bin"]),
    dealers=s.ListField(child=s.CharField()),
    due_time=s.DateTimeField(),
    expire_time=s.DateTimeField(),
    status=s.ChoiceField([str(status) for status in RfqStatus]),
    created_at=s.DateTimeField(),
    closed_at=_moment(),
    reason=_text(),
    quotes=s.ListField(child=Quote()),
)
RfqPage = _shape("RfqPage", rfqs=s.ListField(child=Rfq()))
RfqCancelAnswer = _shape(
    "RfqCancelAnswer",
    rfq_id=s.CharField(),
    cancel_request_id=s.CharField(),
    outcome=s.ChoiceField(["canceled", "refused"]),
    code=s.IntegerField(required=False),
    reason=s.CharField(required=False),
)
CounterRequest = _shape("CounterRequest", price=_decimal())
_executed = {
    "amount": Amount(),
    "limit_price": _decimal(required=False, allow_null=True),
    "all_or_none": s.BooleanField(default=False),
    "suppress_pmp_check": s.BooleanField(default=False),
    "client_execution_order_id": _text(max_length=80),
    "annotation": _text(),
    "fees": s.ListField(child=Fee(), required=False),
}
HitRequest = _shape("ExecutionOrderRequest_ManualRFQ", quote_id=s.CharField(), **_executed)
ExecutionCriteria = _shape(
    "ExecutionCriteria",
    min_quotes=s.IntegerField(default=1),
    max_spread_to_reference_bps=_decimal(required=False, allow_null=True),
    min_wait_s=s.IntegerField(default=0),
    best_n=s.IntegerField(default=3, help_text="how many quotes may be tried"),
)
ExitCriteria = _shape(
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
AutoExRequest = _shape("ExecutionOrderRequest_AutoExRFQ", **_automatic)
ListRequest = _shape("ListRfqRequest", rfqs=s.ListField(child=RfqRequest()))
BatchRequest = _shape(
    "ListRfqBatchRequest",
    rfqs=s.ListField(child=_shape("BatchLine", order_id=s.CharField(), **_automatic)()),
)
ListAnswer = _shape(
    "ListRfqAnswer",
    list_rfq_id=s.CharField(),
    results=s.ListField(
        child=_shape(
            "ListRfqLine",
            order_id=s.CharField(),
            status=s.IntegerField(),
            rfq=Rfq(required=False),
            execution_order=ExecutionOrder(required=False),
            error=Error(required=False),
        )()
    ),
)
DealerPage = _shape("DealerPage", dealers=s.ListField(child=s.DictField()))
