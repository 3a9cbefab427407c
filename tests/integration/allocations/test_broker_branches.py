"""A broker is a branch within its own organization and never of itself: the database says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from allocations.models import IntroducingBroker
from tests.races.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def brokers(sandbox: datetime) -> None:
    """Three of alpha, each a branch of the one before, and one of beta."""
    above = None
    for key in ("ib_one", "ib_two", "ib_three"):
        IntroducingBroker.objects.create(id=key, organization_id="alpha", name=key, parent_id=above)
        above = key


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


_INSERT = "INSERT INTO allocations_introducingbroker (id, organization_id, name, parent_id) VALUES "


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE allocations_introducingbroker SET parent_id = 'ib_beta' WHERE id = 'ib_one'",
        f"{_INSERT} ('ib_new', 'beta', 'new', 'ib_one')",
        # A broker with branches does not move away from them, nor a branch from its firm.
        "UPDATE allocations_introducingbroker SET organization_id = 'beta' WHERE id = 'ib_one'",
        "UPDATE allocations_introducingbroker SET organization_id = 'beta' WHERE id = 'ib_three'",
    ],
)
def test_a_parent_of_another_organization_is_refused(sql: str) -> None:
    with pytest.raises(IntegrityError, match="ib_parent_of_same_organization"):
        run(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE allocations_introducingbroker SET parent_id = 'ib_three' WHERE id = 'ib_one'",
        "UPDATE allocations_introducingbroker SET parent_id = 'ib_two' WHERE id = 'ib_one'",
        f"{_INSERT} ('ib_a', 'alpha', 'a', 'ib_b'), ('ib_b', 'alpha', 'b', 'ib_a')",
    ],
)
def test_a_branch_of_its_own_branch_is_refused(sql: str) -> None:
    with pytest.raises(DatabaseError, match="branch of itself"):
        run(sql)


def test_its_own_parent_is_refused() -> None:
    with pytest.raises(DatabaseError):
        run("UPDATE allocations_introducingbroker SET parent_id = id WHERE id = 'ib_one'")


def test_branches_are_moved_and_let_go() -> None:
    run("UPDATE allocations_introducingbroker SET parent_id = 'ib_one' WHERE id = 'ib_three'")
    run("UPDATE allocations_introducingbroker SET parent_id = 'ib_three' WHERE id = 'ib_two'")
    run("UPDATE allocations_introducingbroker SET parent_id = NULL WHERE id = 'ib_three'")
    run(f"{_INSERT} ('ib_b', 'alpha', 'b', 'ib_a'), ('ib_a', 'alpha', 'a', NULL)")


@pytest.mark.django_db(transaction=True)
def test_two_who_make_each_other_s_branch_at_once_do_not_both_succeed() -> None:
    IntroducingBroker.objects.filter(id__startswith="ib_t").update(parent_id=None)

    def under(child: str, parent: str) -> Callable[[], str]:
        def move() -> str:
            try:
                run(
                    "UPDATE allocations_introducingbroker"
                    f" SET parent_id = '{parent}' WHERE id = '{child}'"
                )
            except DatabaseError as error:
                return str(error).split("\n", maxsplit=1)[0]
            return ""

        return move

    said = sorted(race(under("ib_one", "ib_two"), under("ib_two", "ib_one")))
    assert said[0] == ""
    assert "branch of itself" in said[1]
