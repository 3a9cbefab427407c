"""What the sockets of all screens do themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from orders.screen_socket import ScreenSocket


@pytest.mark.usefixtures("committed_sandbox")
def test_a_heartbeat_that_finds_nothing_in_memory_reads_beside_the_event_loop(
    caller: Callable[[str], Principal],
) -> None:
    sent: list[str] = []

    async def send(*, text_data: str) -> None:
        sent.append(text_data)

    socket = ScreenSocket()
    socket._principal = caller("alpha_trader")
    socket.send = send
    generation.forget()
    asyncio.run(socket.say("hb", seq=0))
    told = json.loads(sent[0])
    assert told["market"]["word"] == "OPEN"
    assert told["halts"] == []
