"""All that the desk shows of one order: facts, executions, tree, allocation, controls, history."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allocations.models import AccountAllocation, Allocation, BookingLeg, DroppedAccount
from controls import overrides, screening, watching
from controls.models import Override, Review, Screening
from controls.states import OverrideStatus, ReviewStatus
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import figures, fills, inquiries, notional, picture, reported, sor, stamps, timeline
from orders.contingent import viewing
from orders.models import ExecutionOrder, Order, VenueOrder
from orders.models.order import ZERO
from orders.revisions import history
from orders.schedules import board
from orders.states import ORDER_EXECUTABLE, OrderStatus
from venues import instruments
from venues.models import RoutingDecision

RELEASE, LAYERS = "order.release", "price.layers"


@dataclass(frozen=True)
class Branch:
    """An execution order with its venue orders."""

    row: ExecutionOrder
    venue_orders: list[VenueOrder]
    decisions: list[dict[str, Any]]


@dataclass(frozen=True)
class Share:
    """One account's part of an allocation with its bookings."""

    row: AccountAllocation
    legs: list[BookingLeg]


def find(organization_id: str, order_id: str) -> Order | None:
    """An order of this organization; None for unknown and foreign ids alike."""
    rows = Order.objects.select_related(
        "account", "submitted_by", "custodian", "ib", "risk_group", "allocation", "policy"
    )
    return rows.filter(organization_id=organization_id, pk=order_id).first()


def context(order: Order, *, by: Principal) -> dict[str, Any]:
    """The template variables of the panel; what `by` may do decides which actions it offers."""
    facts = instruments.by_id(order.instrument_id)
    tree = _tree(order)
    live = [branch.row for branch in tree if not branch.row.is_terminal]
    taken = sum((row.leaves_qty for row in live), ZERO)
    controls = _controls(order, by)
    review = Review.objects.filter(subject=order.id).select_related("decided_by").last()
    schedules = board.boards(order, at=clock.now())
    return {
        "order": order,
        "facts": facts,
        "status": picture.face(
            order.status,
            order.pending,
            working=bool(live),
            routing=order.route_at is not None,
            scheduled=any(one.is_open for one in schedules),
        ),
        "limit_text": figures.limit(order.limit_price, facts.asset_class),
        "executions": stamps.stamped(fills.of_order(order.id)),
        "held_reports": reported.of_order(order.id, by=by),
        "tree": tree,
        "free": max(order.leaves_qty - taken, Decimal(0)),
        "executable": order.status in ORDER_EXECUTABLE and not order.pending,
        "boards": inquiries.boards(order, every_layer=by.may(LAYERS)),
        "schedules": schedules,
        "order_list": viewing.board(order),
        "money": notional.view(notional.of_order(order.id)),
        "dropped": _dropped(order),
        "allocation": _allocation(order),
        "shares": _shares(order),
        "review": review,
        "controls": controls,
        "override": _override(order, by),
        "failed": [c for c in controls if c["effect"] != screening.PASS],
        "passed": [c for c in controls if c["effect"] == screening.PASS],
        "amendments": history.amendments(order),
        "timeline": timeline.of_order(order.id),
        "decision": _decision(order, review, by),
    }


def _tree(order: Order) -> list[Branch]:
    children: dict[str, list[VenueOrder]] = {}
    for child in order.venue_orders.order_by("id"):
        children.setdefault(child.execution_order_id, []).append(child)
    parts = order.execution_orders.select_related("custodian")
    rows = list(parts.order_by("created_at", "id"))
    decided: dict[str, list[dict[str, Any]]] = {}
    kept = RoutingDecision.objects.filter(subject__in=[row.id for row in rows])
    for decision in kept.order_by("decided_at", "id"):
        decided.setdefault(decision.subject, []).append(sor.told(decision))
    return [Branch(row, children.get(row.id, []), decided.get(row.id, [])) for row in rows]


def _allocation(order: Order) -> Allocation | None:
    return Allocation.objects.filter(order_id=order.id).first()


def _dropped(order: Order) -> list[DroppedAccount]:
    """The accounts that its block went on without."""
    rows = DroppedAccount.objects.filter(allocation_id=order.allocation_id)
    return list(rows.select_related("account").order_by("position"))


def _shares(order: Order) -> list[Share]:
    rows = (
        AccountAllocation.objects.filter(allocation__order_id=order.id)
        .select_related("account")
        .order_by("position")
    )
    legs: dict[str, list[BookingLeg]] = {}
    booked = BookingLeg.objects.filter(allocation__order_id=order.id)
    for leg in booked.select_related("custodian").order_by("sequence"):
        legs.setdefault(leg.account_allocation_id, []).append(leg)
    return [Share(row, legs.get(row.id, [])) for row in rows]


def _controls(order: Order, by: Principal) -> list[dict[str, Any]]:
    """The results of the latest screening; what watch lists say is for compliance alone."""
    row = Screening.objects.filter(subject=order.id).order_by("-screened_at").first()
    found = screening.read_results(row.results) if row else []
    if watching.may_see(by):
        return found
    return [one for one in found if one["effect"] != screening.NOTED]


def _override(order: Order, by: Principal) -> dict[str, Any] | None:
    """The newest override asked for a rejected order, or that one may be asked for."""
    if order.status != OrderStatus.REJECTED or order.screening_id is None:
        return None
    rows = Override.objects.filter(organization_id=order.organization_id, asked_for=order.id)
    row = rows.select_related("requested_by", "decided_by").order_by("-requested_at").first()
    ended = row is None or row.status in (OverrideStatus.REFUSED, OverrideStatus.USED)
    ran_out = row is not None and not ended and row.expires_at <= clock.now()
    may = False
    if (ended or ran_out) and by.may(overrides.ASK):
        looked = Screening.objects.get(pk=order.screening_id)
        may = bool(screening.overridable(looked.results))
    return {"row": row, "offer": may, "ran_out": ran_out} if row or may else None


def _decision(order: Order, review: Review | None, by: Principal) -> str:
    """`offer` to who may decide, `own` to its maker who may not, else empty."""
    if review is None or review.status != ReviewStatus.OPEN or not by.may(RELEASE):
        return ""
    return "own" if review.maker_id == by.user_id else "offer"
