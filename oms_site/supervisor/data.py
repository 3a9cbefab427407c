"""Where everything lives: the data directory, its files, the port; read once from the environment.

Called by `__main__`, and by tests that start a supervisor of their own. Starts nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from oms_site.supervisor.terminal import CannotStart

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """The settings of one running copy and the paths of its files."""

    data_dir: Path
    port: int = 8000
    web_workers: int = 2
    desk_workers: int = 2
    database_url: str | None = None
    redis_url: str | None = None

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.data_dir / "logs"

    @property
    def run_file(self) -> Path:
        """Process ids and addresses of the running copy, for tests and tools."""
        return self.data_dir / "run.json"

    @property
    def url(self) -> str:
        """Where the product is reached."""
        return f"http://127.0.0.1:{self.port}"


def read_layout(environ: Mapping[str, str]) -> Layout:
    """The layout the environment asks for; raises `CannotStart` on a setting that makes no sense.

    OMS_DATA_DIR (default `.data`, relative to the project), PORT, WEB_WORKERS,
    DESK_WORKERS, DATABASE_URL, REDIS_URL.
    """
    directory = Path(environ.get("OMS_DATA_DIR") or ".data").expanduser()
    return Layout(
        data_dir=(ROOT / directory).resolve(),
        port=_number(environ, "PORT", default=8000, highest=65_535),
        web_workers=_number(environ, "WEB_WORKERS", default=2, highest=64),
        desk_workers=_number(environ, "DESK_WORKERS", default=2, highest=64),
        database_url=environ.get("DATABASE_URL") or None,
        redis_url=environ.get("REDIS_URL") or None,
    )


def make_data_dir(layout: Layout) -> None:
    """Create the data directory; others may pass through it but not list it."""
    try:
        layout.data_dir.mkdir(parents=True, exist_ok=True)
        # The embedded database may run as another user and has to reach its own directory.
        layout.data_dir.chmod(0o711)
        layout.logs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The data directory {layout.data_dir} cannot be written ({error.strerror}).\n"
            "  What to do: free disk space, run as its owner, or name another place:"
            " OMS_DATA_DIR=~/oems-data make run"
        ) from None


def claim(layout: Layout) -> IO[str]:
    """Take the data directory for this process until the returned file is closed.

    Raises `CannotStart` when another supervisor holds it.
    """
    held = (layout.data_dir / "supervisor.lock").open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.seek(0)
        other = held.read().strip() or "unknown"
        held.close()
        raise CannotStart(
            f"Another copy (process {other}) is already running on {layout.data_dir}.\n"
            f"  What to do: stop it (Ctrl-C in its terminal, or `kill {other}`), or start this one"
            f" beside it:\n    PORT={layout.port + 1} OMS_DATA_DIR=.data-2 make run"
        ) from None
    held.truncate(0)
    held.write(f"{os.getpid()}\n")
    held.flush()
    return held


def listen(layout: Layout) -> socket.socket:
    """Open the product's port before anything else starts, and keep it over restarts of the web.

    Raises `CannotStart` when the port is taken.
    """
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it; uvicorn does not set it on a socket it was handed, and every second
    # WebSocket frame would then wait 40 ms for an acknowledgment.
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        door.bind(("127.0.0.1", layout.port))
        door.listen(2048)
    except OSError as error:
        door.close()
        raise CannotStart(
            f"Port {layout.port} is taken by another program ({error.strerror}).\n"
            f"  What to do: start on another port, PORT={layout.port + 1} make run, or stop that"
            f" program; `ss -ltnp 'sport = :{layout.port}'` names it"
        ) from None
    return door


def secret_key(layout: Layout) -> str:
    """The sandbox's secret key: made once, readable by its owner only."""
    path = layout.data_dir / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        write_private(path, secrets.token_urlsafe(64))
        return path.read_text().strip()


def write_run_file(layout: Layout, content: Mapping[str, Any]) -> None:
    """Tell tests and tools what runs; readers never see half a file."""
    write_private(layout.run_file, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(draft).replace(path)


def _number(environ: Mapping[str, str], name: str, *, default: int, highest: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise CannotStart(
            f"{name} is {text!r}.\n  What to do: give a whole number from 1 to {highest}"
        )
    return int(text)
