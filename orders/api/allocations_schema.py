"""The shapes of entries after the fact and of allocation templates for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape, text


def _number(**kw: Any) -> s.Field[Any, Any, Any, Any]:
    return s.DecimalField(max_digits=24, decimal_places=10, coerce_to_string=False, **kw)


_Amount = shape(
    "AllocationAmount", type=s.ChoiceField(["par", "shares"], required=False), value=_number()
)
_Part = shape(
    "AllocationPart",
    account_id=s.CharField(),
    client_account_allocation_id=text(),
    requested_amount=_Amount(),
)
EntryRequest = shape(
    "PostTradeEntryRequest",
    strategy=text(),
    account_allocations=s.ListField(child=_Part(), required=False),
    template=text(help_text="instead of strategy and accounts"),
    reason=s.CharField(help_text="why it was not said before the trade"),
    client_allocation_id=text(),
    custodian_id=text(),
)
EntryDecision = shape("PostTradeEntryDecision", annotation=s.CharField())
Entry = shape(
    "PostTradeEntry",
    id=s.CharField(),
    entry_id=s.CharField(),
    order_id=s.CharField(),
    client_allocation_id=s.CharField(allow_null=True),
    status=s.ChoiceField(["requested", "approved", "refused"]),
    strategy=s.CharField(),
    custodian_id=s.CharField(allow_null=True),
    account_allocations=s.ListField(
        child=shape(
            "PostTradeEntryPart",
            account_id=s.CharField(),
            client_account_allocation_id=s.CharField(allow_null=True),
            requested_amount=_number(),
        )()
    ),
    requested_amount=_number(),
    filled_amount=_number(help_text="what was executed when it was entered"),
    first_fill_at=s.DateTimeField(allow_null=True),
    reason=s.CharField(),
    allocation_id=s.CharField(allow_null=True, help_text="what it has made, once approved"),
    requested_at=s.DateTimeField(),
    decided_at=s.DateTimeField(allow_null=True),
    annotation=s.CharField(allow_null=True),
)
EntryPage = shape(
    "PostTradeEntryPage",
    entries=s.ListField(child=Entry()),
    next_cursor=s.CharField(allow_null=True),
    has_more=s.BooleanField(),
)
Release = shape(
    "AllocationRelease", allocation_id=s.CharField(), released_at=s.DateTimeField(allow_null=True)
)
_TemplateShare = shape(
    "AllocationTemplateShare",
    account_id=s.CharField(),
    account_code=text(read_only=True),
    percent=_number(),
)
TemplateRequest = shape(
    "AllocationTemplateRequest",
    strategy=s.CharField(),
    shares=s.ListField(
        child=shape("AllocationTemplatePart", account_id=s.CharField(), percent=_number())()
    ),
)
Template = shape(
    "AllocationTemplate",
    name=s.CharField(),
    strategy=s.CharField(),
    shares=s.ListField(child=_TemplateShare()),
)
TemplatePage = shape("AllocationTemplatePage", templates=s.ListField(child=Template()))
TemplatePreviewRequest = shape(
    "AllocationTemplatePreviewRequest", amount=_number(), instrument_id=s.CharField()
)
TemplatePreview = shape(
    "AllocationTemplatePreview",
    strategy=s.CharField(),
    account_allocations=s.ListField(
        child=shape(
            "AllocationTemplatePreviewPart", account_id=s.CharField(), requested_amount=_Amount()
        )()
    ),
)
BookingConfigurationRequest = shape(
    "BookingConfigurationRequest",
    booking_type=s.ChoiceField(["regular", "average_price", "dvp"]),
    instructions=text(),
)
BookingConfiguration = shape(
    "BookingConfiguration",
    custodian_id=s.CharField(),
    number=s.IntegerField(help_text="the version"),
    booking_type=s.ChoiceField(["regular", "average_price", "dvp"]),
    instructions=s.CharField(),
)
