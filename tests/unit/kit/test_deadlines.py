"""One deadline for a whole question, with answers that never come and some that do."""

from __future__ import annotations

import asyncio
import threading

import pytest

from oms_site.kit import deadlines


async def answers(what: str) -> str:
    await asyncio.sleep(0)
    return what


async def refuses() -> str:
    raise ConnectionError("gone")


def test_what_comes_in_time_is_the_answer() -> None:
    assert deadlines.within(30, answers("fine")) == "fine"


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ConnectionError, match="gone"):
        deadlines.within(30, refuses())


def test_what_is_late_is_abandoned_and_harms_nobody_after_it() -> None:
    ended = threading.Event()

    async def trickles() -> None:
        try:
            while True:
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        deadlines.within(0.05, trickles())
    assert ended.wait(30)
    assert deadlines.within(30, answers("fine")) == "fine"


def test_many_ask_at_once() -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(deadlines.within(30, answers(str(n)))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [str(n) for n in range(8)]
