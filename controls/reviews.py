"""Reviews: a flagged order waits for a second pair of eyes, which decides once.

Called by the desk inside its unit of work, on a review that the unit has locked. This room refuses
whom it must and moves the review; the caller records the event and does what follows for the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from controls.models import Review, Screening
from controls.states import Outcome, ReviewStatus
from oms_site.firm.principals import Principal
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Forbidden, NotFound, OmsError

RELEASE = "order.release"


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
    )
    work.add(review)
    return review


def decide(
    review: Review,
    *,
    approve: bool,
    by: Principal,
    decision_id: str,
    client_decision_id: str,
    annotation: str,
    at: datetime,
) -> None:
    """Approve or reject, once, by somebody else than the maker, with a reason, in time.

    Raises not_found (404), not_entitled and self_approval (403), already_decided and
    review_expired (409), annotation_required (422); a refusal leaves the review as it was.
    """
    if review.organization_id != by.organization_id:
        raise NotFound("review")
    by.require(RELEASE)
    _require_open(review)
    if by.user_id == review.maker_id:
        raise Forbidden("self_approval", "The maker of an order may not decide about it.")
    if at >= review.deadline_at:
        raise OmsError("review_expired", "The time to decide is over.", status=409)
    annotation = annotation.strip()
    if not annotation:
        raise OmsError("annotation_required", "Say why you decide so.", field="annotation")
    move = review.approve if approve else review.reject
    move(
        by_id=by.user_id,
        at=at,
        decision_id=decision_id,
        client_id=client_decision_id,
        annotation=annotation,
    )


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
        .select_related("maker", "screening")
        .order_by("opened_at", "id")
    )


def _require_open(review: Review) -> None:
    if review.status != ReviewStatus.OPEN:
        raise OmsError(
            "already_decided", f"The review is closed: it was {review.status}.", status=409
        )
