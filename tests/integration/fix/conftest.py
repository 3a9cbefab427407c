"""A FIX venue beside the test: the real entrance, sessions and journals, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.kit import clock
from venues import catalog, format_changes
from venues.gateways.fix.gateway import Addresses, FixGateway
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.models import Venue
from venues.simulator.fix.entrance import Entrance
from venues.simulator.server import Venue as SimulatedVenue
from venues.simulator.session import Session

SESSION = "FIXSIM"


def _listening(port: int) -> socket.socket:
    """A door where nothing said waits for an acknowledgment, as the process has them."""
    sock = socket.create_server(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Outside:
    """The simulated venue with two FIX doors, which can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.doors = ("outside:fix", "outside:fix_backup")
        # The last one is the entrance without FIX.
        self._socks = [socket.create_server(("127.0.0.1", 0)) for _ in (*self.doors, "plain")]
        *self.ports, self.plain_port = [one.getsockname()[1] for one in self._socks]
        for one in self._socks:
            one.close()
        self.open = set(self.doors)
        self.start()

    def start(self) -> None:
        """Open the journals and the doors."""
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        """Close everything; what is on disk stays."""
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(10)
        self._loop.close()

    def _run(self, ready: threading.Event) -> None:
        self._serving = self._loop.create_task(self._serve(ready))
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)

    async def _serve(self, ready: threading.Event) -> None:
        self.venue = SimulatedVenue(directory=self.directory, listings=catalog.listings())
        self.entrance = Entrance(self.venue, self.directory)
        servers = []
        for door, port in zip(self.doors, self.ports, strict=True):
            if door in self.open:
                servers.append(await self.entrance.listen(_listening(port)))
        servers.append(await self.venue.listen(_listening(self.plain_port)))
        ready.set()
        try:
            await self.venue.run()
        finally:
            for server in servers:
                server.close()
            self.venue.close()
            self.entrance.close()
            await asyncio.sleep(0.05)

    def do(self, work: Callable[[Session], Any], session: str = SESSION) -> Any:
        """Do something in the venue's own thread."""

        async def there() -> Any:
            return work(self.venue.session(session))

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def find(self, address: str) -> tuple[str, int]:
        """Where a door is."""
        return "127.0.0.1", self.ports[self.doors.index(address)]

    def gateway(self, session: str = SESSION, addresses: Addresses | None = None) -> FixGateway:
        """Our side of a session here."""
        return FixGateway(session=session, find=self.find, addresses=addresses or Addresses())

    def plain(self, session: str = SESSION) -> SimulatorGateway:
        """Our side of the same session at the entrance without FIX."""
        return SimulatorGateway(session=session, host="127.0.0.1", port=self.plain_port)


def speak(venue_id: str, **content: Any) -> None:
    """Two people change what a venue is told: everything else of its format stays."""
    now = {**Venue.objects.get(pk=venue_id).template, **content}
    maker, checker = (principals.of_user(one, via="test") for one in _people())
    made = format_changes.propose(venue_id, content=now, reason="a test", by=maker, at=clock.now())
    format_changes.approve(made.pk, by=checker, at=clock.now())
    generation.check()


def _people() -> list[User]:
    return [User.objects.get(username=f"alpha_{name}") for name in ("admin", "ops")]


@pytest.fixture
def outside(committed_sandbox: datetime, tmp_path: Path) -> Iterator[Outside]:
    """The venue, open for business, beside a committed sandbox."""
    one = Outside(tmp_path)
    yield one
    one.stop()
