"""The rules of incoming numbers by themselves: one request for a hole, and an end to asking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.fix.codec import Message
from venues.gateways.fix.receiving import Intake
from venues.gateways.port import GatewayError


def intake(**changes: Any) -> Intake:
    terms: dict[str, Any] = {"session": "S", "begin": "FIX.4.4", "ours": "US", "theirs": "THEM"}
    return Intake(**{**terms, "next_in": 1, **changes})


def message(seq: int, kind: str = "8", *, dup: bool = False, **fields: Any) -> Message:
    head = [(8, "FIX.4.4"), (35, kind), (49, "THEM"), (56, "US"), (34, str(seq))]
    head += [(43, "Y")] if dup else []
    more = [(int(tag.removeprefix("t")), str(value)) for tag, value in fields.items()]
    return Message((*head, *more), b"")


def take(one: Intake, *said: Message) -> list[int]:
    return [due.seq for each in said for due in one.take(each)]


def test_a_hole_is_asked_for_once_while_it_is_filled() -> None:
    one = intake()
    assert take(one, *(message(n) for n in range(50, 60))) == []
    assert one.answers == [("2", [(7, "1"), (16, "0")])]
    filled = take(one, *(message(n, dup=True) for n in range(1, 60)))
    assert filled == list(range(1, 60))
    assert len(one.answers) == 1


def test_a_hole_that_stays_is_asked_for_again_and_then_given_up() -> None:
    now = [0.0]
    one = intake(now=lambda: now[0])
    take(one, message(5))
    take(one, message(6))
    assert len(one.answers) == 1

    def go_on() -> None:
        for n in range(7, 20):
            now[0] += 11
            take(one, message(n))

    with pytest.raises(GatewayError, match="never told"):
        go_on()
    assert len(one.answers) == 3


def test_a_hole_in_what_is_told_again_is_asked_for() -> None:
    one = intake()
    take(one, message(5))
    assert take(one, message(1, dup=True), message(3, dup=True)) == [1]
    assert [body[0] for _, body in one.answers] == [(7, "1"), (7, "2")]


def test_a_question_behind_a_hole_is_answered_at_once_and_once() -> None:
    one = intake()
    take(one, message(3, "2", t7=1, t16=0))
    assert one.resends == [(1, 0)]
    assert take(one, message(1, dup=True), message(2, dup=True)) == [1, 2, 3]
    assert one.resends == [(1, 0)]


def gap_fill(seq: int, following: int) -> Message:
    return message(seq, "4", dup=True, t123="Y", t36=following)


def reset(following: int) -> Message:
    return message(1, "4", t36=following)


def test_what_was_heard_behind_a_hole_is_due_when_a_gap_is_filled_over_it() -> None:
    one = intake()
    assert take(one, message(2), message(3), gap_fill(1, 4), message(4)) == [2, 3, 4]
    assert not one.held


def test_what_was_heard_behind_a_hole_is_due_when_the_numbers_are_reset_over_it() -> None:
    one = intake()
    assert take(one, message(2), message(3), reset(4), message(4)) == [2, 3, 4]
    assert [each.get(36) for each in one.resets] == ["4"]


def test_a_number_that_is_used_anew_after_a_reset_means_the_new_message() -> None:
    one = intake()
    take(one, message(3, t17="old"), message(4, t17="old"), reset(3))
    said = [message(3, t17="new"), message(4, t17="new")]
    assert [due.get(17) for each in said for due in one.take(each)] == ["new", "new"]


def test_a_reset_to_the_number_that_is_due_changes_nothing() -> None:
    one = intake(next_in=3)
    assert take(one, reset(3), message(3)) == [3]
    assert not one.resets


@pytest.mark.parametrize("told", ["2", "", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_reset_to_no_number_that_can_come_needs_a_person(told: str) -> None:
    with pytest.raises(GatewayError) as refused:
        take(intake(next_in=3), message(1, "4", t36=told))
    assert (refused.value.code, refused.value.permanent) == ("sequence_reset", True)


@pytest.mark.parametrize("told", ["\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_question_for_what_is_no_number_is_not_answered(told: str) -> None:
    one = intake()
    assert take(one, message(1, "2", t7=told, t16="0")) == [1]
    assert one.resends == []


def test_what_is_not_ours_ends_the_session() -> None:
    strange = Message(((8, "FIX.4.4"), (35, "0"), (49, "WHO"), (56, "US"), (34, "1")), b"")
    with pytest.raises(GatewayError) as refused:
        take(intake(), strange)
    assert (refused.value.code, refused.value.permanent) == ("session_mismatch", True)


@given(st.permutations(range(1, 12)), st.lists(st.integers(1, 11), max_size=8))
def test_in_whatever_order_each_comes_out_once_in_its_own(
    order: list[int], repeats: list[int]
) -> None:
    one = intake()
    said = [message(n) for n in order]
    found = take(one, *said, *(message(n, dup=True) for n in repeats))
    assert found == list(range(1, 12))
    assert one.next_in == 12
