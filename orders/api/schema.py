"""The shapes of the API for its OpenAPI document; the reading itself is `intake`'s."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers as s

from orders import order_types, time_in_force

CREATE_TEXT = (
    "The same `client_order_id` with the same content answers the order it made before (200 and "
    "`Idempotent-Replayed: true`); with other content it is refused (409). A control that fails is "
    "no error: the order is created and says so by its status and events."
)


def _shape(name: str, /, **fields: Any) -> Any:
    """A named object of the document. A class: each use of it needs an instance of its own."""
    return type(name, (s.Serializer,), fields)


def _text(**kw: Any) -> s.CharField:
    return s.CharField(allow_null=True, required=False, **kw)


def _moment() -> s.DateTimeField:
    return s.DateTimeField(allow_null=True)


def _decimal(**kw: Any) -> s.Field[Any, Any, Any, Any]:
    return s.DecimalField(max_digits=20, decimal_places=8, coerce_to_string=False, **kw)


Amount = _shape(
    "Amount",
    type=s.ChoiceField(["par", "shares"], required=False),
    value=_decimal(required=False),
    par=_decimal(required=False),
    shares=_decimal(required=False),
)
AveragePrice = _shape("AveragePrice", pop=_decimal(), ytm=_decimal(allow_null=True))
Fee = _shape(
    "CustomFee",
    fee_schedule_id=s.CharField(),
    fee_schedule_asset_level_id=s.CharField(),
    recipient_id=s.CharField(),
    fee_type=s.ChoiceField(["commission", "markup"]),
    fee_amount_type=s.ChoiceField(["percentage_of_par", "percentage_of_market_value"]),
    fee_amount=_decimal(),
    max_fee_amount=_decimal(required=False, allow_null=True),
)
_PROTOCOLS = ["limit_order_book", "rfq", "external"]
Instruction = _shape(
    "ExecutionInstruction",
    protocol=s.ChoiceField(_PROTOCOLS),
    strategy=s.CharField(required=False),
    quantity=Amount(),
    limit_price=_decimal(required=False, allow_null=True),
    venue_id=_text(),
    all_or_none=s.BooleanField(default=False),
    suppress_pmp_check=s.BooleanField(default=False),
    client_execution_order_id=_text(max_length=80),
)
AccountAllocation = _shape(
    "AccountAllocationRequest",
    account_id=s.CharField(),
    requested_amount=Amount(),
    client_account_allocation_id=_text(max_length=80),
)
Allocations = _shape(
    "AllocationRequest",
    strategy=s.ChoiceField(["fifo_without_averaging", "pro_rata_with_averaging"]),
    client_allocation_id=_text(max_length=80),
    account_allocations=s.ListField(child=AccountAllocation()),
)
_terms = {
    "account_id": _text(),
    "instrument_id": s.CharField(help_text="CUSIP, ISIN or symbol"),
    "amount": Amount(),
    "type": s.ChoiceField(order_types.KNOWN),
    "stop_price": _decimal(required=False, allow_null=True, help_text="of types with a trigger"),
    "side": s.ChoiceField(["buy", "sell"]),
    "limit_price": _decimal(required=False, allow_null=True, help_text="clean, percent of par"),
    "extended_hours": s.BooleanField(default=False),
    "client_order_id": _text(max_length=80),
    "ib_id": _text(),
    "risk_group_id": _text(),
    "custodian_id": _text(),
    "all_or_none": s.BooleanField(default=False),
    "explicit_cancelation_required": s.BooleanField(default=False),
    "bypass_auto_execution": s.BooleanField(default=False),
    "annotation": _text(max_length=2000),
    "time_in_force": s.ChoiceField(time_in_force.KNOWN, default=time_in_force.DAY),
    "expire_time": s.DateTimeField(required=False, help_text="of a gtd order"),
}
_profile = _shape("TraderProfile", user_id=_text(), bloomberg_id=_text())
OrderRequest = _shape(
    "OrderRequest",
    **_terms,
    trader_profile=_profile(),
    execution_instructions=s.ListField(child=Instruction(), required=False),
    fees=s.ListField(child=Fee(), required=False),
    allocations=Allocations(),
)
_STATUSES = [
    "pending_approval",
    "pending_execution",
    "partially_filled",
    "filled",
    "canceled",
    "rejected",
    "expired",
]
EXECUTION_STATUSES = _STATUSES[1:]
Order = _shape(
    "Order",
    id=s.CharField(),
    isin=s.CharField(),
    cusip=s.CharField(),
    description=s.CharField(),
    status=s.ChoiceField(_STATUSES),
    fix_ord_status=s.CharField(),
    filled_amount=Amount(),
    leaves_amount=Amount(),
    filled_avg_price=AveragePrice(),
    created_at=s.DateTimeField(),
    approved_at=_moment(),
    filled_at=_moment(),
    canceled_at=_moment(),
    rejected_at=_moment(),
    expired_at=_moment(),
    cancel_requested_at=_moment(),
    pending=_text(),
    in_doubt=s.BooleanField(),
    allocation_id=_text(),
    trade_date=s.DateField(),
    eligible_at=s.DateTimeField(),
    expires_at=s.DateTimeField(),
    rejection=_shape("Rejection", by=s.CharField(), code=s.CharField(), reason=s.CharField())(),
    execution_instructions=s.ListField(child=Instruction()),
    fees=s.ListField(child=Fee()),
    trader_profile=_profile(),
    **_terms,
)
OrderPage = _shape(
    "OrderPage",
    orders=s.ListField(child=Order()),
    next_cursor=_text(),
    has_more=s.BooleanField(),
)
Detail = _shape("ErrorDetail", field=s.CharField(), code=s.CharField(), message=s.CharField())
Error = _shape(
    "APIError",
    error=s.CharField(),
    error_type=s.ChoiceField(
        ["invalid_request", "server_error", "not_found", "closed", "rate_limited"]
    ),
    code=s.CharField(),
    error_details=s.ListField(child=Detail()),
)
BulkRequest = _shape("BulkRequest", orders=s.ListField(child=OrderRequest()))
BulkResult = _shape(
    "BulkResult",
    results=s.ListField(
        child=_shape("BulkItem", status=s.IntegerField(), order=Order(), error=Error())()
    ),
)
CancelAnswer = _shape(
    "CancelAnswer",
    order_id=s.CharField(),
    cancel_request_id=s.CharField(),
    outcome=s.ChoiceField(["pending", "canceled", "refused"]),
    code=s.IntegerField(required=False),
    reason=s.CharField(required=False),
)
DecisionRequest = _shape(
    "DecisionRequest",
    annotation=s.CharField(),
    client_manual_approve_id=_text(max_length=80),
    client_manual_reject_id=_text(max_length=80),
    subject_version=s.IntegerField(required=False),
    reason_code=_text(),
    reasons=s.ListField(child=s.DictField(), required=False),
)
DecisionAnswer = _shape(
    "DecisionAnswer",
    order_id=s.CharField(),
    manual_approve_id=_text(),
    manual_reject_id=_text(),
    approvals=s.IntegerField(),
    approvals_required=s.IntegerField(),
    order=Order(),
)
ExecutionRequest = _shape(
    "ExecutionOrderRequest",
    amount=Amount(),
    limit_price=_decimal(required=False, allow_null=True),
    venue_id=_text(),
    all_or_none=s.BooleanField(default=False),
    suppress_pmp_check=s.BooleanField(default=False),
    client_execution_order_id=_text(max_length=80),
    annotation=_text(),
    fees=s.ListField(child=Fee(), required=False),
)
ExecutionOrder = _shape(
    "ExecutionOrder",
    id=s.CharField(),
    execution_order_id=s.CharField(),
    order_id=s.CharField(),
    client_execution_order_id=_text(),
    protocol=s.ChoiceField(_PROTOCOLS),
    strategy=s.CharField(),
    venue_id=_text(),
    amount=Amount(),
    filled_amount=Amount(),
    leaves_amount=Amount(),
    limit_price=_decimal(allow_null=True),
    status=s.ChoiceField(EXECUTION_STATUSES),
    pending=_text(),
    origin=s.CharField(),
    rule=_text(),
    created_at=s.DateTimeField(),
    closed_at=_moment(),
    reason=_text(),
)
Execution = _shape(
    "Execution",
    execution_id=s.CharField(),
    venue_execution_id=s.CharField(),
    kind=s.ChoiceField(["trade", "bust", "correction"]),
    venue=s.CharField(),
    amount=Amount(),
    price=AveragePrice(),
    principal=_decimal(),
    accrued_interest=_decimal(),
    fees=_decimal(),
    net_money=_decimal(),
    trade_date=s.DateField(),
    settlement_date=s.DateField(),
    executed_at=s.DateTimeField(),
    late=s.BooleanField(),
    overfill=s.BooleanField(),
)
ExecutionPage = _shape("ExecutionPage", executions=s.ListField(child=Execution()))
TradeReport = _shape(
    "ExternalTradeReport",
    amount=Amount(),
    price=_decimal(),
    trade_date=s.DateField(required=False),
    settlement_date=s.DateField(required=False),
    executed_at=s.DateTimeField(required=False),
    execution_id=_text(max_length=80),
    client_external_trade_report_id=_text(max_length=80),
    counterparty_id=_text(),
    bypass_trade_booking=s.BooleanField(default=False),
    bypass_street_side_leg=s.BooleanField(default=False),
    annotation=_text(),
)
TradeReportAnswer = _shape(
    "ExternalTradeReportAnswer",
    order_id=s.CharField(),
    execution_order_id=s.CharField(),
    external_trade_report_id=s.CharField(),
    client_external_trade_report_id=_text(),
    execution=Execution(),
)
Allocation = _shape(
    "Allocation",
    allocation_id=s.CharField(),
    order_id=s.CharField(),
    client_allocation_id=_text(),
    strategy=s.CharField(),
    status=s.CharField(),
    account_allocations=s.ListField(child=s.DictField()),
)
AllocationCancel = _shape(
    "AllocationCancelAnswer",
    allocation_id=s.CharField(),
    status=s.CharField(),
    outcome=s.ChoiceField(["canceled", "refused"]),
    code=_text(),
)
AccountPage = _shape("AccountPage", accounts=s.ListField(child=s.DictField()))
EventPage = _shape(
    "EventPage",
    events=s.ListField(child=s.DictField()),
    last_msg_number=_text(),
    has_more=s.BooleanField(),
)
ClaimRequest = _shape("ClaimRequest", take_over=s.BooleanField(required=False))
ClaimAnswer = _shape(
    "ClaimAnswer", review_id=s.CharField(), claimed_by=_text(), claimed_until=_moment()
)
BulkDecisionRequest = _shape(
    "BulkDecisionRequest",
    decision=s.ChoiceField(["approve", "reject"]),
    annotation=s.CharField(),
    reason_code=_text(),
    client_decision_id=_text(max_length=39),
    orders=s.ListField(child=s.DictField()),
)
BulkDecisionAnswer = _shape("BulkDecisionAnswer", results=s.ListField(child=s.DictField()))
ReviewView = _shape(
    "Review",
    review_id=s.CharField(),
    order_id=s.CharField(),
    subject_version=s.IntegerField(),
    status=s.CharField(),
    approvals=s.IntegerField(),
    approvals_required=s.IntegerField(),
    deadline_at=_moment(),
    failed_controls=s.ListField(child=s.DictField()),
    history=s.DictField(),
    reference=s.DictField(allow_null=True),
    position=s.DictField(allow_null=True),
    votes=s.ListField(child=s.DictField()),
)
ReviewPage = _shape("ReviewPage", reviews=s.ListField(child=s.DictField()))
StatusPage = _shape("StatusPage", statuses=s.ListField(child=s.DictField()))


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error answers of an operation."""
    return {status: OpenApiResponse(Error) for status in statuses}


