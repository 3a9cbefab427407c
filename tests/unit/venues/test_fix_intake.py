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
