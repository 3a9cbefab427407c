"""The shapes of holdings for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape


def _number(**kw: Any) -> s.Field[Any, Any, Any, Any]:
    return s.DecimalField(max_digits=24, decimal_places=10, coerce_to_string=False, **kw)


def _page(name: str, field: str, child: Any, *, dated: bool = True, whole: Any = None) -> Any:
    more: dict[str, Any] = {"as_of": s.DateTimeField(allow_null=True)} if dated else {}
    if whole is not None:
        text = "with `include=sleeves`: the account and its sleeves together"
        more["whole"] = s.ListField(child=whole(), required=False, help_text=text)
    return shape(
        name,
        **{field: s.ListField(child=child())},
        **more,
        next_cursor=s.CharField(allow_null=True),
        has_more=s.BooleanField(),
    )


def _unknown() -> s.Field[Any, Any, Any, Any]:
    return _number(allow_null=True)


Position = shape(
    "Position",
    account_id=s.CharField(),
    account_code=s.CharField(),
    sleeve_of=s.CharField(allow_null=True, help_text="the account that it is a part of"),
    provisional=s.BooleanField(help_text="in suspense until it is split over its accounts"),
    cusip=s.CharField(),
    isin=s.CharField(),
    description=s.CharField(),
    currency=s.CharField(),
    amount_type=s.ChoiceField(["par", "shares"]),
    amount=_number(help_text="signed: negative is short"),
    settled=_number(
        allow_null=True, help_text="what custodians say has changed hands; null with `as_of`"
    ),
    reserved=_number(help_text="what open sells would still take"),
    cost=_number(help_text="of the open lots, with fees, without accrued interest"),
    average_price=_unknown(),
    realized=_number(),
    unrealized=_unknown(),
    market_value=_unknown(),
    accrued_interest=_unknown(),
    price=_unknown(),
    price_at=s.DateTimeField(allow_null=True),
    price_source=s.CharField(allow_null=True),
    price_age_seconds=s.IntegerField(allow_null=True),
    price_stale=s.BooleanField(),
    moved_at=s.DateTimeField(),
    instrument_id=s.IntegerField(),
    base_currency=s.CharField(allow_null=True, required=False),
    fx_rate=_number(allow_null=True, required=False),
    fx_source=s.CharField(allow_null=True, required=False),
    fx_at=s.DateTimeField(allow_null=True, required=False),
    fx_age_seconds=s.IntegerField(allow_null=True, required=False),
    base_market_value=_number(allow_null=True, required=False),
    base_cost=_number(allow_null=True, required=False),
    base_unrealized=_number(allow_null=True, required=False),
)
_of_positions = (
    *("amount", "settled", "reserved", "cost", "realized", "market_value"),
    *("accrued_interest", "unrealized"),
)
_of_cash = ("traded", "settled", "unsettled", "reserved", "available")


def _rolled(name: str, sums: tuple[str, ...], **same: s.Field[Any, Any, Any, Any]) -> Any:
    """A line of a whole account: sums, null where a part is not known, and those of each part."""
    names = ("account_id", "account_code")
    part = shape(
        f"{name}Part",
        **{one: s.CharField() for one in names},
        **{one: _unknown() for one in sums},
    )
    return shape(
        name,
        **{one: s.CharField() for one in names},
        **same,
        **{one: _unknown() for one in sums},
        parts=s.ListField(child=part()),
    )


WholePosition = _rolled(
    "WholePosition",
    _of_positions,
    instrument_id=s.IntegerField(),
    cusip=s.CharField(),
    isin=s.CharField(),
    description=s.CharField(),
    currency=s.CharField(),
    amount_type=s.ChoiceField(["par", "shares"]),
    average_price=_unknown(),
    price=_unknown(),
    price_at=s.DateTimeField(allow_null=True),
    price_source=s.CharField(allow_null=True),
    price_age_seconds=s.IntegerField(allow_null=True),
    price_stale=s.BooleanField(),
)
WholeBalance = _rolled("WholeBalance", _of_cash, currency=s.CharField())
PositionPage = _page("PositionPage", "positions", Position, whole=WholePosition)
Balance = shape(
    "Balance",
    account_id=s.CharField(),
    account_code=s.CharField(),
    sleeve_of=s.CharField(allow_null=True, help_text="the account that it is a part of"),
    currency=s.CharField(),
    traded=_number(),
    settled=_number(),
    unsettled=_number(),
    reserved=_unknown(),
    available=_unknown(),
)
BalancePage = _page("BalancePage", "balances", Balance, whole=WholeBalance)
TaxLot = shape(
    "TaxLot",
    lot_id=s.CharField(),
    instrument_id=s.IntegerField(),
    opened=s.IntegerField(help_text="the number of the movement that opened it"),
    movement_id=s.CharField(),
    account_id=s.CharField(),
    account_code=s.CharField(),
    sleeve_of=s.CharField(allow_null=True, help_text="the account that it is a part of"),
    cusip=s.CharField(),
    acquired=s.DateField(),
    price=_unknown(),
    amount=_number(),
    cost=_number(),
    open_amount=_number(),
    open_cost=_number(),
    wash_sale=s.BooleanField(help_text="bought within 30 days of a sale at a loss that it washes"),
    disallowed_loss=_number(help_text="the loss that does not count, in cents; flagged only"),
)
TaxLotPage = _page("TaxLotPage", "tax_lots", TaxLot)
LotChoiceRequest = shape(
    "LotChoiceRequest",
    movement_id=s.CharField(),
    lots=s.ListField(
        child=shape("LotPick", lot_id=s.CharField(), amount=_number(help_text="without sign"))()
    ),
)
LotChoiceAnswer = shape(
    "LotChoiceAnswer", movement_id=s.CharField(), cost=_number(), realized=_number()
)
_KINDS = ["deposit", "withdrawal", "transfer", "correction", "exchange"]
_TOLD_KINDS = [*_KINDS, "fee"]  # a fee comes of closing a break
_terms = {
    "kind": s.ChoiceField(_KINDS),
    "account_id": s.CharField(help_text="id or code; `suspense` is the suspense account"),
    "to_account_id": s.CharField(required=False, allow_null=True),
    "instrument_id": s.CharField(required=False, allow_null=True),
    "currency": s.CharField(required=False, allow_null=True),
    "amount": _number(required=False),
    "qty": _number(required=False),
    "cost": _number(required=False),
    "settlement_date": s.DateField(required=False, allow_null=True),
    "to_currency": s.CharField(
        required=False, allow_null=True, help_text="what an exchange buys, at the newest rate"
    ),
    "reason": s.CharField(required=False, help_text="required for a correction"),
    "client_transaction_id": s.CharField(required=False, allow_null=True, max_length=80),
}
TransactionRequest = shape("TransactionRequest", **_terms)
Transaction = shape(
    "Transaction",
    id=s.CharField(),
    transaction_id=s.CharField(),
    status=s.ChoiceField(["pending", "applied", "rejected"]),
    created_at=s.DateTimeField(),
    decided_at=s.DateTimeField(allow_null=True),
    annotation=s.CharField(allow_null=True),
    update_id=s.CharField(allow_null=True, help_text="the update that applied it"),
    to_amount=_number(allow_null=True),
    fx_rate=_number(allow_null=True),
    fx_source=s.CharField(allow_null=True),
    fx_at=s.DateTimeField(allow_null=True),
    **{**_terms, "kind": s.ChoiceField(_TOLD_KINDS)},
)
TransactionPage = _page("TransactionPage", "transactions", Transaction, dated=False)
TransactionDecision = shape("TransactionDecisionRequest", annotation=s.CharField())
