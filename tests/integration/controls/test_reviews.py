"""A review is decided once, by somebody other than the maker, in time and with a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from controls import reviews
from controls.models import Review
from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit.errors import OmsError
from orders.models import Order
from tests.integration.controls import rows

pytestmark = pytest.mark.django_db
AT = rows.AT
WHY = "Approved per desk head"


def principal(user: User) -> Principal:
    return principals.of_user(user, via="test")


@pytest.fixture
def maker() -> User:
    return rows.user("tina", roles=("trader", "compliance"))


@pytest.fixture
def checker() -> Principal:
    return principal(rows.user("carl", roles=("compliance",)))


@pytest.fixture
def review(maker: User) -> Review:
    return rows.review(rows.screening(rows.order(maker), "flagged"), maker)


def decide(review: Review, by: Principal, **changes: Any) -> list[Any]:
    values: dict[str, Any] = {
        "approve": True,
        "decision_id": "ma_1",
        "client_decision_id": "client-1",
        "annotation": WHY,
        "at": AT,
        **changes,
    }
    return list(reviews.decide(review, by=by, **values))


def refusal(call: Callable[[], object], review: Review) -> tuple[str, int]:
    before = review.state()
    with pytest.raises(OmsError) as caught:
        call()
    assert review.state() == before
    return caught.value.code, caught.value.status


def test_a_review_is_opened_and_decided_through_the_journal(
    maker: User, checker: Principal
) -> None:
    order = rows.order(maker)
    screening = rows.screening(order, "flagged")
    failed = [{"control_id": "price", "control_message": "Too far."}]
    with unit.work(by=actors.system("test"), at=AT) as work:
        held = work.lock(Order, [order.id])[order.id]
        opened = reviews.open(
            work,
            screening=screening,
            failed_controls=failed,
            maker_id=maker.pk,
            deadline_at=rows.CLOSE,
            at=AT,
            organization_id="alpha",
        )
        work.record(held, "flagged_for_review", body={"failed_controls": failed}, also=[opened])
    assert [found.id for found in reviews.open_reviews("alpha")] == [opened.id]
    assert not reviews.open_reviews("beta")
    with unit.work(by=actors.person(checker), at=AT) as work:
        locked = work.lock(Review, [opened.id])[opened.id]
        facts = decide(locked, checker)
        work.add(*facts)
        work.record(locked, "manual_approve_request", body={"annotation": WHY}, also=facts)
    stored = Review.objects.get(id=opened.id)
    assert (stored.status, stored.version, stored.failed_controls) == ("approved", 2, failed)
    assert (stored.decided_by_id, stored.decided_at) == (checker.user_id, AT)
    assert (stored.decision_id, stored.client_decision_id) == ("ma_1", "client-1")
    assert (stored.annotation, stored.deadline_at) == (WHY, rows.CLOSE)
    assert not reviews.open_reviews("alpha")
    assert Event.objects.filter(subject=opened.id, seq=2).count() == 1


@pytest.mark.parametrize("outcome", ["passed", "rejected"])
def test_only_a_flagged_screening_opens_a_review(maker: User, outcome: str) -> None:
    screening = rows.screening(rows.order(maker), outcome)
    with (
        pytest.raises(ValueError, match="flagged"),
        unit.work(by=actors.system("test"), at=AT) as work,
    ):
        reviews.open(
            work,
            screening=screening,
            failed_controls=[],
            maker_id=maker.pk,
            deadline_at=rows.CLOSE,
            at=AT,
            organization_id="alpha",
        )


@pytest.mark.parametrize(("approve", "status"), [(True, "approved"), (False, "rejected")])
def test_somebody_else_decides_either_way(
    review: Review, checker: Principal, approve: bool, status: str
) -> None:
    decide(review, checker, approve=approve)
    assert review.status == status


@pytest.mark.parametrize("approve", [True, False])
def test_the_maker_may_not_decide_even_with_the_entitlement(
    review: Review, maker: User, approve: bool
) -> None:
    by = principal(maker)
    assert refusal(lambda: decide(review, by, approve=approve), review) == ("self_approval", 403)


@pytest.mark.parametrize("role", ["trader", "operations", "auditor"])
def test_without_the_entitlement_nobody_decides(review: Review, role: str) -> None:
    by = principal(rows.user("nobody", roles=(role,)))
    assert refusal(lambda: decide(review, by), review) == ("not_entitled", 403)


def test_another_organizations_review_does_not_exist(review: Review) -> None:
    by = principal(rows.user("bea", of="beta", roles=("compliance",)))
    assert refusal(lambda: decide(review, by), review) == ("not_found", 404)


@pytest.mark.parametrize("annotation", ["", "  \n"])
@pytest.mark.parametrize("approve", [True, False])
def test_a_decision_needs_a_reason(
    review: Review, checker: Principal, annotation: str, approve: bool
) -> None:
    call = partial(decide, review, checker, approve=approve, annotation=annotation)
    assert refusal(call, review) == ("annotation_required", 422)


def test_at_the_deadline_it_is_too_late_and_just_before_it_is_not(
    review: Review, checker: Principal
) -> None:
    late = review.deadline_at
    assert refusal(lambda: decide(review, checker, at=late), review) == ("review_expired", 409)
    decide(review, checker, at=late - timedelta(microseconds=1))
    assert review.status == "approved"


@pytest.mark.parametrize("first", ["approved", "rejected", "expired", "withdrawn"])
def test_nothing_moves_a_closed_review(review: Review, checker: Principal, first: str) -> None:
    first_moves: dict[str, Callable[[], object]] = {
        "approved": lambda: decide(review, checker),
        "rejected": lambda: decide(review, checker, approve=False),
        "expired": lambda: reviews.expire(review, at=AT),
        "withdrawn": lambda: reviews.withdraw(review, at=AT),
    }
    first_moves[first]()
    assert review.status == first
    moves: list[Callable[[], object]] = [
        lambda: decide(review, checker),
        lambda: decide(review, checker, approve=False),
        lambda: reviews.expire(review, at=AT),
        lambda: reviews.withdraw(review, at=AT),
    ]
    for move in moves:
        assert refusal(move, review) == ("already_decided", 409)
