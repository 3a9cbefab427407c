"""Answers kept for a second: who asks again, who need not wait, and what is never believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oms_site.kit import clock
from oms_site.kit.fresh import MISSING, Fresh


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the clock that ages are measured by at so many seconds."""

    def put(seconds: float) -> None:
        monkeypatch.setattr(clock, "monotonic", lambda: seconds)

    put(0)
    return put


@pytest.fixture
def kept() -> Fresh[str, str | None]:
    return Fresh(keep_s=1, again_s=0.7, most=3)


def never() -> str:
    raise AssertionError("it was asked")


def test_what_nobody_asked_for_is_missing_and_no_answer_is_an_answer(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    assert kept.known("a") is MISSING
    assert kept.last("a") is MISSING
    assert kept.get("a", lambda: None) is None
    assert kept.known("a") is None
    assert kept.get("a", never) is None


def test_the_first_who_comes_late_asks_and_the_others_are_answered(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    kept.get("a", lambda: "old")
    later(0.69)
    assert kept.known("a") == "old"
    later(0.7)
    assert [kept.known("a") for _ in range(3)] == [MISSING, "old", "old"]
    # He was sent to ask: he is not answered from memory.
    assert kept.get("a", lambda: "new") == "new"
    later(1.39)
    assert kept.known("a") == "new"


def test_nothing_is_believed_for_longer_than_it_may_be(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    kept.get("a", lambda: "old")
    later(1)
    assert [kept.known("a") for _ in range(2)] == [MISSING, MISSING]
    assert kept.last("a") == "old"
    assert kept.get("a", lambda: "new") == "new"


def test_an_answer_is_as_old_as_its_question(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    def slow() -> str:
        later(0.9)
        return "as it was at the start"

    kept.get("a", slow)
    later(1)
    assert kept.known("a") is MISSING


def test_a_question_that_failed_leaves_what_was_known(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    kept.get("a", lambda: "old")
    later(0.8)
    assert kept.known("a") is MISSING
    with pytest.raises(AssertionError):
        kept.get("a", never)
    assert kept.known("a") == "old"


def test_it_never_grows_beyond_its_bound(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    for key in "abc":
        kept.get(key, lambda: "x")
    assert kept.known("a") == "x"
    kept.get("d", lambda: "x")
    assert [kept.known(key) for key in "abcd"] == [MISSING, MISSING, MISSING, "x"]


def test_some_or_all_are_forgotten(
    kept: Fresh[str, str | None], later: Callable[[float], None]
) -> None:
    for key in "abc":
        kept.get(key, lambda: "x")
    kept.forget("a", "unknown")
    assert [kept.known(key) for key in "abc"] == [MISSING, "x", "x"]
    kept.forget()
    assert [kept.known(key) for key in "abc"] == [MISSING] * 3
