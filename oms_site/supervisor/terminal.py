"""What the supervisor says to the person at the terminal; colored by rich where it is installed.

A terminal that went away never stops the supervision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

try:
    from rich.console import Console
    from rich.table import Table
except ImportError:  # pragma: no cover  the supervision must not hang on a decoration
    Console = Table = None  # type: ignore[assignment,misc]  # rich is optional here


class CannotStart(Exception):
    """The product cannot start; the text says why and what to do, in plain words."""


def say(text: str) -> None:
    """One plain line, exactly as given."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


def step(name: str, text: str) -> None:
    """One line of progress about one process or step."""
    _styled(f"  {name:<12} {text}", style="default")


def warn(name: str, text: str) -> None:
    """One line a person should look at: a crash, a restart, a warning from a log."""
    _styled(f"! {name:<12} {text}", style="yellow")


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A small table of text."""
    if Console is not None and Console().is_terminal:
        drawn = Table(*head, title=title, title_justify="left")
        for row in rows:
            drawn.add_row(*row)
        with contextlib.suppress(OSError, ValueError):
            Console().print(drawn)
        return
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    say(f"\n{title}")
    for row in [head, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(f"  {line}".rstrip())


def _styled(text: str, *, style: str) -> None:
    if Console is None or style == "default" or not Console().is_terminal:
        say(text)
        return
    with contextlib.suppress(OSError, ValueError):
        Console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)
