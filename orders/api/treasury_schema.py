"""The shapes of rates, corporate actions and margin for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape


def _number(**kw: Any) -> s.Field[Any, Any, Any, Any]:
    return s.DecimalField(max_digits=30, decimal_places=10, coerce_to_string=False, **kw)


def _paged(title: str, name: str, child: Any) -> Any:
    return shape(
        title,
        **{name: s.ListField(child=child())},
        next_cursor=s.CharField(allow_null=True),
        has_more=s.BooleanField(),
    )


_KINDS = ["coupon", "dividend", "redemption", "call", "split"]
FxRateRequest = shape(
    "FxRateRequest",
    base=s.CharField(max_length=3),
    quote=s.CharField(max_length=3),
    rate=_number(),
    source=s.CharField(max_length=40),
    at=s.DateTimeField(required=False),
)
FxRate = shape(
    "FxRate",
    base=s.CharField(),
    quote=s.CharField(),
    rate=_number(),
    source=s.CharField(),
    at=s.DateTimeField(),
)
FxRatePage = _paged("FxRatePage", "rates", FxRate)
CorporateActionRequest = shape(
    "CorporateActionRequest",
    kind=s.ChoiceField(_KINDS),
    instrument_id=s.CharField(),
    record_date=s.DateField(),
    pay_date=s.DateField(),
    rate=_number(required=False),
    ratio_new=s.IntegerField(required=False),
    ratio_old=s.IntegerField(required=False),
    source=s.CharField(required=False),
    reason=s.CharField(),
)
CorporateAction = shape(
    "CorporateAction",
    id=s.CharField(),
    corporate_action_id=s.CharField(),
    kind=s.ChoiceField(_KINDS),
    status=s.ChoiceField(["announced", "applied", "withdrawn"]),
    cusip=s.CharField(),
    description=s.CharField(),
    record_date=s.DateField(),
    pay_date=s.DateField(),
    rate=_number(allow_null=True),
    accrued=_number(
        allow_null=True, help_text="Interest a call pays beside its price, in percent of par"
    ),
    ratio_new=s.IntegerField(allow_null=True),
    ratio_old=s.IntegerField(allow_null=True),
    source=s.CharField(),
    reason=s.CharField(allow_null=True),
    announced_at=s.DateTimeField(),
    decided_at=s.DateTimeField(allow_null=True),
    entitled_accounts=s.IntegerField(),
)
CorporateActionPage = _paged("CorporateActionPage", "corporate_actions", CorporateAction)
_Margin = shape(
    "Margin",
    account_id=s.CharField(),
    account_code=s.CharField(),
    margin=s.BooleanField(),
    currency=s.CharField(),
    requirement=_number(allow_null=True),
    equity=_number(allow_null=True),
    excess=_number(allow_null=True),
    missing=s.ListField(child=s.CharField()),
)
_Call = shape(
    "MarginCall",
    margin_call_id=s.CharField(),
    account_id=s.CharField(),
    currency=s.CharField(),
    requirement=_number(),
    equity=_number(),
    shortfall=_number(),
    opened_at=s.DateTimeField(),
)
MarginPage = shape(
    "MarginPage", accounts=s.ListField(child=_Margin()), calls=s.ListField(child=_Call())
)
AccountValue = shape(
    "AccountValue",
    account_id=s.CharField(),
    currency=s.CharField(),
    cash=_number(),
    securities=_number(),
    total=_number(allow_null=True),
    missing=s.ListField(child=s.CharField()),
    rates=s.ListField(
        child=shape(
            "AccountValueRate",
            base=s.CharField(),
            quote=s.CharField(),
            rate=_number(),
            source=s.CharField(),
            at=s.DateTimeField(),
            age_seconds=s.IntegerField(),
        )()
    ),
)
AllocationSurveillance = shape(
    "AllocationSurveillance",
    since=s.DateTimeField(),
    until=s.DateTimeField(),
    accounts=s.ListField(
        child=shape(
            "AllocationStanding",
            account_id=s.CharField(),
            account_code=s.CharField(),
            blocks=s.IntegerField(),
            entered_after_the_trade=s.IntegerField(),
            mean_advantage_bp=_number(help_text="above zero is better than the block"),
            deviations=_number(allow_null=True),
            alert=s.BooleanField(),
        )()
    ),
)
