"""An order as clients see it: one shape for answers, events and screens.

Built as typed structs and encoded once; decimals leave as numbers with every digit they have.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from orders.models import ExecutionOrder, Order
from orders.states import fix_ord_status
from venues import instruments
from venues.instruments import InstrumentFacts

FEE_NUMBERS = ("fee_amount", "max_fee_amount")
PARAMETER_NUMBERS = ("max_slice", "max_participation", "urgency", "randomize")
_encoder = msgspec.json.Encoder(decimal_format="number")


def tidy(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent."""
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()


def amount(qty: Decimal, kind: str) -> dict[str, Any]:
    """Both of the guide's shapes of an amount at once."""
    number = tidy(qty)
    return {"type": kind, "value": number, kind: number}


class AveragePrice(msgspec.Struct):
    """`pop` is clean percent of par (per share); `ytm` null where it has no meaning."""

    pop: Decimal
    ytm: Decimal | None


class OrderView(msgspec.Struct):
    """The order object of the API, in the order its fields are sent."""

    id: str
    client_order_id: str | None
    account_id: str | None
    created_at: datetime
    approved_at: datetime | None
    filled_at: datetime | None
    canceled_at: datetime | None
    rejected_at: datetime | None
    expired_at: datetime | None
    instrument_id: str
    isin: str
    cusip: str
    description: str
    amount: dict[str, Any]
    filled_amount: dict[str, Any]
    leaves_amount: dict[str, Any]
    filled_avg_price: AveragePrice | None
    type: str
    side: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    triggered_at: datetime | None
    status: str
    fix_ord_status: str
    cancel_requested_at: datetime | None
    pending: str | None
    in_doubt: bool
    extended_hours: bool
    time_in_force: str
    all_or_none: bool
    explicit_cancelation_required: bool
    bypass_auto_execution: bool
    ib_id: str | None
    risk_group_id: str | None
    custodian_id: str | None
    allocation_id: str | None
    execution_instructions: list[Any]
    fees: list[Any]
    trader_profile: dict[str, Any] | None
    annotation: str | None
    trade_date: date
    eligible_at: datetime
    expires_at: datetime
    rejection: dict[str, str] | None
    revision: int
    order_group_id: str | None = None
    # Only where they were asked for.
    trail_amount: Decimal | msgspec.UnsetType = msgspec.UNSET
    trail_percent: Decimal | msgspec.UnsetType = msgspec.UNSET
    trigger_price: Decimal | msgspec.UnsetType = msgspec.UNSET
    water_mark: Decimal | msgspec.UnsetType = msgspec.UNSET
    display_qty: Decimal | msgspec.UnsetType = msgspec.UNSET
    min_qty: Decimal | msgspec.UnsetType = msgspec.UNSET
    post_only: bool | msgspec.UnsetType = msgspec.UNSET
    reduce_only: bool | msgspec.UnsetType = msgspec.UNSET
    order_list_id: str | msgspec.UnsetType = msgspec.UNSET
    released_amount: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    locate_id: str | msgspec.UnsetType = msgspec.UNSET
    locate_broker: str | msgspec.UnsetType = msgspec.UNSET


def view(order: Order, facts: InstrumentFacts | None = None) -> OrderView:
    """The order object of one order row."""
    facts = facts or instruments.by_id(order.instrument_id)
    kind = order.amount_type
    average = None
    if order.avg_px is not None:
        ytm = None if order.avg_ytm is None else tidy(order.avg_ytm)
        average = AveragePrice(tidy(order.avg_px), ytm)
    return OrderView(
        order.id,
        order.client_order_id,
        order.account_id,
        order.created_at,
        order.approved_at,
        order.filled_at,
        order.canceled_at,
        order.rejected_at,
        order.expired_at,
        facts.cusip,
        facts.isin,
        facts.cusip,
        facts.description,
        amount(order.order_qty, kind),
        amount(order.cum_qty, kind),
        amount(order.leaves_qty, kind),
        average,
        order.ord_type,
        order.named_side,
        None if order.limit_price is None else tidy(order.limit_price),
        None if order.stop_price is None else tidy(order.stop_price),
        order.triggered_at,
        str(order.status),
        fix_ord_status(order.status, order.pending),
        order.cancel_requested_at,
        order.pending or None,
        order.in_doubt,
        order.extended_hours,
        order.time_in_force,
        order.all_or_none,
        order.explicit_cancelation_required,
        order.bypass_auto_execution,
        order.ib_id,
        order.risk_group_id,
        order.custodian_id,
        order.allocation_id,
        [_instruction(i) for i in order.execution_instructions],
        [_fee(f) for f in order.fees],
        order.trader_profile,
        order.annotation or None,
        order.trade_date,
        order.eligible_at,
        order.expires_at,
        _rejection(order),
        order.revision,
        order_group_id=order.order_group_id,
        **_handling(order, kind),
    )


