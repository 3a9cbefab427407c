"""Shapes of the operations API for confirmations and settlements."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape, text


def _money() -> s.DecimalField:
    return s.DecimalField(max_digits=20, decimal_places=2)


def _qty() -> s.DecimalField:
    return s.DecimalField(max_digits=20, decimal_places=6)


def _names() -> dict[str, Any]:
    names = ("confirm_id", "booking_id", "order_id", "custodian_id", "account_id", "account_code")
    return {name: s.CharField() for name in names}


Side = shape(
    "ConfirmSide",
    field=s.CharField(),
    ours=s.CharField(),
    theirs=text(),
    differs=s.BooleanField(),
    tolerance=text(),
)
Confirm = shape(
    "Confirm",
    **_names(),
    service_id=text(help_text="the central matching service it goes through; null: its custodian"),
    counterparty=text(help_text="the broker, or the venue, that dealt"),
    version=s.IntegerField(help_text="To be named when it is decided on"),
    status=s.CharField(),
    confirm_status=s.IntegerField(help_text="ConfirmStatus(665)"),
    match_status=s.IntegerField(help_text="MatchStatus(573)"),
    affirm_status=s.IntegerField(help_text="AffirmStatus(940)"),
    created_at=s.DateTimeField(),
    received_at=s.DateTimeField(allow_null=True),
    affirmed_at=s.DateTimeField(allow_null=True),
    affirmed_by=s.IntegerField(allow_null=True),
    code=text(),
    reason=text(),
    owner=text(),
    owner_id=s.IntegerField(allow_null=True),
    reason_code=text(),
    resolution=text(),
    proposed_by=text(),
    proposed_by_id=s.IntegerField(allow_null=True),
    policy_version=s.IntegerField(allow_null=True),
    instruction_id=text(),
    instruction_status=text(),
    next_step=s.CharField(),
    answered=s.BooleanField(help_text="Whether the other side has said anything"),
    differences=s.IntegerField(),
    sides=Side(many=True),
)
ConfirmPage = shape(
    "ConfirmPage", confirms=Confirm(many=True), next_cursor=text(), has_more=s.BooleanField()
)
ConfirmStep = shape(
    "ConfirmStep",
    reason_code=text(),
    text=text(),
    version=s.IntegerField(required=False, allow_null=True),
)
_settlement: dict[str, Any] = {
    "instruction_id": s.CharField(),
    **_names(),
    "cusip": s.CharField(),
    "side": s.ChoiceField(["buy", "sell"]),
    "currency": s.CharField(),
    "amount": _qty(),
    "net_money": _money(),
    "settled_amount": _qty(),
    "settled_money": _money(),
    "left_amount": _qty(),
    "settlement_date": s.DateField(),
    "status": s.CharField(),
    "place": text(),
    "ref": text(),
    "asks": text(),
    "code": text(),
    "reason": text(),
    "failed_on": s.DateField(allow_null=True),
    "owner": text(),
    "days_failed": s.IntegerField(),
    "buy_in_on": s.DateField(allow_null=True),
    "buy_in_due": s.DateField(allow_null=True),
    "closed_at": s.DateTimeField(allow_null=True),
    "next_step": s.CharField(),
}
Settlement = shape("Settlement", **_settlement)
Fact = shape(
    "SettlementFact",
    reference=s.CharField(),
    amount=_qty(),
    cash=_money(),
    value_date=s.DateField(),
    at=s.DateTimeField(),
)
SettlementWithFacts = shape("SettlementWithFacts", **_settlement, facts=Fact(many=True))
SettlementPage = shape(
    "SettlementPage",
    settlements=Settlement(many=True),
    next_cursor=text(),
    has_more=s.BooleanField(),
)
ResendRequest = shape("ResendRequest", ids=s.ListField(child=s.CharField()))
ResendResult = shape(
    "ResendResult",
    results=shape(
        "ResendOutcome",
        id=s.CharField(),
        outcome=s.ChoiceField(["queued", "refused"]),
        code=s.CharField(),
        message=s.CharField(),
    )(many=True),
)
