"""The shapes of reviews and of what is decided on them, for the API's document."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import moment, shape, text
from orders.api.schema import Order

DecisionRequest = shape(
    "DecisionRequest",
    annotation=s.CharField(),
    client_manual_approve_id=text(max_length=80),
    client_manual_reject_id=text(max_length=80),
    subject_version=s.IntegerField(required=False),
    reason_code=text(),
    reasons=s.ListField(child=s.DictField(), required=False),
)
DecisionAnswer = shape(
    "DecisionAnswer",
    order_id=s.CharField(),
    manual_approve_id=text(),
    manual_reject_id=text(),
    approvals=s.IntegerField(),
    approvals_required=s.IntegerField(),
    order=Order(),
)
ClaimRequest = shape("ClaimRequest", take_over=s.BooleanField(required=False))
ClaimAnswer = shape(
    "ClaimAnswer", review_id=s.CharField(), claimed_by=text(), claimed_until=moment()
)
BulkDecisionRequest = shape(
    "BulkDecisionRequest",
    decision=s.ChoiceField(["approve", "reject"]),
    annotation=s.CharField(),
    reason_code=text(),
    client_decision_id=text(max_length=39),
    orders=s.ListField(child=s.DictField()),
)
BulkDecisionAnswer = shape("BulkDecisionAnswer", results=s.ListField(child=s.DictField()))
ReviewView = shape(
    "Review",
    review_id=s.CharField(),
    order_id=s.CharField(),
    subject_version=s.IntegerField(),
    status=s.CharField(),
    approvals=s.IntegerField(),
    approvals_required=s.IntegerField(),
    deadline_at=moment(),
    failed_controls=s.ListField(child=s.DictField()),
    history=s.DictField(),
    reference=s.DictField(allow_null=True),
    position=s.DictField(allow_null=True),
    votes=s.ListField(child=s.DictField()),
)
ReviewPage = shape("ReviewPage", reviews=s.ListField(child=s.DictField()))
