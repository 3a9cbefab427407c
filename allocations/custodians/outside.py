"""The world outside the firm as one process: the simulated venue and the simulated custodians.

Run by `python -m allocations.custodians.outside` or `manage.py run_outside`. It touches neither
Django nor our database; all it leaves is its own journal and the ports it listens on.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from allocations.custodians.simulator import files
from allocations.custodians.simulator.app import CustodianApp
from allocations.custodians.simulator.http import serve_on, server_of
from venues import catalog
from venues.simulator import admin
from venues.simulator.fix.entrance import Entrance
from venues.simulator.server import Venue

HOST = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outside world listens, as `ports.json` has it."""

    venue: int = 0
    admin: int = 0
    custodian: int = 0
    fix: int = 0
    fix_backup: int = 0


# In the order in which the sockets are opened.
NAMES = ("venue", "admin", "custodian", "fix", "fix_backup")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; a port of 0 means the one of last time, or any."""

    journal: Path
    ports: Ports
    drift_seconds: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Run from a command line until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="outside", description=__doc__)
    add_arguments(parser)
    serve(options_from(vars(parser.parse_args(argv))))


def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT. Exits if the journal is in use by another process."""
    options.journal.mkdir(parents=True, exist_ok=True)
    with (options.journal / "lock").open("w") as lock:
        # Two processes on one journal would number reports twice.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SystemExit(f"{options.journal} is in use by another process") from error
        asyncio.run(run(options))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this entrance, for whoever parses them."""
    data = Path(os.environ.get("OMS_DATA_DIR", ".data"))
    parser.add_argument("--journal", type=Path, default=data / "outside", metavar="DIR")
    for name in NAMES:
        words = name.replace("_", "-")
        parser.add_argument(f"--{words}-port", type=int, default=0, help="0: last time's, or any")
    parser.add_argument(
        "--drift",
        type=int,
        default=int(os.environ.get("OMS_MARKET_DRIFT", "0")),
        metavar="SECONDS",
        help="move the quotes so often; 0: never ($OMS_MARKET_DRIFT)",
    )


def options_from(given: Mapping[str, Any]) -> Options:
    """Options from parsed arguments, by name."""
    ports = Ports(**{name: given[f"{name}_port"] for name in NAMES})
    return Options(journal=given["journal"], ports=ports, drift_seconds=given["drift"])


def read_ports(journal: Path) -> Ports | None:
    """Where the outside world of this journal listens, or did last; None if it never ran."""
    try:
        return msgspec.json.decode((journal / "ports.json").read_bytes(), type=Ports)
    except (OSError, msgspec.MsgspecError):
        return None


async def run(options: Options) -> None:
    """Open the journals, listen, tell the ports, and work until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    former = read_ports(options.journal) or Ports()
    sockets = [_bind(getattr(options.ports, name), getattr(former, name)) for name in NAMES]
    venue = Venue(
        directory=options.journal,
        listings=catalog.listings(),
        drift_seconds=options.drift_seconds,
    )
    app = CustodianApp(options.journal)
    http = server_of(app)
    entrance = Entrance(venue, options.journal)
    servers = [await venue.listen(sockets[0]), await admin.listen(venue, sockets[1])]
    servers += [await entrance.listen(sock) for sock in sockets[3:]]
    serving = asyncio.create_task(serve_on(http, sockets[2]))
    pulse = asyncio.create_task(venue.run())
    batches = asyncio.create_task(files.run(options.journal / "files", app.ask))
    stopping = asyncio.create_task(stop.wait())
    _tell(options.journal, [sock.getsockname()[1] for sock in sockets])
    working = {serving, pulse, batches, stopping}
    await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
    http.should_exit = True
    pulse.cancel()
    batches.cancel()
    stopping.cancel()
    for server in servers:
        server.close()
    venue.close()
    entrance.close()
    with suppress(asyncio.CancelledError):
        await serving
    app.close()
    for task in (pulse, batches):
        if task.done() and not task.cancelled():
            task.result()


def _bind(wanted: int, former: int) -> socket.socket:
    """A listening socket on the wanted port, else on last time's if it is free, else on any."""
    for port in [wanted] if wanted else [former, 0]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it; asyncio does not set it on those of a socket it was handed, and an
        # answer in two pieces would wait 40 ms for an acknowledgment.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            sock.close()
            continue
        sock.listen(128)
        sock.setblocking(False)
        return sock
    raise SystemExit(f"port {wanted} is taken")


def _tell(journal: Path, numbers: Sequence[int]) -> None:
    ports = Ports(**dict(zip(NAMES, numbers, strict=True)))
    fresh = journal / "ports.json.new"
    fresh.write_bytes(msgspec.json.encode(ports))
    fresh.replace(journal / "ports.json")


if __name__ == "__main__":
    main()
