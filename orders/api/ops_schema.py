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
OpsExplanation = shape("OpsExplanation", reason_code=text(), text=text())
OpsBreak = shape(
    "OpsBreak",
    break_id=s.CharField(),
    kind=s.CharField(),
    reason_code=text(),
    proposed=s.BooleanField(),
    closed_at=moment(),
)
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
