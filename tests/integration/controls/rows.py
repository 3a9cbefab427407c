"""The few rows that the laws of clearance are about, written straight into the tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from controls.models import Review, ReviewVote, Screening
from oms_site.firm import policy_changes
from oms_site.firm.models import Organization, User
from oms_site.kit import ids
from orders.models import ExecutionOrder, Order
from tests import hiring
from venues.models import Instrument

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
_numbers = count(1)


def organization(name: str = "alpha") -> Organization:
    return Organization.objects.get_or_create(id=name, defaults={"name": name})[0]


def user(name: str, *, of: str = "alpha", roles: tuple[str, ...] = ("trader",)) -> User:
    return hiring.hire(name, of=organization(of).pk, roles=roles)


def instrument() -> Instrument:
    return Instrument.objects.get_or_create(
        cusip="912810SX7",
        defaults={
            "isin": "US912810SX72",
            "description": "T 2.375 05/15/51",
            "asset_class": "treasury",
            "issuer": "US Treasury",
            "min_denomination": Decimal(100),
            "min_increment": Decimal(100),
        },
    )[0]


def order(maker: User, *, of: str = "alpha") -> Order:
    policy = policy_changes.first(organization(of).pk, at=AT)
    return Order.objects.create(
        id=ids.order_id(),
        organization_id=of,
        version=1,
        fingerprint="f",
        instrument=instrument(),
        policy=policy,
        submitted_by=maker,
        order_qty=Decimal(1000),
        leaves_qty=Decimal(1000),
        side="buy",
        ord_type="limit",
        limit_price=Decimal(100),
        economics=1,
        trade_date=date(2026, 11, 20),
        eligible_at=AT,
        expires_at=CLOSE,
        created_at=AT,
    )


def screening(of: Order, outcome: str, *, version: int = 1) -> Screening:
    return Screening.objects.create(
        id=ids.prefixed("scr"),
        organization_id=of.organization_id,
        subject=of.id,
        subject_version=version,
        outcome=outcome,
        ticket={},
        results=[],
        screened_at=AT,
    )


def review(of: Screening, maker: User, *, status: str = "open", by: User | None = None) -> Review:
    """A review, decided if told so: by the word of `by` where it takes one."""
    made = Review.objects.create(
        id=ids.prefixed("rev"),
        organization_id=of.organization_id,
        version=1,
        subject=of.subject,
        subject_version=of.subject_version,
        screening=of,
        failed_controls=[],
        maker=maker,
        opened_at=AT,
        deadline_at=AT + timedelta(hours=1),
    )
    if status == "open":
        return made
    decision: dict[str, Any] = {"status": status, "decided_at": AT, "version": 2}
    if by is not None:
        word = vote(made, by, approve=status == "approved")
        decision |= {"decided_by": by, "decision_id": word.id, "approvals": word.approve}
    Review.objects.filter(id=made.id).update(**decision)
    return Review.objects.get(id=made.id)


def vote(of: Review, by: User, *, approve: bool) -> ReviewVote:
    """One person's word about a review."""
    return ReviewVote.objects.create(
        id=ids.prefixed("vote"),
        organization_id=of.organization_id,
        review=of,
        subject_version=of.subject_version,
        maker_id=of.maker_id,
        decided_by=by,
        approve=approve,
        annotation="seen",
        decided_at=AT,
    )


def execution_order(of: Order, by: Screening, **clearance: Any) -> ExecutionOrder:
    """An execution order with this clearance, passed on the first version unless told."""
    values = {"order_version": 1, "screening_outcome": by.outcome, **clearance}
    return ExecutionOrder.objects.create(
        id=f"eo_{next(_numbers)}",
        organization_id=of.organization_id,
        version=1,
        order=of,
        screening=by,
        protocol="lob",
        strategy="sor",
        qty=Decimal(1000),
        leaves_qty=Decimal(1000),
        origin="test",
        created_at=AT,
        **values,
    )
