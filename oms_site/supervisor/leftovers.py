"""Ends processes of an earlier run of the same data directory that outlived their supervisor.

The kernel ends the children themselves with a killed supervisor; this finds what they had started.
Called by `__main__` before anything starts and after everything stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "OMS_SUPERVISOR"


def mark(data_dir: Path) -> dict[str, str]:
    """The environment variable by which processes of this data directory are known again."""
    return {MARK: str(data_dir)}


def find_leftovers(data_dir: Path) -> list[int]:
    """Processes that carry the mark of this data directory, other than this one."""
    wanted = os.fsencode(f"{MARK}={data_dir}")
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def kill_leftovers(data_dir: Path) -> int:
    """Kill them; how many there were."""
    found = find_leftovers(data_dir)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)
