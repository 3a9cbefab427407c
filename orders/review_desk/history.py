"""What became of reviews like this one: by control, by trader, by account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from controls.models import Review
from controls.states import ReviewStatus

WINDOW = timedelta(days=30)
LAST = 5


@dataclass(frozen=True)
class Tally:
    """How many reviews there were in the window, and how they ended."""

    flagged: int
    approved: int
    rejected: int


@dataclass(frozen=True)
class Past:
    """The history beside one review; `last` are the newest that share something with it."""

    by_control: dict[str, Tally]
    trader: Tally
    account: Tally | None
    last: list[Review]


def of(review: Review, *, at: datetime) -> Past:
    """The history of a review's controls, maker and account over thirty days."""
    mine = Review.objects.filter(
        organization_id=review.organization_id, opened_at__gt=at - WINDOW
    ).exclude(pk=review.pk)
    names = [str(c.get("control_id", "")) for c in review.failed_controls]
    account = _account(review)
    alike = Q(maker_id=review.maker_id)
    if account is not None:
        alike |= Q(screening__ticket__accounts__0__0=account)
    closed = mine.filter(alike).exclude(status=ReviewStatus.OPEN.value)
    return Past(
        by_control={
            name: _tally(mine.filter(failed_controls__contains=[{"control_id": name}]))
            for name in names
        },
        trader=_tally(mine.filter(maker_id=review.maker_id)),
        account=None
        if account is None
        else _tally(mine.filter(screening__ticket__accounts__0__0=account)),
        last=list(closed.select_related("maker", "decided_by").order_by("-opened_at")[:LAST]),
    )


def _account(review: Review) -> str | None:
    accounts: Any = review.screening.ticket.get("accounts") or []
    return str(accounts[0][0]) if len(accounts) == 1 else None


def _tally(found: QuerySet[Review]) -> Tally:
    told = found.aggregate(
        flagged=Count("pk"),
        approved=Count("pk", filter=Q(status=ReviewStatus.APPROVED.value)),
        rejected=Count("pk", filter=Q(status=ReviewStatus.REJECTED.value)),
    )
    return Tally(**told)
