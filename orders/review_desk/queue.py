"""The queue of reviews as rows for the screen and the API: open ones, and those decided today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from controls import reviews
from controls.models import Review, ReviewVote
from controls.states import ReviewStatus
from oms_site.firm.principals import Principal
from oms_site.kit import clock, numbers
from orders import figures
from orders.models import Order
from orders.revisions import history
from venues import instruments, market_data
from venues.calendar import new_york_date

MOST = 500
DECIDED = 100
# So many alike are decided about by one request.
TOGETHER = 200
Row: TypeAlias = dict[str, Any]
_DONE = [ReviewStatus.APPROVED.value, ReviewStatus.REJECTED.value]


def may_see(by: Principal) -> bool:
    """Those who decide, and those who look over their shoulders."""
    return by.may(reviews.RELEASE) or by.may(reviews.LOOK)


def rows(organization_id: str) -> list[Row]:
    """Everything on the review desk now, the longest waiting first. Four queries."""
    waiting = list(reviews.open_reviews(organization_id)[:MOST])
    return _rows([*waiting, *_decided(organization_id, at=clock.now())])


def waiting(organization_id: str) -> list[Row]:
    """The open reviews only."""
    return _rows(list(reviews.open_reviews(organization_id)[:MOST]))


def _decided(organization_id: str, *, at: datetime) -> list[Review]:
    found = (
        Review.objects.filter(
            organization_id=organization_id,
            status__in=_DONE,
            decided_at__gt=at - timedelta(days=1),
        )
        .select_related("maker", "screening", "claimed_by")
        .order_by("-decided_at")[:DECIDED]
    )
    return [r for r in found if r.decided_at and new_york_date(r.decided_at) == new_york_date(at)]


def _rows(found: list[Review]) -> list[Row]:
    orders = {
        order.id: order
        for order in Order.objects.filter(pk__in=[r.subject for r in found]).select_related(
            "account"
        )
    }
    votes = _votes(found)
    asked = history.asked_for((r.subject, r.subject_version) for r in found)
    for (order_id, _), terms in asked.items():
        # What is reviewed are the terms it is to have, not those that it has still.
        if orders[order_id].revision < terms.revision and terms.is_open:
            orders[order_id].order_qty = terms.order_qty
            orders[order_id].limit_price = terms.limit_price
    return [_row(r, orders[r.subject], votes[r.id]) for r in found if r.subject in orders]


def _votes(found: Iterable[Review]) -> dict[str, list[ReviewVote]]:
    by_review: dict[str, list[ReviewVote]] = defaultdict(list)
    given = ReviewVote.objects.filter(review_id__in=[r.id for r in found])
    for vote in given.select_related("decided_by").order_by("decided_at"):
        by_review[vote.review_id].append(vote)
    return by_review


def _row(review: Review, order: Order, votes: list[ReviewVote]) -> Row:
    facts = instruments.by_id(order.instrument_id)
    failed = [str(c.get("control_id", "")) for c in review.failed_controls]
    money = reviews.notional(review.screening.ticket)
    holder = review.claimed_by.username if review.claimed_by else ""
    return {
        "id": review.id,
        "order": order.id,
        "version": review.subject_version,
        "status": str(review.status),
        "side": order.named_side,
        "par": numbers.plain(order.order_qty),
        "sec": facts.description,
        "cusip": facts.cusip,
        "acct": order.account.code if order.account else "block",
        "trader": review.maker.username,
        "lim": figures.limit(order.limit_price, facts.asset_class) or "market",
        "away": _away(order),
        "notional": "" if money is None else figures.money(money),
        "failed": failed,
        "like": "+".join(sorted(failed)),
        "why": " ".join(str(c.get("control_message", "")) for c in review.failed_controls),
        "opened": figures.iso(review.opened_at),
        "deadline": figures.iso(review.deadline_at),
        "decided": figures.iso(review.decided_at),
        "claim": holder,
        "until": figures.iso(review.claimed_until),
        "approvals": review.approvals,
        "required": review.approvals_required,
        "voters": [vote.decided_by.username for vote in votes],
    }


def _away(order: Order) -> str:
    """How far the limit is from the reference mid, in percent; empty without one of the two."""
    price = market_data.reference(order.instrument_id)
    if price is None or order.limit_price is None or not price.mid:
        return ""
    away = (order.limit_price - price.mid) / price.mid * Decimal(100)
    return f"{away:+.2f} %"
