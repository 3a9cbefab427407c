"""`/v1/trading/review/`: the queue, claims, decisions on many alike, and one review's facts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls.models import Review
from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import NotFound, OmsError
from orders import desk
from orders.api import reviews_schema
from orders.api.base import Endpoint
from orders.review_desk import context, queue


def reasons_of(body: Reader) -> dict[str, tuple[str, str]]:
    """`reason_code` for all failed controls, `reasons[]` for single ones."""
    code = body.text("reason_code", longest=24) or "other"
    reasons = {"": (code, "")}
    for one in body.objects("reasons"):
        one.refuse_unknown({"control_id", "reason_code", "annotation"})
        name = one.text("control_id", required=True, longest=60) or ""
        said = one.text("reason_code", longest=24) or code
        reasons[name] = (said, one.text("annotation", longest=2000) or "")
    return reasons


def version_of(body: Reader) -> int | None:
    """`subject_version`: the version of the order that the person has seen."""
    value = body.decimal("subject_version")
    return None if value is None else int(value)


class ReviewList(Endpoint):
    """Flagged orders that wait for a decision."""

    @extend_schema(
        operation_id="review_list",
        summary="List open reviews",
        responses={200: reviews_schema.ReviewPage, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = queue.waiting(self.principal.organization_id)
        failed = dict(
            Review.objects.filter(pk__in=[row["id"] for row in rows]).values_list(
                "pk", "failed_controls"
            )
        )
        return Response({"reviews": [_view(row, failed[row["id"]]) for row in rows]})


def _view(row: queue.Row, failed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "review_id": row["id"],
        "order_id": row["order"],
        "subject_version": row["version"],
        "opened_at": row["opened"],
        "deadline_at": row["deadline"],
        "submitted_by": row["trader"],
        "claimed_by": row["claim"] or None,
        "claimed_until": row["until"] or None,
        "approvals": row["approvals"],
        "approvals_required": row["required"],
        "failed_controls": failed,
    }


class ReviewClaim(Endpoint):
    """Say that you look into a review, or give it back. It blocks nobody's decision."""

    give_back = False

    @extend_schema(
        summary="Claim a review for five minutes, or give it back",
        request=reviews_schema.ClaimRequest,
        responses={200: reviews_schema.ClaimAnswer, **bricks.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, review_id: str) -> Response:
        body = Reader(request.data or {})
        body.refuse_unknown({"take_over"})
        take_over = body.flag("take_over")
        body.finish()
        review = desk.claim(
            review_id,
            by=self.principal,
            at=self.at,
            take_over=take_over,
            give_back=self.give_back,
        )
        held = review.claimed_by_id is not None
        return Response(
            {
                "review_id": review.id,
                "claimed_by": self.principal.username if held else None,
                "claimed_until": review.claimed_until,
            }
        )


class ReviewBulk(Endpoint):
    """One decision for many orders that failed the same controls; each answers for itself."""

    @extend_schema(
        operation_id="review_bulk_decide",
        summary="Decide on many alike",
        description="All must have failed the same controls. An approval is refused for orders "
        "that need more than one person; they are decided one by one.",
        request=reviews_schema.BulkDecisionRequest,
        responses={
            200: reviews_schema.BulkDecisionAnswer,
            207: reviews_schema.BulkDecisionAnswer,
            **bricks.errors(401, 403, 422),
        },
    )
    def post(self, request: Request) -> Response:
        self.principal.require("order.release")
        body = Reader(request.data)
        body.refuse_unknown(
            {"decision", "annotation", "reason_code", "reasons", "client_decision_id", "orders"}
        )
        approve = body.choice("decision", ("approve", "reject")) == "approve"
        annotation = body.text("annotation", longest=2000) or ""
        client_id = body.text("client_decision_id", longest=39) or ""
        reasons = reasons_of(body)
        items = []
        for one in body.objects("orders", most=queue.TOGETHER):
            one.refuse_unknown({"order_id", "subject_version"})
            items.append((one.text("order_id", required=True) or "", version_of(one)))
        body.finish()
        if not items:
            raise OmsError("invalid_bulk", f"Give 1 to {queue.TOGETHER} orders.", field="orders")
        found = self._alike([order_id for order_id, _ in items])
        results = [
            self._one(
                order_id,
                found.get(order_id),
                approve=approve,
                annotation=annotation,
                client_decision_id=f"{client_id}:{order_id}" if client_id else "",
                subject_version=version,
                reasons=reasons,
            )
            for order_id, version in items
        ]
        failed = any("error" in result for result in results)
        return Response({"results": results}, status=207 if failed else 200)

    def _alike(self, order_ids: list[str]) -> dict[str, Review]:
        rows = Review.objects.filter(
            organization_id=self.principal.organization_id, subject__in=order_ids
        ).order_by("opened_at")
        found = {row.subject: row for row in rows}
        kinds = {
            tuple(sorted(str(c.get("control_id")) for c in row.failed_controls))
            for row in found.values()
        }
        if len(kinds) > 1:
            raise OmsError("not_alike", "Decide together only on what failed the same controls.")
        return found

    def _one(
        self, order_id: str, review: Review | None, *, approve: bool, **ruling: Any
    ) -> dict[str, Any]:
        try:
            if review is None:
                raise NotFound("order")
            if approve and review.approvals_required > 1:
                raise OmsError(
                    "needs_single_review",
                    "It needs more than one person: decide on it alone.",
                    status=409,
                )
            made = desk.decide(
                order_id,
                approve=approve,
                by=self.principal,
                at=self.at,
                correlation_id=self.correlation_id,
                **ruling,
            )
            if made.error is not None:
                raise made.error
        except OmsError as refusal:
            told = {"code": refusal.code, "message": refusal.message}
            return {"order_id": order_id, "status": refusal.status, "error": told}
        return {"order_id": order_id, "status": 202, "decision_id": made.decision_id}


class ReviewDetail(Endpoint):
    """One review with what a reviewer needs to know."""

    @extend_schema(
        operation_id="review_retrieve",
        summary="Get a review",
        responses={200: reviews_schema.ReviewView, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, review_id: str) -> Response:
        self.principal.require("order.view")
        review = context.find(self.principal.organization_id, review_id)
        if review is None:
            raise NotFound("review")
        told = context.context(review, by=self.principal, at=self.at)
        past, position = told["past"], told["position"]
        return Response(
            {
                "review_id": review.id,
                "order_id": review.subject,
                "subject_version": review.subject_version,
                "status": str(review.status),
                "approvals": review.approvals,
                "approvals_required": review.approvals_required,
                "deadline_at": review.deadline_at,
                "failed_controls": [
                    {**one.facts, "history": vars(one.past)} for one in told["failed"]
                ],
                "history": {
                    "trader": vars(past.trader),
                    "account": past.account and vars(past.account),
                },
                "reference": told["price"] and {"mid": told["price"].mid, "at": told["price"].at},
                "position": position and vars(position),
                "votes": [
                    {
                        "manual_id": vote.id,
                        "decided_by": vote.decided_by.username,
                        "approve": vote.approve,
                        "annotation": vote.annotation,
                        "decided_at": vote.decided_at,
                    }
                    for vote in told["votes"]
                ],
            }
        )
