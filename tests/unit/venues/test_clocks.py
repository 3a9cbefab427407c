"""A venue's clock is judged by its least delayed stamps: a slow moment of ours is none of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from venues.gateways.clocks import Offset

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def ms(value: int) -> timedelta:
    return timedelta(milliseconds=value)


def test_being_late_is_no_offset() -> None:
    offset = Offset()
    assert offset.take(AT, AT + ms(2)) == ms(-2)
    assert offset.take(AT, AT + ms(900)) == ms(-2)


def test_a_clock_that_is_ahead_is_seen_at_once_and_one_behind_soon() -> None:
    offset = Offset()
    offset.take(AT, AT)
    assert offset.take(AT + ms(300), AT) == ms(300)
    for _ in range(10):
        found = offset.take(AT - ms(80), AT)
    assert found == ms(-80)
