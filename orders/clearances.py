"""What lets an execution order exist: the order's passed screening, or its approved review."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allocations.models import Allocation
from allocations.states import AllocationStatus
from controls.models import Review, Screening
from controls.states import Outcome, ReviewStatus
from oms_site.kit.errors import OmsError
from orders.models import Order


@dataclass(frozen=True, slots=True)
class Clearance:
    """The columns of an execution order that the database compares with the gate's tables."""

    screening_id: str
    screening_outcome: str
    review_id: str | None = None
    review_status: str | None = None


def of_screening(screening_id: str) -> Clearance | None:
    """The clearance of one screening; None when it was rejected, or flagged and not released."""
    found = Screening.objects.filter(id=screening_id).values_list("outcome", flat=True).first()
    if found == Outcome.PASSED:
        return Clearance(screening_id, found)
    review = Review.objects.filter(
        screening_id=screening_id, status=ReviewStatus.APPROVED.value
    ).first()
    if found != Outcome.FLAGGED or review is None:
        return None
    return Clearance(screening_id, found, review.id, review.status)


def of(orders: Iterable[Order]) -> dict[str, Clearance]:
    """The clearances of orders, by order id; an order that has none is absent.

    Nor has one whose allocation was canceled: nobody would own what it buys. Two queries, three
    with a block among them.
    """
    asked = list(orders)
    ownerless = _ownerless(asked)
    by_screening = {o.screening_id: o.id for o in asked if o.screening_id and o.id not in ownerless}
    screenings = Screening.objects.filter(id__in=by_screening).exclude(outcome=Outcome.REJECTED)
    reviews = {
        review.screening_id: review
        for review in Review.objects.filter(
            screening_id__in=by_screening, status=ReviewStatus.APPROVED.value
        )
    }
    found: dict[str, Clearance] = {}
    for screening_id, outcome in screenings.values_list("id", "outcome"):
        order_id = by_screening[screening_id]
        if outcome == Outcome.PASSED:
            found[order_id] = Clearance(screening_id, outcome)
        elif screening_id in reviews:
            review = reviews[screening_id]
            found[order_id] = Clearance(screening_id, outcome, review.id, review.status)
    return found


def why_not(order: Order) -> OmsError:
    """Why an order has no clearance, for who wants to execute it (409)."""
    if _ownerless([order]):
        text = "Its allocation was canceled: nobody would own what is executed. Enter a new order."
        return OmsError("allocation_canceled", text, status=409)
    return OmsError("not_cleared", "The order has not passed its controls.", status=409)


def _ownerless(orders: Iterable[Order]) -> set[str]:
    """Those of these orders whose shares are for nobody; one account's are always its own."""
    blocks = [order.id for order in orders if order.account_id is None]
    if not blocks:
        return set()
    rows = Allocation.objects.filter(order_id__in=blocks, status=AllocationStatus.CANCELED.value)
    return set(rows.values_list("order_id", flat=True))