_NUMBERS = ("trail_amount", "trail_percent", "trigger_price", "water_mark")
_GIVEN = (*_NUMBERS, "display_qty", "min_qty")


def _handling(order: Order, kind: str) -> dict[str, Any]:
    """What few orders have: absent on all others."""
    held = order.__dict__
    found: dict[str, Any] = {name: tidy(held[name]) for name in _GIVEN if held[name] is not None}
    if order.post_only:
        found["post_only"] = True
    if order.reduce_only:
        found["reduce_only"] = True
    if order.order_list_id is not None:
        found["order_list_id"] = order.order_list_id
    if order.released_qty is not None:
        found["released_amount"] = amount(order.released_qty, kind)
    for name in ("locate_id", "locate_broker"):
        if held[name]:
            found[name] = held[name]
    return found


def _rejection(order: Order) -> dict[str, str] | None:
    if not order.reject_code:
        return None
    return {"by": order.rejected_by, "code": order.reject_code, "reason": order.reject_reason}


def _instruction(stored: dict[str, Any]) -> dict[str, Any]:
    # Stored JSON keeps decimals as text, so that no reader ever turns them into floats.
    quantity, price = stored["quantity"], stored["limit_price"]
    parameters = stored.get("parameters")
    more: dict[str, Any] = {}
    if parameters is not None:
        told = {n: Decimal(v) if n in PARAMETER_NUMBERS else v for n, v in parameters.items()}
        more = {"parameters": told}
    if "fees" in stored:
        more["fees"] = [_fee(one) for one in stored["fees"]]
    return {
        **stored,
        **more,
        "quantity": amount(Decimal(quantity["value"]), quantity["type"]),
        "limit_price": None if price is None else Decimal(price),
    }


def _fee(stored: dict[str, Any]) -> dict[str, Any]:
    numbers = {n: Decimal(v) for n, v in stored.items() if n in FEE_NUMBERS and v is not None}
    return {**stored, **numbers}


def order_json(order: Order, facts: InstrumentFacts | None = None) -> msgspec.Raw:
    """The order object as JSON, ready to be put into an answer or a frame."""
    return msgspec.Raw(_encoder.encode(view(order, facts)))


def execution_order(row: ExecutionOrder, kind: str) -> dict[str, Any]:
    """The execution order object of the API."""
    return {
        "id": row.id,
        "execution_order_id": row.id,
        "order_id": row.order_id,
        "client_execution_order_id": row.client_execution_order_id,
        "protocol": row.protocol,
        "strategy": row.strategy,
        "venue_id": row.venue_id,
        "custodian_id": row.custodian_id,
        **({} if row.notional is None else {"notional": row.notional}),
        "amount": amount(row.qty, kind),
        "filled_amount": amount(row.cum_qty, kind),
        "leaves_amount": amount(row.leaves_qty, kind),
        "limit_price": None if row.limit_price is None else tidy(row.limit_price),
        "all_or_none": row.all_or_none,
        "suppress_pmp_check": row.suppress_pmp_check,
        "fees": [_fee(f) for f in row.fees],
        "status": str(row.status),
        "pending": row.pending or None,
        "origin": row.origin,
        "rule": row.rule or None,
        "created_at": row.created_at,
        "closed_at": row.closed_at,
        "reason": row.reason or None,
    }
