"""Reviews: a flagged order waits for a second pair of eyes, which decides once.

Called by the desk inside its unit of work, on a review that the unit has locked. This room refuses
whom it must and moves the review; the caller records the event and does what follows for the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from controls import decided
from controls.models import Review, ReviewDecision, ReviewVote, Screening
from controls.models.vote import APPROVE_REASONS, REJECT_REASONS
from controls.states import Outcome, Remediation, ReviewStatus
from oms_site.firm import policies
from oms_site.firm.principals import Principal
from oms_site.journal.rows import LedgerFact
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Forbidden, NotFound, OmsError

RELEASE = "order.release"
LOOK = "audit.view"
CLAIM_LASTS = timedelta(minutes=5)


def open(
    work: Unit,
    *,
    screening: Screening,
    failed_controls: Sequence[dict[str, Any]],
    maker_id: int,
    deadline_at: datetime,
    at: datetime,
    organization_id: str,
) -> Review:
    """Open the review of a flagged screening in this unit; the caller records it with `also=`.

    Raises ValueError for a screening that was not flagged, or of another organization.
    """
    if screening.outcome != Outcome.FLAGGED:
        raise ValueError(f"only a flagged screening is reviewed, not a {screening.outcome} one")
    if screening.organization_id != organization_id:
        raise ValueError("the screening is another organization's")
    review = Review(
        id=ids.prefixed("rev"),
        organization_id=organization_id,
        subject=screening.subject,
        subject_version=screening.subject_version,
        screening_id=screening.id,
        failed_controls=list(failed_controls),
        maker_id=maker_id,
        opened_at=at,
        deadline_at=deadline_at,
        approvals_required=approvals_required(organization_id, screening.ticket, at=at),
    )
    work.add(review)
    return review


def approvals_required(organization_id: str, ticket: Mapping[str, Any], *, at: datetime) -> int:
    """How many persons an order of this size needs, by the organization's policy.

    `approvals_required` is for all orders; above `second_approval_above` (money) it is two at
    least. A size that cannot be told counts as large.
    """
    try:
        policy = policies.of(organization_id, at=at)
    except LookupError:
        return 1
    wanted = int(policy.rules.get("approvals_required") or 1)
    above = policy.rules.get("second_approval_above")
    if above is None:
        return wanted
    size = notional(ticket)
    return max(wanted, 2) if size is None or size > Decimal(str(above)) else wanted


def notional(ticket: Mapping[str, Any]) -> Decimal | None:
    """The money of a stored ticket at its limit, else at its reference price; None without."""
    reference = ticket.get("reference") or {}
    price = ticket.get("limit_price") or reference.get("price")
    qty = ticket.get("order_qty")
    if price is None or qty is None:
        return None
    money = Decimal(str(qty)) * Decimal(str(price))
    return money if ticket.get("asset_class") == "equity" else money / 100


def claim(review: Review, *, by: Principal, at: datetime, take_over: bool = False) -> None:
    """Say that `by` looks into it for five minutes; it blocks nobody's decision.

    Raises not_found (404), not_entitled (403), already_decided and claimed_by_other (409).
    """
    _require_mine(review, by)
    _require_open(review)
    holder = review.claimant_at(at)
    if holder not in (None, by.user_id) and not take_over:
        raise OmsError("claimed_by_other", "Somebody else looks into it: take it over.", status=409)
    review.claim(by_id=by.user_id, until=at + CLAIM_LASTS)


def release(review: Review, *, by: Principal, at: datetime) -> None:
    """Give one's claim back. Raises as `claim` does; claimed_by_other for another's claim."""
    _require_mine(review, by)
    _require_open(review)
    if review.claimant_at(at) not in (None, by.user_id):
        raise OmsError("claimed_by_other", "Somebody else looks into it.", status=409)
    review.unclaim()


def decide(
    review: Review,
    *,
    approve: bool,
    by: Principal,
    decision_id: str,
    client_decision_id: str,
    annotation: str,
    at: datetime,
    subject_version: int | None = None,
    reasons: Mapping[str, tuple[str, str]] | None = None,
    author_id: int | None = None,
) -> list[LedgerFact]:
    """Say yes or no, once, as somebody else than the maker, with a reason, in time.

    The review is approved with the last approval that it requires, rejected by the first refusal.
    Returns the new facts, for the caller to add and record: the vote and a decision per failed
    control. `reasons` gives (reason code, annotation) by control, "" standing for the others.
    `author_id` is who entered what somebody else may have changed: no one to approve it either.

    Raises not_found (404), not_entitled and self_approval (403), already_decided, already_voted,
    stale_version, not_overridable and review_expired (409), annotation_required and
    invalid_reason_code (422); a refusal leaves the review as it was.
    """
    annotation = annotation.strip()
    _require_decidable(review, by, annotation, subject_version, at)
    if approve and by.user_id == author_id:
        raise Forbidden("self_approval", "Who entered an order may not approve it.")
    vote = ReviewVote(
        id=decision_id,
        organization_id=review.organization_id,
        review_id=review.id,
        subject_version=review.subject_version,
        maker_id=review.maker_id,
        decided_by_id=by.user_id,
        approve=approve,
        client_decision_id=client_decision_id,
        annotation=annotation,
        decided_at=at,
    )
    facts = [vote, *_reasoned(review, vote, reasons or {})]
    review.unclaim()
    if approve:
        review.count_approval()
        if review.approvals < review.approvals_required:
            return facts
    move = review.approve if approve else review.reject
    move(
        by_id=by.user_id,
        at=at,
        decision_id=decision_id,
        client_id=client_decision_id,
        annotation=annotation,
    )
    return facts


def _require_decidable(
    review: Review, by: Principal, annotation: str, subject_version: int | None, at: datetime
) -> None:
    _require_mine(review, by)
    _require_open(review)
    if by.user_id == review.maker_id:
        raise Forbidden("self_approval", "The maker of an order may not decide about it.")
    if at >= review.deadline_at:
        raise OmsError("review_expired", "The time to decide is over.", status=409)
    if subject_version is not None and subject_version != review.subject_version:
        raise OmsError(
            "stale_version",
            f"You looked at version {subject_version}; it is version {review.subject_version} now.",
            status=409,
        )
    if not annotation:
        raise OmsError("annotation_required", "Say why you decide so.", field="annotation")
    if ReviewVote.objects.filter(review_id=review.id, decided_by_id=by.user_id).exists():
        raise OmsError("already_voted", "You have approved: another person is needed.", status=409)


def _reasoned(
    review: Review, vote: ReviewVote, reasons: Mapping[str, tuple[str, str]]
) -> list[ReviewDecision]:
    known = APPROVE_REASONS if vote.approve else REJECT_REASONS
    decisions = []
    for failed in review.failed_controls:
        name = str(failed.get("control_id", ""))
        code, note = decided.reason(reasons, name)
        if code not in known:
            raise OmsError(
                "invalid_reason_code", f"Reason codes: {', '.join(known)}.", field="reason_code"
            )
        remediation = str(failed.get("remediation", Remediation.FLAG.value))
        if vote.approve and remediation != Remediation.FLAG.value:
            raise OmsError("not_overridable", f"Nobody may override {name}.", status=409)
        decisions.append(
            ReviewDecision(
                id=ids.prefixed("rvd"),
                organization_id=review.organization_id,
                vote_id=vote.id,
                control_id=name,
                control_version=int(failed.get("control_version") or 0),
                remediation=remediation,
                override=vote.approve,
                reason_code=code,
                annotation=note,
                limit_text=_text(failed.get("limit")),
                actual_text=_text(failed.get("actual")),
            )
        )
    return decisions


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:80]


def expire(review: Review, *, at: datetime) -> None:
    """Nobody decided before the order's session was over; raises already_decided (409)."""
    _require_open(review)
    review.expire(at=at)


def withdraw(review: Review, *, at: datetime) -> None:
    """The order was canceled while it waited; raises already_decided (409)."""
    _require_open(review)
    review.withdraw(at=at)


def open_reviews(organization_id: str) -> QuerySet[Review]:
    """The organization's reviews that wait for a decision, the longest waiting first."""
    return (
        Review.objects.filter(organization_id=organization_id, status=ReviewStatus.OPEN)
        .select_related("maker", "screening", "claimed_by")
        .order_by("opened_at", "id")
    )


def _require_mine(review: Review, by: Principal) -> None:
    if review.organization_id != by.organization_id:
        raise NotFound("review")
    by.require(RELEASE)


def _require_open(review: Review) -> None:
    if review.status != ReviewStatus.OPEN:
        raise OmsError(
            "already_decided", f"The review is closed: it was {review.status}.", status=409
        )
