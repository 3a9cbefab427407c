"""The shapes of the operations desk's requests and answers, for the API's document."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import moment, shape, text

OpsRetry = shape("OpsRetry", booking_ids=s.ListField(child=s.CharField()))
OpsRetryResult = shape(
    "OpsRetryResult",
    results=shape(
        "OpsRetryOutcome",
        booking_id=s.CharField(),
        outcome=s.ChoiceField(["queued", "refused"]),
        code=s.CharField(),
        message=s.CharField(),
    )(many=True),
)
OpsRepair = shape(
    "OpsRepair",
    booking_id=s.CharField(),
    reason=s.CharField(),
    custodian_id=text(),
    account_id=text(),
)
OpsRepairAnswer = shape(
    "OpsRepairAnswer",
    repair_id=s.CharField(),
    booking_id=s.CharField(),
    status=s.ChoiceField(["requested", "approved", "refused"]),
    custodian_id=text(),
    account_id=text(),
    reason=s.CharField(),
)
OpsDecision = shape("OpsDecision", approve=s.BooleanField(), note=text())
OpsExplanation = shape(
    "OpsExplanation",
    reason_code=text(),
    text=text(),
    version=s.IntegerField(required=False, allow_null=True),
)
OpsBreak = shape(
    "OpsBreak",
    break_id=s.CharField(),
    version=s.IntegerField(help_text="To be named when it is decided on"),
    kind=s.CharField(),
    key=s.CharField(),
    order_id=text(),
    evidence=s.DictField(help_text="As it was when it was opened"),
    figures=s.DictField(allow_null=True, help_text="What it comes to now, where that moves on"),
    opened_at=s.DateTimeField(),
    reason_code=text(),
    resolution=text(),
    age_s=s.IntegerField(help_text="Seconds since it was opened, until it was closed"),
    owner=text(),
    owner_id=s.IntegerField(allow_null=True),
    proposed=s.BooleanField(),
    proposed_by=text(),
    proposed_by_id=s.IntegerField(allow_null=True),
    proposed_at=moment(),
    closed_by=text(),
    closed_at=moment(),
)
OpsBreaks = shape("OpsBreaks", breaks=OpsBreak(many=True))
OpsRecoveryStep = shape(
    "OpsRecoveryStep",
    reason=text(),
    version=s.IntegerField(required=False, allow_null=True),
)
OpsRecovery = shape(
    "OpsRecovery",
    recovery_id=s.CharField(),
    version=s.IntegerField(help_text="To be named when it is decided on"),
    break_id=s.CharField(),
    status=s.ChoiceField(["open", "proposed", "booked", "came", "dropped"]),
    venue_id=s.CharField(),
    order_id=s.CharField(),
    cl_ord_id=s.CharField(),
    venue_execution_id=s.CharField(help_text="ExecID(17)"),
    amount=s.DecimalField(max_digits=20, decimal_places=6),
    price=s.DecimalField(max_digits=18, decimal_places=8),
    trade_date=s.DateField(),
    executed_at=moment(),
    found_at=s.DateTimeField(),
    reason=text(),
    execution_id=text(),
)
OpsRecoveries = shape("OpsRecoveries", recoveries=OpsRecovery(many=True))
OpsReconciliation = shape(
    "OpsReconciliation",
    results=shape(
        "OpsComparison",
        kind=s.CharField(),
        party=text(),
        outcome=s.ChoiceField(["clean", "breaks", "not_checked", "unsupported"]),
        compared=s.IntegerField(),
        found=s.IntegerField(),
        note=text(),
    )(many=True),
)
