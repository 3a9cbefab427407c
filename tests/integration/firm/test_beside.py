"""Processes beside this one do what they are asked, in order, and say what went wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from oms_site.firm.beside import Beside, ProcessGone
from oms_site.kit.errors import NotFound, OmsError
from tests.product import until


class Odd(Exception):
    """One that cannot be made again from what it says of itself."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail_oddly() -> None:
    """Raise what no process can send."""
    raise Odd("very", "odd")


def not_found() -> None:
    """Raise one of ours."""
    raise NotFound("order")


def fail_at_once() -> None:
    """Begin like one that cannot."""
    raise OSError("no disk")


@pytest.fixture
def beside() -> Iterator[Beside]:
    """One process, which has begun."""
    one = Beside(1, begin=time.tzset)
    try:
        until(one.is_ready, what="the process to begin")
        yield one
    finally:
        one.close()


def test_what_is_asked_is_done_in_order(beside: Beside) -> None:
    (pid,) = beside.pids()
    asked = [beside.submit(0, divmod, n, 7) for n in range(500)]
    assert [one.result(30) for one in asked] == [divmod(n, 7) for n in range(500)]
    assert beside.submit(0, os.getpid).result(30) == pid != os.getpid()


def test_what_went_wrong_is_raised_here_with_where_it_was(beside: Beside) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        beside.submit(0, divmod, 1, 0).result(30)
    assert "beside.py" in "".join(raised.value.__notes__)
    with pytest.raises(RuntimeError, match="very odd"):
        beside.submit(0, fail_oddly).result(30)
    with pytest.raises(OmsError, match="No such order"):
        beside.submit(0, not_found).result(30)
    assert beside.submit(0, divmod, 7, 7).result(30) == (1, 0)


def test_what_cannot_be_asked_is_refused_and_asks_nothing(beside: Beside) -> None:
    with pytest.raises((AttributeError, TypeError)):
        beside.submit(0, lambda: None)
    assert beside.submit(0, divmod, 7, 7).result(30) == (1, 0)


def test_one_that_is_killed_says_so_of_all_that_it_was_asked(beside: Beside) -> None:
    asked = [beside.submit(0, time.sleep, 60), beside.submit(0, divmod, 1, 1)]
    os.kill(beside.pids()[0], signal.SIGKILL)
    for one in asked:
        assert isinstance(one.exception(30), ProcessGone)
    with pytest.raises(ProcessGone):
        beside.submit(0, divmod, 1, 1)


def test_closing_waits_for_what_has_begun_and_forgets_the_rest(beside: Beside) -> None:
    asked = [beside.submit(0, time.sleep, 0.3), beside.submit(0, divmod, 1, 1)]
    beside.close()
    assert asked[0].result(0) is None
    assert asked[1].cancelled()
    with pytest.raises(ProcessGone):
        beside.submit(0, divmod, 1, 1)


def test_one_that_cannot_begin_says_why() -> None:
    one = Beside(1, begin=fail_at_once)
    try:
        with pytest.raises(OSError, match="no disk"):
            until(one.is_ready, what="the process to begin")
    finally:
        one.close()
