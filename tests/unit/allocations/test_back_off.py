"""How long is waited between attempts, and what a round of calls costs when a party is slow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allocations.clearing import sending as clearing
from allocations.custodians import asking
from allocations.custodians.asking import Deferred, back_off
from allocations.models import BookingLeg, ClearingReport, SettlementInstruction, TradeConfirm
from allocations.rounds import LEASE
from allocations.settlement import sending as settling
from allocations.states import COUNTED_MAX
from oms_site.kit import clock


@pytest.mark.parametrize(("first", "most"), [(1.0, 300.0), (2.0, 3600.0)])
def test_waits_double_up_to_a_cap_and_are_spread_by_a_quarter(first: float, most: float) -> None:
    for attempts in (*range(1, 30), COUNTED_MAX):
        middle = min(first * 2.0 ** (min(attempts, 30) - 1), most)
        waited = back_off("bl_1", attempts, first=first, most=most).total_seconds()
        assert 0.75 * middle <= waited <= 1.25 * middle


def test_before_the_first_attempt_is_counted_the_wait_is_the_first_one() -> None:
    assert 0.75 <= back_off("bl_1", 0).total_seconds() <= 1.25


def test_a_leg_always_waits_the_same_and_two_legs_do_not_come_together() -> None:
    assert back_off("bl_1", 3) == back_off("bl_1", 3)
    assert len({back_off(f"bl_{n}", 3) for n in range(20)}) > 15


@pytest.mark.parametrize("lease", [LEASE, clearing.LEASE, settling.LEASE])
def test_a_lease_outlasts_a_round_with_its_last_call_and_question(lease: timedelta) -> None:
    assert lease.total_seconds() > asking.ROUND_SECONDS + 2 * 5


def test_after_the_first_sign_of_trouble_nothing_more_is_asked() -> None:
    asked: list[int] = []

    def ask(one: int) -> str | Deferred:
        asked.append(one)
        return "yes" if one < 2 else Deferred("silent", "no answer")

    answers = asking.each([1, 2, 3, 4], ask, key=str, width=1)
    assert asked == [1, 2]
    assert answers["1"] == "yes"
    assert [one.called for one in answers.values() if isinstance(one, Deferred)] == [
        True,
        False,
        False,
    ]
    assert asking.each([], ask, key=str, width=8) == {}


@pytest.mark.parametrize(
    "row",
    [ClearingReport(), SettlementInstruction(), TradeConfirm()],
    ids=["clearing", "settlement", "confirmation"],
)
def test_attempts_are_counted_as_far_as_the_database_counts(
    row: ClearingReport | SettlementInstruction | TradeConfirm,
) -> None:
    row.attempts = COUNTED_MAX
    row.lease(retry_at=clock.now())
    assert row.attempts == COUNTED_MAX


def test_a_leg_that_only_waits_is_counted_no_further_either() -> None:
    leg = BookingLeg(attempts=COUNTED_MAX)
    leg.send(retry_at=clock.now())
    assert leg.attempts == COUNTED_MAX
