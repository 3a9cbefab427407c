"""The order stream's first word: what is true once a client has read it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oms_site.journal.stream import OrderStream


class Told(OrderStream):
    """A socket that notes what is done on it, in order."""

    def __init__(self, position: int | None, *views: str) -> None:
        super().__init__()
        self._position, self._views = position, frozenset(views)
        self.done: list[Any] = []

    async def _start(self) -> int | None:
        self.done.append("knows where it begins")
        return self._position

    async def _follow(self, position: int) -> None:
        self.done.append(position)

    async def _say(self, message: dict[str, Any]) -> None:
        self.done.append(message.get("msg"))

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        self.done.append(code)


@pytest.mark.parametrize(
    ("stream", "then"),
    [
        (Told(7), [7]),
        (Told(None), ["replay_unavailable", 4410]),
        (Told(7, "weather"), ["view_unknown", 4400]),
    ],
)
def test_who_is_told_success_misses_nothing_that_happens_from_then_on(
    stream: Told, then: list[Any]
) -> None:
    asyncio.run(stream._run())
    assert stream.done == ["knows where it begins", "connected", *then]
