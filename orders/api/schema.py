"""The shapes of the API for its OpenAPI document; the reading itself is `intake`'s."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import Error, decimal, moment, shape, text
from orders import order_types, sides, time_in_force
from orders.api.schedules_schema import EXTENSION, Parameters

CREATE_TEXT = (
    "The same `client_order_id` with the same content answers the order it made before (200 and "
    "`Idempotent-Replayed: true`); with other content it is refused (409). A control that fails is "
    "no error: the order is created and says so by its status and events."
)

Amount = shape(
    "Amount",
    type=s.ChoiceField(["par", "shares"], required=False),
    value=decimal(required=False),
    par=decimal(required=False),
    shares=decimal(required=False),
)
AveragePrice = shape("AveragePrice", pop=decimal(), ytm=decimal(allow_null=True))
Fee = shape(
    "CustomFee",
    fee_schedule_id=s.CharField(),
    fee_schedule_asset_level_id=s.CharField(),
    recipient_id=s.CharField(),
    fee_type=s.ChoiceField(["commission", "markup"]),
    fee_amount_type=s.ChoiceField(["percentage_of_par", "percentage_of_market_value", "yield_bps"]),
    fee_amount=decimal(),
    max_fee_amount=decimal(required=False, allow_null=True),
)
_PROTOCOLS = ["limit_order_book", "rfq", "external", "custodian"]
Instruction = shape(
    "ExecutionInstruction",
    protocol=s.ChoiceField(_PROTOCOLS),
    strategy=s.CharField(required=False),
    quantity=Amount(),
    limit_price=decimal(required=False, allow_null=True),
    venue_id=text(),
    custodian_id=text(max_length=40, help_text="of the protocol custodian; else the order's"),
    all_or_none=s.BooleanField(default=False),
    suppress_pmp_check=s.BooleanField(default=False),
    client_execution_order_id=text(max_length=80),
    parameters=Parameters(required=False, help_text="of the strategies that are schedules"),
    fees=s.ListField(child=Fee(), required=False, help_text="instead of the order's"),
    annotation=text(max_length=2000),
    **EXTENSION,
)
AccountAllocation = shape(
    "AccountAllocationRequest",
    account_id=s.CharField(),
    requested_amount=Amount(),
    client_account_allocation_id=text(max_length=80),
)
Allocations = shape(
    "AllocationRequest",
    strategy=s.ChoiceField(["fifo_without_averaging", "pro_rata_with_averaging"]),
    client_allocation_id=text(max_length=80),
    account_allocations=s.ListField(child=AccountAllocation()),
)
_terms = {
    "account_id": text(),
    "instrument_id": s.CharField(help_text="CUSIP, ISIN or symbol"),
    "amount": Amount(),
    "type": s.ChoiceField(order_types.KNOWN),
    "stop_price": decimal(required=False, allow_null=True, help_text="of types with a trigger"),
    "trail_amount": decimal(
        required=False, help_text="points behind the market, of trailing stops"
    ),
    "trail_percent": decimal(required=False, help_text="percent behind the market, instead of it"),
    "display_qty": decimal(required=False, help_text="how much a venue shows at once (1138)"),
    "min_qty": decimal(required=False, help_text="how much a trade takes at least (110)"),
    "post_only": s.BooleanField(required=False, help_text="never takes what stands (ExecInst 6)"),
    "reduce_only": s.BooleanField(required=False, help_text="only lessens a position"),
    "side": s.ChoiceField(sides.KNOWN),
    "locate_id": s.CharField(
        required=False, max_length=80, help_text="where sold shares were found"
    ),
    "locate_broker": s.CharField(required=False, max_length=40, help_text="who lends them (5700)"),
    "limit_price": decimal(required=False, allow_null=True, help_text="clean, percent of par"),
    "extended_hours": s.BooleanField(default=False),
    "client_order_id": text(max_length=80),
    "ib_id": text(),
    "risk_group_id": text(),
    "custodian_id": text(),
    "all_or_none": s.BooleanField(default=False),
    "explicit_cancelation_required": s.BooleanField(default=False),
    "bypass_auto_execution": s.BooleanField(default=False),
    "annotation": text(max_length=2000),
    "order_group_id": text(),
    "time_in_force": s.ChoiceField(time_in_force.KNOWN, default=time_in_force.DAY),
    "expire_time": s.DateTimeField(required=False, help_text="of a gtd order"),
}
_profile = shape(
    "TraderProfile",
    user_id=text(),
    bloomberg_id=text(),
    urgency=s.ChoiceField(["low", "normal", "high"], required=False),
)
OrderRequest = shape(
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
PinnedPolicy = shape(
    "PinnedPolicy",
    version=s.IntegerField(),
    preset=s.CharField(),
    effective_at=s.DateTimeField(),
)
Money = shape(
    "OrderMoney",
    amount=decimal(),
    principal=decimal(help_text="what the quantity costs at `price`, accrued interest left out"),
    residual=decimal(help_text="what buys no further increment"),
    price=decimal(),
    price_source=s.CharField(),
    price_at=moment(),
    parts=s.ListField(
        child=shape(
            "OrderMoneyPart",
            account_id=text(),
            notional=decimal(),
            quantity=decimal(),
            principal=decimal(),
            residual=decimal(),
        )()
    ),
)
RejectedAccount = shape(
    "RejectedAccount",
    account_id=s.CharField(),
    client_account_allocation_id=text(),
    requested_amount=Amount(),
    code=s.CharField(),
    reason=s.CharField(),
)
Order = shape(
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
    approved_at=moment(),
    filled_at=moment(),
    canceled_at=moment(),
    rejected_at=moment(),
    expired_at=moment(),
    cancel_requested_at=moment(),
    pending=text(),
    in_doubt=s.BooleanField(),
    revision=s.IntegerField(),
    trigger_price=decimal(required=False, help_text="where a trailing stop stands now"),
    water_mark=decimal(required=False, help_text="the best price it has followed"),
    order_list_id=s.CharField(required=False),
    released_amount=Amount(required=False, help_text="how much of it its list lets go to market"),
    allocation_id=text(),
    trade_date=s.DateField(),
    eligible_at=s.DateTimeField(),
    expires_at=s.DateTimeField(),
    policy=PinnedPolicy(required=False),
    organization_id=s.CharField(required=False),
    money=Money(required=False, allow_null=True, help_text="of an order given in money"),
    rejected_accounts=s.ListField(child=RejectedAccount(), required=False),
    rejection=shape("Rejection", by=s.CharField(), code=s.CharField(), reason=s.CharField())(),
    execution_instructions=s.ListField(child=Instruction()),
    fees=s.ListField(child=Fee()),
    trader_profile=_profile(),
    **_terms,
)
OrderPage = shape(
    "OrderPage",
    orders=s.ListField(child=Order()),
    next_cursor=text(),
    has_more=s.BooleanField(),
)
BulkRequest = shape("BulkRequest", orders=s.ListField(child=OrderRequest()))
BulkResult = shape(
    "BulkResult",
    results=s.ListField(
        child=shape("BulkItem", status=s.IntegerField(), order=Order(), error=Error())()
    ),
)
CancelAnswer = shape(
    "CancelAnswer",
    order_id=s.CharField(),
    cancel_request_id=s.CharField(),
    outcome=s.ChoiceField(["pending", "canceled", "refused"]),
    code=s.IntegerField(required=False),
    reason=s.CharField(required=False),
)
AmendRequest = shape(
    "AmendRequest",
    amount=Amount(required=False),
    limit_price=decimal(required=False, allow_null=True),
    stop_price=decimal(required=False, allow_null=True),
    allocations=shape(
        "AmendAllocations",
        account_allocations=s.ListField(
            child=shape("AmendPart", account_id=s.CharField(), requested_amount=Amount())()
        ),
    )(required=False),
    client_amend_id=text(max_length=80),
    revision=s.IntegerField(required=False),
    annotation=text(),
)
AmendAnswer = shape(
    "AmendAnswer",
    order_id=s.CharField(),
    amend_request_id=s.CharField(),
    client_amend_id=text(),
    outcome=s.ChoiceField(["pending", "replaced", "review", "rejected"]),
    revision=s.IntegerField(),
)
ExecutionRequest = shape(
    "ExecutionOrderRequest",
    amount=Amount(),
    limit_price=decimal(required=False, allow_null=True),
    venue_id=text(),
    all_or_none=s.BooleanField(default=False),
    suppress_pmp_check=s.BooleanField(default=False),
    client_execution_order_id=text(max_length=80),
    annotation=text(),
    fees=s.ListField(child=Fee(), required=False),
    **EXTENSION,
)
CustodianRequest = shape(
    "CustodianExecutionOrderRequest",
    amount=shape(
        "CustodianAmount",
        type=s.ChoiceField(["shares", "notional"], required=False),
        value=decimal(required=False),
        shares=decimal(required=False),
        notional=decimal(required=False, help_text="money, in cents at most"),
    )(),
    custodian_id=text(max_length=40, help_text="else the order's own"),
    limit_price=decimal(required=False, allow_null=True, help_text="per share; else the order's"),
    all_or_none=s.BooleanField(default=False),
    suppress_pmp_check=s.BooleanField(default=False),
    client_execution_order_id=text(max_length=80),
    annotation=text(),
    fees=s.ListField(child=Fee(), required=False),
    **EXTENSION,
)
ExecutionOrder = shape(
    "ExecutionOrder",
    id=s.CharField(),
    execution_order_id=s.CharField(),
    order_id=s.CharField(),
    client_execution_order_id=text(),
    protocol=s.ChoiceField([*_PROTOCOLS, "internal_cross"]),
    strategy=s.CharField(),
    venue_id=text(),
    custodian_id=text(),
    notional=decimal(required=False, help_text="the money that it was asked for in"),
    amount=Amount(),
    filled_amount=Amount(),
    leaves_amount=Amount(),
    limit_price=decimal(allow_null=True),
    status=s.ChoiceField(EXECUTION_STATUSES),
    pending=text(),
    origin=s.CharField(),
    rule=text(),
    created_at=s.DateTimeField(),
    closed_at=moment(),
    reason=text(),
)
Execution = shape(
    "Execution",
    execution_id=s.CharField(),
    venue_execution_id=s.CharField(),
    kind=s.ChoiceField(["trade", "bust", "correction"]),
    venue=s.CharField(),
    amount=Amount(),
    price=AveragePrice(),
    principal=decimal(),
    accrued_interest=decimal(),
    fees=decimal(),
    net_money=decimal(),
    trade_date=s.DateField(),
    settlement_date=s.DateField(),
    executed_at=s.DateTimeField(),
    late=s.BooleanField(),
    overfill=s.BooleanField(),
)
ExecutionPage = shape("ExecutionPage", executions=s.ListField(child=Execution()))
TradeReport = shape(
    "ExternalTradeReport",
    amount=Amount(),
    price=decimal(),
    trade_date=s.DateField(required=False),
    settlement_date=s.DateField(required=False),
    executed_at=s.DateTimeField(required=False),
    execution_id=text(max_length=80),
    client_external_trade_report_id=text(max_length=80),
    counterparty_id=text(),
    bypass_trade_booking=s.BooleanField(default=False),
    bypass_street_side_leg=s.BooleanField(default=False),
    annotation=text(),
)
TradeReportAnswer = shape(
    "ExternalTradeReportAnswer",
    order_id=s.CharField(),
    execution_order_id=s.CharField(),
    external_trade_report_id=s.CharField(),
    client_external_trade_report_id=text(),
    status=s.ChoiceField(["executed", "held"]),
    reason=text(),
    execution=Execution(required=False, allow_null=True),
)
Allocation = shape(
    "Allocation",
    allocation_id=s.CharField(),
    order_id=s.CharField(),
    client_allocation_id=text(),
    strategy=s.CharField(),
    status=s.CharField(),
    side=s.ChoiceField(sides.KNOWN, help_text="as its order's is called"),
    account_allocations=s.ListField(child=s.DictField()),
)
AllocationCancel = shape(
    "AllocationCancelAnswer",
    allocation_id=s.CharField(),
    status=s.CharField(),
    outcome=s.ChoiceField(["canceled", "refused"]),
    code=text(),
)
AccountPage = shape("AccountPage", accounts=s.ListField(child=s.DictField()))
EventPage = shape(
    "EventPage",
    events=s.ListField(child=s.DictField()),
    last_msg_number=text(),
    has_more=s.BooleanField(),
)
StatusPage = shape("StatusPage", statuses=s.ListField(child=s.DictField()))
