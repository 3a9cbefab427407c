"""The review that holds a flagged order, taken into the current unit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from controls.models import Review
from controls.states import ReviewStatus
from oms_site.journal.unit import Unit


def review_of(work: Unit, order_id: str) -> Review | None:
    """The latest review of an order, locked; None when it was never flagged."""
    row = Review.objects.filter(subject=order_id).order_by("-opened_at").only("id").first()
    return None if row is None else work.lock(Review, [row.id])[row.id]


def end_review(
    work: Unit, order_id: str, how: Callable[..., None], *, at: datetime
) -> list[Review]:
    """Withdraw or expire the open review of an order, for the caller to record with its event."""
    review = review_of(work, order_id)
    if review is None or review.status != ReviewStatus.OPEN:
        return []
    how(review, at=at)
    return [review]
