"""What reaches us is handed over once, in its order, and never past a hole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from django.db import OperationalError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_site.kit import clock
from tests import trading
from tests.statements import watched
from venues.inbox import Raw, Stored
from venues.intake import Intake
from venues.models import Inbound

pytestmark = pytest.mark.django_db
MOST = 14


class Hearer:
    """Takes what is handed over, and may fail at one number."""

    def __init__(self, *, fails_at: int = 0) -> None:
        self.heard = list[int]()
        self.fails_at = fails_at

    def __call__(self, venue_id: str, rows: Sequence[Stored]) -> None:
        if self.fails_at in {row.seq for row in rows}:
            raise OperationalError("not now")
        assert [row.body for row in rows] == [str(row.seq) for row in rows]
        self.heard += [row.seq for row in rows]


def intake(hearer: Hearer) -> Intake:
    """One of a session that has just begun."""
    one = Intake(trading.VENUE, hearer)
    one.begin()
    return one


def take(one: Intake, *numbers: int) -> None:
    """Reports of these numbers reach us together."""
    one.take([Raw(number, str(number)) for number in numbers], at=clock.now())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(1, MOST + 1)),
    cuts=st.lists(st.integers(1, 4), min_size=MOST),
    again=st.lists(st.integers(1, MOST)),
)
def test_in_whatever_order_they_come_each_is_handed_over_once_and_in_its_turn(
    sandbox: datetime, order: list[int], cuts: list[int], again: list[int]
) -> None:
    with transaction.atomic():
        _all_arrive(order, cuts, again)
        transaction.set_rollback(True)


def _all_arrive(order: list[int], cuts: list[int], again: list[int]) -> None:
    hearer = Hearer()
    one, coming = intake(hearer), [*order, *again]
    arrived = set[int]()
    for size in cuts:
        part, coming = coming[:size], coming[size:]
        take(one, *part)
        arrived |= set(part)
        first_missing = next(n for n in range(1, MOST + 2) if n not in arrived)
        assert hearer.heard == list(range(1, first_missing))
        assert one.has_hole == any(n > first_missing for n in arrived)


def test_nothing_goes_past_a_hole(sandbox: datetime) -> None:
    hearer = Hearer()
    one = intake(hearer)
    take(one, 1)
    take(one, 3)
    assert (hearer.heard, one.has_hole) == ([1], True)
    take(one, 2, 4)
    assert (hearer.heard, one.has_hole) == ([1, 2, 3, 4], False)


def test_what_follows_without_a_hole_is_stored_and_read_no_more(sandbox: datetime) -> None:
    hearer = Hearer()
    one = intake(hearer)
    take(one, 1)
    with watched() as asked:
        take(one, 2, 3, 4)
        take(one, 5)
    assert hearer.heard == [1, 2, 3, 4, 5]
    assert [sql.split()[0] for sql in asked] == ["INSERT", "INSERT"]


def test_what_was_not_taken_is_handed_over_again_by_the_next_session(sandbox: datetime) -> None:
    hearer = Hearer(fails_at=3)
    one = intake(hearer)
    take(one, 1, 2)
    with pytest.raises(OperationalError):
        take(one, 3, 4)
    hearer.fails_at = 0
    Inbound.objects.filter(seq__lte=2).update(applied_at=clock.now(), verdict="applied")
    assert intake(hearer).handed == 4
    assert hearer.heard == [1, 2, 3, 4]


def test_of_two_with_one_number_the_first_is_kept(sandbox: datetime) -> None:
    one = intake(Hearer())
    one.take([Raw(1, "1"), Raw(1, "another")], at=clock.now())
    assert list(Inbound.objects.values_list("body", flat=True)) == ["1"]
