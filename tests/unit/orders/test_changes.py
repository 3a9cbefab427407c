"""What a screen is told after the position it has: changed fields only, nothing twice, no holes."""

from __future__ import annotations

import pytest

from orders import changes
from orders.changes import Changes


@pytest.fixture
def watched() -> Changes:
    """An organization's changes that have been read up to position 10."""
    one = Changes("alpha")
    one.position = one.floor = 10
    return one


def _read(watched: Changes, position: int, *rows: dict[str, object]) -> None:
    for row in rows:
        watched._take(row, position)
    watched.position = position


def test_an_order_not_seen_before_comes_whole(watched: Changes) -> None:
    _read(watched, 12, {"id": "a", "cum": "0", "status": "working"})
    assert watched.after(10) == [{"id": "a", "cum": "0", "status": "working"}]


def test_later_only_the_changed_fields_come(watched: Changes) -> None:
    _read(watched, 12, {"id": "a", "cum": "0", "status": "working"})
    _read(watched, 15, {"id": "a", "cum": "5", "status": "working"})
    assert watched.after(12) == [{"id": "a", "cum": "5"}]


def test_a_slow_screen_gets_everything_that_it_missed_in_one_row(watched: Changes) -> None:
    _read(watched, 12, {"id": "a", "cum": "0", "status": "working"}, {"id": "b", "cum": "0"})
    _read(watched, 13, {"id": "a", "cum": "5", "status": "working"})
    _read(watched, 14, {"id": "a", "cum": "5", "status": "filled"})
    assert watched.after(12) == [{"id": "a", "cum": "5", "status": "filled"}]
    assert watched.after(13) == [{"id": "a", "status": "filled"}]
    assert watched.after(14) == []


def test_an_unchanged_row_is_told_to_nobody(watched: Changes) -> None:
    _read(watched, 12, {"id": "a", "cum": "0"})
    _read(watched, 13, {"id": "a", "cum": "0"})
    assert watched.after(12) == []


def test_a_position_from_before_the_memory_or_after_it_needs_a_new_picture(
    watched: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watched.after(9) is None
    assert watched.after(11) is None
    monkeypatch.setattr(changes, "_KEEP", 2)
    _read(watched, 11, {"id": "a"})
    _read(watched, 12, {"id": "b"})
    _read(watched, 13, {"id": "c"})
    assert watched.after(10) is None
    assert watched.after(11) == [{"id": "b"}, {"id": "c"}]
