"""No execution order without clearance: the database itself refuses every way around the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from controls.models import Control, Review, Screening
from oms_site.firm.models import User
from orders.models import ExecutionOrder, Order
from tests.integration.controls import rows

pytestmark = pytest.mark.django_db


@contextmanager
def refused(law: str) -> Iterator[None]:
    """The block, with its deferred constraints, is refused for this reason."""
    with pytest.raises(DatabaseError, match=law), transaction.atomic():  # noqa: PT012
        yield
        check_now()


def check_now() -> None:
    """Have the deferred constraints checked as a commit would."""
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("SET CONSTRAINTS ALL DEFERRED")


def run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@pytest.fixture
def maker() -> User:
    return rows.user("tina")


@pytest.fixture
def checker() -> User:
    return rows.user("carl", roles=("compliance",))


@pytest.fixture
def order(maker: User) -> Order:
    return rows.order(maker)


@pytest.fixture
def flagged(order: Order) -> Screening:
    return rows.screening(order, "flagged")


# --- what is allowed: so that the refusals below are not refused for another reason ---------------
def test_a_passed_screening_of_the_same_order_clears(order: Order) -> None:
    rows.execution_order(order, rows.screening(order, "passed"))
    check_now()


def test_an_approved_review_of_a_flagged_screening_clears(
    order: Order, flagged: Screening, maker: User, checker: User
) -> None:
    review = rows.review(flagged, maker, status="approved", by=checker)
    rows.execution_order(order, flagged, review=review, review_status="approved")
    check_now()


# --- execution orders ---------------------------------------------------------------------------
def test_an_execution_order_needs_a_screening(order: Order) -> None:
    passed = rows.screening(order, "passed")
    made = rows.execution_order(order, passed)
    copied = (
        "INSERT INTO orders_executionorder SELECT (jsonb_populate_record(e, %s::jsonb)).* "
        "FROM orders_executionorder e WHERE id = %s"
    )
    run(copied, '{"id": "eo_copy"}', made.id)
    with refused("null value in column"):
        run(copied, '{"id": "eo_none", "screening_id": null}', made.id)
    with refused("execution_order_of_that_screening"):
        run(copied, '{"id": "eo_invented", "screening_id": "scr_invented"}', made.id)


def test_a_rejected_screening_clears_nothing(order: Order) -> None:
    rejected = rows.screening(order, "rejected")
    with refused("execution_order_cleared"):
        rows.execution_order(order, rejected)


def test_a_rejected_screening_called_passed_clears_nothing(order: Order) -> None:
    rejected = rows.screening(order, "rejected")
    with refused("execution_order_of_that_screening"):
        rows.execution_order(order, rejected, screening_outcome="passed")


def test_a_flagged_screening_called_passed_clears_nothing(order: Order, flagged: Screening) -> None:
    with refused("execution_order_of_that_screening"):
        rows.execution_order(order, flagged, screening_outcome="passed")


def test_another_orders_screening_clears_nothing(order: Order, maker: User) -> None:
    other = rows.screening(rows.order(maker), "passed")
    with refused("execution_order_of_that_screening"):
        rows.execution_order(order, other)


def test_a_screening_of_another_version_clears_nothing(order: Order) -> None:
    first = rows.screening(order, "passed", version=1)
    with refused("execution_order_of_that_screening"):
        rows.execution_order(order, first, order_version=2)


def test_a_flagged_screening_without_a_review_clears_nothing(
    order: Order, flagged: Screening
) -> None:
    with refused("execution_order_cleared"):
        rows.execution_order(order, flagged)


@pytest.mark.parametrize("status", ["open", "rejected", "expired", "withdrawn"])
def test_a_review_that_is_not_approved_clears_nothing(
    order: Order, flagged: Screening, maker: User, checker: User, status: str
) -> None:
    review = rows.review(
        flagged, maker, status=status, by=checker if status == "rejected" else None
    )
    with refused("execution_order_cleared"):
        rows.execution_order(order, flagged, review=review, review_status=status)
    with refused("execution_order_of_that_review"):
        rows.execution_order(order, flagged, review=review, review_status="approved")


@pytest.mark.parametrize("status", ["open", "rejected"])
def test_a_review_whose_status_is_left_out_clears_nothing(
    order: Order, flagged: Screening, maker: User, checker: User, status: str
) -> None:
    review = rows.review(
        flagged, maker, status=status, by=checker if status == "rejected" else None
    )
    with refused("execution_order_cleared"):
        rows.execution_order(order, flagged, review=review, review_status=None)


def test_an_approved_review_of_another_order_clears_nothing(
    order: Order, flagged: Screening, maker: User, checker: User
) -> None:
    other = rows.screening(rows.order(maker), "flagged")
    approved = rows.review(other, maker, status="approved", by=checker)
    with refused("execution_order_of_that_review"):
        rows.execution_order(order, flagged, review=approved, review_status="approved")


def test_an_approved_review_of_another_screening_of_the_order_clears_nothing(
    order: Order, flagged: Screening, maker: User, checker: User
) -> None:
    approved = rows.review(flagged, maker, status="approved", by=checker)
    flagged_again = rows.screening(order, "flagged")
    with refused("execution_order"):
        rows.execution_order(order, flagged_again, review=approved, review_status="approved")


def test_the_clearance_of_an_execution_order_never_changes(order: Order) -> None:
    made = rows.execution_order(order, rows.screening(order, "passed"))
    again = rows.screening(order, "passed")
    with refused("change only by a revision of its order"):
        run(
            "UPDATE orders_executionorder SET screening_id = %s, version = 2 WHERE id = %s",
            again.id,
            made.id,
        )
    with refused("rows are kept"):
        ExecutionOrder.objects.filter(id=made.id).delete()


# --- screenings ---------------------------------------------------------------------------------
SCREENING_ATTACKS: list[Callable[[str], object]] = [
    lambda key: run("UPDATE controls_screening SET outcome = 'passed' WHERE id = %s", key),
    lambda key: run("UPDATE controls_screening SET results = '[]' WHERE id = %s", key),
    lambda key: run("DELETE FROM controls_screening WHERE id = %s", key),
    lambda _: run("TRUNCATE controls_screening CASCADE"),
    lambda key: Screening.objects.filter(id=key).update(outcome="passed"),
    lambda key: Screening.objects.filter(id=key).delete(),
    lambda key: Screening.objects.get(id=key).delete(),
    lambda key: _save_as_passed(Screening.objects.get(id=key)),
]


def _save_as_passed(screening: Screening) -> None:
    screening.outcome = "passed"
    screening.save()


@pytest.mark.parametrize("attack", SCREENING_ATTACKS)
def test_a_screening_can_be_neither_changed_nor_removed(
    flagged: Screening, attack: Callable[[str], object]
) -> None:
    # TRUNCATE refuses by itself while deferred checks wait.
    check_now()
    with refused("on controls_screening is refused: it is append-only"):
        attack(flagged.id)
    assert Screening.objects.get(id=flagged.id).outcome == "flagged"


def test_an_outcome_nobody_knows_is_refused(order: Order) -> None:
    with refused("outcome_known"):
        rows.screening(order, "waived")


# --- reviews ------------------------------------------------------------------------------------
@pytest.mark.parametrize("outcome", ["passed", "rejected"])
def test_only_a_flagged_screening_can_be_reviewed(order: Order, maker: User, outcome: str) -> None:
    with refused("review_of_that_flagged_screening"):
        rows.review(rows.screening(order, outcome), maker)


def test_a_screening_has_one_review(flagged: Screening, maker: User) -> None:
    rows.review(flagged, maker)
    with refused("controls_review_screening_id_key"):
        rows.review(flagged, maker)


@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_the_maker_cannot_decide(flagged: Screening, maker: User, status: str) -> None:
    review = rows.review(flagged, maker)
    with refused("maker_does_not_vote"):
        rows.vote(review, maker, approve=status == "approved")
    with refused("maker_is_not_checker"):
        run(
            "UPDATE controls_review SET status = %s, decided_by_id = maker_id, decided_at = now(),"
            " version = version + 1 WHERE id = %s",
            status,
            review.id,
        )
    with refused("maker_is_not_checker"):
        Review.objects.filter(id=review.id).update(
            status=status, decided_by=maker, decided_at=rows.AT, version=2
        )


def test_nobody_can_decide_anonymously(flagged: Screening, maker: User) -> None:
    review = rows.review(flagged, maker)
    with refused("decision_has_a_decider"):
        run(
            "UPDATE controls_review SET status = 'approved', version = version + 1 WHERE id = %s",
            review.id,
        )


def test_the_maker_of_a_review_cannot_be_swapped(
    flagged: Screening, maker: User, checker: User
) -> None:
    review = rows.review(flagged, maker)
    with refused("its terms never change"):
        run(
            "UPDATE controls_review SET maker_id = %s, version = version + 1 WHERE id = %s",
            checker.pk,
            review.id,
        )


@pytest.mark.parametrize("decided", ["rejected", "expired", "withdrawn"])
def test_a_closed_review_can_not_become_an_approval(
    flagged: Screening, maker: User, checker: User, decided: str
) -> None:
    review = rows.review(
        flagged, maker, status=decided, by=checker if decided == "rejected" else None
    )
    with refused("controls_review is refused"):
        run(
            "UPDATE controls_review SET status = 'approved', decided_by_id = %s,"
            " decided_at = now(), version = version + 1 WHERE id = %s",
            checker.pk,
            review.id,
        )


def test_an_approval_that_has_cleared_an_execution_order_cannot_be_taken_back(
    order: Order, flagged: Screening, maker: User, checker: User
) -> None:
    review = rows.review(flagged, maker, status="approved", by=checker)
    rows.execution_order(order, flagged, review=review, review_status="approved")
    with refused("execution_order_of_that_review|controls_review is refused"):
        run(
            "UPDATE controls_review SET status = 'rejected', version = version + 1 WHERE id = %s",
            review.id,
        )


def test_a_review_changes_only_with_a_new_version_and_stays(
    flagged: Screening, maker: User
) -> None:
    review = rows.review(flagged, maker)
    check_now()
    with refused("a change needs a new version"):
        run("UPDATE controls_review SET annotation = 'x' WHERE id = %s", review.id)
    with refused("DELETE on controls_review is refused"):
        run("DELETE FROM controls_review WHERE id = %s", review.id)
    with refused("TRUNCATE on controls_review is refused"):
        run("TRUNCATE controls_review CASCADE")


# --- controls -----------------------------------------------------------------------------------
def control(**values: Any) -> Control:
    return Control.objects.create(
        **{
            "organization": rows.organization(),
            "code": "c",
            "name": "C",
            "rule_class": "size.max_quantity",
            "remediation": "reject",
            "created_at": rows.AT,
            **values,
        }
    )


def test_a_regulatory_control_can_never_be_soft() -> None:
    with refused("regulatory_always_rejects"):
        control(regulatory=True, remediation="flag")
    control(regulatory=True)
    with refused("a version never changes"):
        run("UPDATE controls_control SET remediation = 'flag' WHERE code = 'c'")
    with refused("a version never changes"):
        Control.objects.filter(code="c").update(remediation="flag")


def test_only_one_version_of_a_control_is_in_force() -> None:
    standing = {"status": "active", "origin": "system", "rule_class": "halt.standing"}
    control(**standing)
    with refused("one_active_version"):
        control(version=2, **standing)