OpsRetry = _shape("OpsRetry", booking_ids=s.ListField(child=s.CharField()))
OpsRetryResult = _shape(
    "OpsRetryResult",
    results=_shape(
        "OpsRetryOutcome",
        booking_id=s.CharField(),
        outcome=s.ChoiceField(["queued", "refused"]),
        code=s.CharField(),
        message=s.CharField(),
    )(many=True),
)
OpsRepair = _shape(
    "OpsRepair",
    booking_id=s.CharField(),
    reason=s.CharField(),
    custodian_id=_text(),
    account_id=_text(),
)
OpsRepairAnswer = _shape(
    "OpsRepairAnswer",
    repair_id=s.CharField(),
    booking_id=s.CharField(),
    status=s.ChoiceField(["requested", "approved", "refused"]),
    custodian_id=_text(),
    account_id=_text(),
    reason=s.CharField(),
)
OpsDecision = _shape("OpsDecision", approve=s.BooleanField(), note=_text())
OpsExplanation = _shape("OpsExplanation", reason_code=_text(), text=_text())
OpsBreak = _shape(
    "OpsBreak",
    break_id=s.CharField(),
    kind=s.CharField(),
    reason_code=_text(),
    proposed=s.BooleanField(),
    closed_at=_moment(),
)
OpsReconciliation = _shape(
    "OpsReconciliation",
    results=_shape(
        "OpsComparison",
        kind=s.CharField(),
        party=_text(),
        outcome=s.ChoiceField(["clean", "breaks", "not_checked", "unsupported"]),
        compared=s.IntegerField(),
        found=s.IntegerField(),
        note=_text(),
    )(many=True),
)
