"""How long a leg waits between attempts."""

from __future__ import annotations

from allocations.rounds import BACK_OFF_SECONDS_MAX, LEASE, back_off
from allocations.sending import ROUND_SECONDS


def test_waits_double_up_to_a_cap_and_are_spread_by_a_quarter() -> None:
    for attempts in range(1, 30):
        middle = min(2.0 ** (attempts - 1), BACK_OFF_SECONDS_MAX)
        waited = back_off("bl_1", attempts).total_seconds()
        assert 0.75 * middle <= waited <= 1.25 * middle


def test_a_leg_always_waits_the_same_and_two_legs_do_not_come_together() -> None:
    assert back_off("bl_1", 3) == back_off("bl_1", 3)
    assert len({back_off(f"bl_{n}", 3) for n in range(20)}) > 15


def test_a_lease_outlasts_a_round_with_its_last_call_and_question() -> None:
    assert LEASE.total_seconds() > ROUND_SECONDS + 2 * 5
