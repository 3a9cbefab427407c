"""A private directory for the sockets of servers and processes, its path short enough for them."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path

from oms_site.supervisor import postgres
from oms_site.supervisor.terminal import CannotStart
from oms_site.supervisor.unprivileged import Account, make_directory

LONGEST = 107  # bytes in sockaddr_un.sun_path, less its closing zero: unix(7)


def make_sockets_dir(data_dir: Path, *, account: Account | None) -> Path:
    """`sockets` inside the data directory; a short private one in /tmp where that cannot work."""
    inside = data_dir / "sockets"
    if len(os.fsencode(inside / postgres.SOCKET)) <= LONGEST:
        make_directory(inside, account)
        if _holds_sockets(inside):
            return inside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    outside = Path("/tmp") / f"oems-{name}"  # noqa: S108  private, checked below
    outside.mkdir(mode=0o700, exist_ok=True)
    _check_private(outside, account)
    make_directory(outside, account)
    return outside


def _holds_sockets(directory: Path) -> bool:
    # Some shared folders of virtual machines cannot hold sockets.
    trial = directory / "trial"
    trial.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.bind(str(trial))
        except OSError:
            return False
    trial.unlink(missing_ok=True)
    return True


def _check_private(directory: Path, account: Account | None) -> None:
    # /tmp is open to everyone: somebody else's directory of that name must not be trusted.
    found = directory.lstat()
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    if stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not found.st_mode & 0o077:
        return
    raise CannotStart(
        f"{directory} belongs to somebody else.\n"
        "  What to do: use a data directory with a shorter path, OMS_DATA_DIR=~/oems-data make run"
    )
