"""A moment of another day shows its day; one of today the time alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orders.templatetags import desk


@pytest.mark.parametrize(
    ("back", "shown"),
    [
        (timedelta(hours=1), ">09:00:00<"),
        (timedelta(hours=10), ">00:00:00<"),
        # In New York it was the evening before, though the day in UTC is the same.
        (timedelta(hours=10, seconds=1), ">2026-11-22 23:59:59<"),
        (timedelta(days=365), ">2025-11-23 10:00:00<"),
        (timedelta(days=-1), ">2026-11-24 10:00:00<"),
    ],
)
def test_a_moment_of_another_day_shows_its_day(
    ten_oclock: datetime, back: timedelta, shown: str
) -> None:
    assert shown in desk.et(ten_oclock - back)
    assert shown.replace("<", ".000<") in desk.et_ms(ten_oclock - back)


def test_where_the_day_stands_beside_it_the_time_is_alone(ten_oclock: datetime) -> None:
    assert ">10:00:00<" in desk.et_time(ten_oclock - timedelta(days=365))
    assert desk.et(None) == ""
