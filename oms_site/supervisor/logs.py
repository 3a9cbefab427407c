"""The log files of the children: one each, rotated by size at start, read for the terminal."""

from __future__ import annotations

import re
from pathlib import Path

LARGE = 20 * 1024**2
KEPT = 3
LINES_AT_ONCE = 5
READ_AT_ONCE = 1024**2


def rotate(log: Path) -> None:
    """Put a log that grew large aside as `.1`, the older ones one further."""
    if not log.exists() or log.stat().st_size < LARGE:
        return
    for n in range(KEPT, 0, -1):
        older = log.with_name(f"{log.name}.{n - 1}") if n > 1 else log
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{n}"))


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log that say something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


class Follower:
    """Reads what was added to a log and finds the lines a person should see."""

    def __init__(self, log: Path, *, echo: re.Pattern[str]) -> None:
        self.log = log
        self.echo = echo
        self.position = log.stat().st_size if log.exists() else 0

    def news(self) -> list[str]:
        """Lines of trouble since the last call, a few at most."""
        try:
            with self.log.open("rb") as file:
                file.seek(self.position)
                added = file.read(READ_AT_ONCE)
        except OSError:
            return []
        # Half a line waits for its end, unless it is too long ever to be shown.
        whole = added[: added.rfind(b"\n") + 1] or (added[READ_AT_ONCE - 1 :] and added)
        self.position += len(whole)
        found = [line for line in whole.decode(errors="replace").splitlines() if self._tells(line)]
        if len(found) > LINES_AT_ONCE:
            more = len(found) - LINES_AT_ONCE
            found = [
                *found[:LINES_AT_ONCE],
                f"... and {more} more like it in {self.log}",
            ]
        return found

    def _tells(self, line: str) -> bool:
        return bool(self.echo.search(line))
