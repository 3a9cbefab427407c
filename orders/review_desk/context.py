"""All that a reviewer needs to decide about one order: facts, limits, history, position after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Sum

from allocations.holdings import reading
from controls import reviews, screening
from controls.models import Review, ReviewVote
from controls.states import ReviewStatus
from oms_site.firm.principals import Principal
from orders import figures, timeline
from orders.models import Order
from orders.review_desk import history
from orders.review_desk.history import Tally
from orders.revisions import history as revision_history
from orders.states import ORDER_OPEN
from venues import instruments, market_data

ZERO = Decimal(0)


@dataclass(frozen=True)
class Failed:
    """One failed control: what was allowed, what was asked, and how it went before."""

    facts: dict[str, Any]
    past: Tally
    fill: int | None


@dataclass(frozen=True)
class Position:
    """What the account holds, what else is open, and what it would hold after this order."""

    held: Decimal
    others: Decimal
    after: Decimal


def find(organization_id: str, review_id: str) -> Review | None:
    """A review of this organization by its own id or its order's; None for anything else."""
    rows = Review.objects.filter(organization_id=organization_id).select_related(
        "maker", "screening", "claimed_by", "decided_by"
    )
    return rows.filter(pk=review_id).first() or (
        rows.filter(subject=review_id).order_by("-opened_at").first()
    )


def context(review: Review, *, by: Principal, at: datetime) -> dict[str, Any]:
    """The template variables of the review's picture; `stand` says what `by` may do and why not."""
    order = Order.objects.select_related("account", "submitted_by").get(pk=review.subject)
    facts = instruments.by_id(order.instrument_id)
    key = (order.id, review.subject_version)
    asked = revision_history.asked_for([key]).get(key)
    limit = order.limit_price if asked is None else asked.limit_price
    price = market_data.reference(order.instrument_id)
    past = history.of(review, at=at)
    results = screening.read_results(review.screening.results)
    votes = list(review.votes.select_related("decided_by").order_by("decided_at"))
    return {
        "review": review,
        "order": order,
        "facts": facts,
        "asked": asked,
        "limit": limit,
        "limit_text": figures.limit(limit, facts.asset_class),
        "price": price,
        "mid_text": figures.limit(price.mid, facts.asset_class) if price else "",
        "price_age": _age(price.at, at) if price else "",
        "away": away(limit, price.mid if price else None),
        "notional": reviews.notional(review.screening.ticket),
        "position": _position(order),
        "failed": [_failed(one, past) for one in review.failed_controls],
        "passed": [r for r in results if r["effect"] == screening.PASS],
        "past": past,
        "votes": votes,
        "timeline": timeline.of_order(order.id),
        "stand": stand(review, votes, by=by),
        "holder": review.claimed_by if review.claimant_at(at) else None,
        "mine": review.claimant_at(at) == by.user_id,
        "left": review.approvals_required - review.approvals,
    }


def stand(review: Review, votes: list[ReviewVote], *, by: Principal) -> str:
    """`decide`, or why not: `closed`, `reader`, `maker`, `voted`."""
    if review.status != ReviewStatus.OPEN:
        return "closed"
    if not by.may(reviews.RELEASE):
        return "reader"
    if review.maker_id == by.user_id:
        return "maker"
    return "voted" if by.user_id in {vote.decided_by_id for vote in votes} else "decide"


def away(limit: Decimal | None, mid: Decimal | None) -> str:
    """How far a limit is from the mid, in words; empty without one of the two."""
    if limit is None or not mid:
        return ""
    percent = (limit - mid) / mid * 100
    return f"{abs(percent):.2f} % {'above' if percent > 0 else 'below'}"


def _age(then: datetime, at: datetime) -> str:
    seconds = max(int((at - then).total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s old"
    return f"{seconds // 60} min old" if seconds < 7200 else f"{seconds // 3600} h old"


def _failed(facts: dict[str, Any], past: history.Past) -> Failed:
    return Failed(
        facts,
        past.by_control.get(str(facts.get("control_id", "")), Tally(0, 0, 0)),
        _share(facts.get("limit"), facts.get("actual")),
    )


def _share(limit: Any, actual: Any) -> int | None:
    """How much of the whole bar the limit is, when both are numbers: actual is the whole."""
    try:
        allowed, asked = abs(Decimal(str(limit))), abs(Decimal(str(actual)))
    except InvalidOperation:
        return None
    if not allowed.is_finite() or not asked.is_finite() or asked <= allowed:
        return None
    return int(allowed / asked * 100)


def _position(order: Order) -> Position | None:
    if order.account_id is None:
        return None
    held = reading.positions([order.account_id]).get((order.account_id, order.instrument_id), ZERO)
    open_ones = Order.objects.filter(
        organization_id=order.organization_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        status__in=[s.value for s in ORDER_OPEN],
    ).exclude(pk=order.pk)
    sums = dict(open_ones.values_list("side").annotate(Sum("leaves_qty")))
    others = (sums.get("buy") or ZERO) - (sums.get("sell") or ZERO)
    sign = 1 if order.side == "buy" else -1
    return Position(held, others, held + sign * order.leaves_qty)
