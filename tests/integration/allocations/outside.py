"""A real custodian simulator in a thread of its own, on a real port, with a journal on disk."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from pathlib import Path

import httpx

from allocations.custodians.simulator import books, files
from allocations.custodians.simulator.app import CustodianApp
from allocations.custodians.simulator.http import server_of

CUSTODIANS = ("cust_lpl", "cust_bny", "cust_pershing")


class Outside:
    """The custodians' side: can be stopped, started again elsewhere, and made to misbehave."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.start()

    def start(self) -> None:
        """Listen on a new port and tell it, as the process does."""
        sock = socket.create_server(("127.0.0.1", 0))
        # As the process does: an answer in two pieces would wait 40 ms for an acknowledgment.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.app = CustodianApp(self.directory)
        self.server = server_of(self.app)
        files.open_doors(self.directory / "files")
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(sock)))
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        ports = {"venue": 1, "admin": 2, "custodian": port}
        (self.directory / "ports.json").write_text(json.dumps(ports))

    async def _serve(self, sock: socket.socket) -> None:
        batches = asyncio.create_task(files.run(self.directory / "files", self.app.ask))
        await self.server.serve(sockets=[sock])
        batches.cancel()

    def stop(self) -> None:
        """Close the doors; the journal stays."""
        self.server.should_exit = True
        self.thread.join()
        self.app.close()

    def fault(self, **fault: object) -> None:
        """Make one or all custodians misbehave."""
        assert httpx.post(f"{self.url}/faults", json=fault).status_code == 200

    def booked(self) -> dict[str, books.Booking]:
        """What the custodians' own journals say, by key."""
        found: dict[str, books.Booking] = {}
        for custodian in CUSTODIANS:
            found.update(books.bookings(self.directory, custodian))
        return found

    def lines(self) -> list[str]:
        """Every booking line of every journal: one written twice is seen twice."""
        return [
            json.loads(line)["key"]
            for custodian in CUSTODIANS
            for line in books.path_of(self.directory, custodian).read_text().splitlines()
            if json.loads(line)["kind"] == "booking"
        ]
