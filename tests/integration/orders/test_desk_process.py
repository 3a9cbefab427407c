"""Orders that a web process passes on to the desk's own processes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders.api import frames, lines, taking
from orders.api.desk_process import DeskProcess
from orders.api.taking import Answered, Asked
from orders.models import Order

ORDER = {
    "account_id": "alpha-002",
    "instrument_id": "037833DP2",
    "amount": {"par": 100_000},
    "type": "limit",
    "side": "buy",
    "limit_price": 99.5,
    "bypass_auto_execution": True,
}


@contextmanager
def running_desk(path: Path) -> Iterator[DeskProcess]:
    """A desk in a thread of its own, which ends with its database connection."""
    desk = DeskProcess(str(path))

    def run() -> None:
        try:
            desk.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield desk
    finally:
        desk.stop()
        thread.join(20)
        assert not thread.is_alive()


class Deaf(asyncio.Protocol):
    """A desk that reads and never answers."""

    def __init__(self, known: list[Deaf]) -> None:
        self.read = b""
        known.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data

    def numbers(self) -> list[int]:
        """The numbers of the requests it was sent."""
        return [frames.request(frame)[0] for frame in frames.Splitter().feed(self.read)]


@pytest.fixture
def asked(caller: Callable[[str], Principal]) -> Callable[..., Asked]:
    principal = caller("alpha_trader")

    def ask(name: str, **changes: Any) -> Asked:
        body = json.dumps({**ORDER, "client_order_id": name, **changes}).encode()
        return Asked(principal, clock.now(), "c-1", "", body)

    return ask


@asynccontextmanager
async def open_lines(count: int = 1) -> AsyncIterator[lines.Lines]:
    """Lines of this loop, once so many are open."""
    found = lines.Lines()
    while len(found._open) < count:
        await asyncio.sleep(0.01)
    yield found
    found.close()
    await asyncio.sleep(0.01)  # until their sockets are closed


def test_orders_pass_to_the_desk_and_each_gets_its_own_answer(
    committed_sandbox: datetime,
    asked: Callable[..., Asked],
    tmp_path: Path,
    settings: LazySettings,
) -> None:
    settings.DESK_LINES = [str(tmp_path / "desk")]

    async def send() -> list[Answered]:
        wanted = [
            asked("one"),
            asked("two", side="sideways"),
            asked("three"),
            asked("three", side="sell"),
        ]
        async with open_lines() as here:
            return await asyncio.gather(*[here.submit(one) for one in wanted])

    with running_desk(tmp_path / "desk"):
        one, two, three, clash = asyncio.run(send())
    assert [answer.status for answer in (one, two, three, clash)] == [201, 422, 201, 409]
    order = Order.objects.get(client_order_id="one")
    assert json.loads(one.content)["id"] == order.id
    assert one.headers == {"location": f"/v1/trading/order/{order.id}/"}
    assert json.loads(two.content)["error_details"][0]["field"] == "side"
    assert Order.objects.count() == 2


def test_without_a_desk_this_process_takes_orders_in(
    committed_sandbox: datetime,
    asked: Callable[..., Asked],
    tmp_path: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DESK_LINES = [str(tmp_path / "nobody")]
    take = taking.take

    def take_and_leave(batch: Sequence[Asked]) -> list[Answered]:
        # The writer's thread never ends and would keep this test's database.
        try:
            return take(batch)
        finally:
            connection.close()

    monkeypatch.setattr(taking, "take", take_and_leave)

    async def send() -> Answered:
        async with open_lines(0) as here:
            return await here.submit(asked("here"))

    assert asyncio.run(send()).status == 201
    assert Order.objects.get().client_order_id == "here"


def test_a_desk_that_leaves_answers_503_and_its_line_is_opened_again(
    committed_sandbox: datetime,
    asked: Callable[..., Asked],
    tmp_path: Path,
    settings: LazySettings,
) -> None:
    path = tmp_path / "desk"
    settings.DESK_LINES = [str(path)]

    async def send() -> tuple[Answered, Answered]:
        deaf: list[Deaf] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: Deaf(deaf), str(path))
        async with open_lines() as here:
            first = asyncio.create_task(here.submit(asked("lost")))
            while not deaf[0].numbers():
                await asyncio.sleep(0.01)
            server.close()
            deaf[0].transport.close()
            unknown = await first
            with running_desk(path):
                while not here._open:
                    await asyncio.sleep(0.01)
                again = await here.submit(asked("lost"))
                # A thread waits for the desk's end from here on.
                here.close()
        return unknown, again

    unknown, again = asyncio.run(send())
    assert (unknown.status, unknown.headers) == (503, {"retry-after": "1"})
    assert again.status == 201
    assert Order.objects.count() == 1


def test_the_least_busy_desk_gets_the_next_order(
    sandbox: datetime, asked: Callable[..., Asked], tmp_path: Path, settings: LazySettings
) -> None:
    settings.DESK_LINES = [str(tmp_path / "a"), str(tmp_path / "b")]

    async def send() -> list[int]:
        deaf: list[Deaf] = []
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_unix_server(lambda: Deaf(deaf), path) for path in settings.DESK_LINES
        ]
        async with open_lines(2) as here:
            tasks = [asyncio.create_task(here.submit(asked(f"n{n}"))) for n in range(10)]
            while sum(len(one.numbers()) for one in deaf) < 10:
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
        for server, one in zip(servers, deaf, strict=True):
            server.close()
            one.transport.close()
        return [len(one.numbers()) for one in deaf]

    assert asyncio.run(send()) == [5, 5]


def test_a_desk_that_is_told_to_stop_answers_what_has_arrived(
    committed_sandbox: datetime,
    asked: Callable[..., Asked],
    tmp_path: Path,
    settings: LazySettings,
) -> None:
    path = tmp_path / "desk"
    settings.DESK_LINES = [str(path)]

    async def send(desk: DeskProcess) -> list[Answered]:
        async with open_lines() as here:
            tasks = [asyncio.create_task(here.submit(asked(f"n{n}"))) for n in range(20)]
            await asyncio.sleep(0)  # they are asked
            await asyncio.sleep(0)  # and sent
            desk.stop()
            return await asyncio.gather(*tasks)

    with running_desk(path) as desk:
        answers = asyncio.run(send(desk))
    assert {answer.status for answer in answers} == {201}
    assert Order.objects.count() == 20
    assert not path.exists()
