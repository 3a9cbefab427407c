"""Says what a run found: as it goes on a terminal, line by line in a log, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from orders.books.verdicts import Check, Result, Run, State

_MARKS = {
    State.CLEAN: "[green]clean      [/]",
    State.DIFFERENCES: "[bold red]DIFFERENCES[/]",
    State.NOT_CHECKED: "[yellow]not checked[/]",
    State.BROKEN: "[bold red]BROKEN     [/]",
}


class Teller:
    """What hears of checks as they begin and end."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def begun(self, check: Check) -> None:
        """A check starts."""

    def told(self, result: Result) -> Result:
        """A check has ended; the result is passed on."""
        self.results.append(result)
        return result

    def ended(self) -> None:
        """All checks have ended."""


class Printed(Teller):
    """For people: a moving bar for the check that runs, a line for each that has ended."""

    def __init__(self, console: Console, bar: Progress) -> None:
        super().__init__()
        self._console = console
        self._bar = bar
        self._task = bar.add_task("", total=1.0)

    def begun(self, check: Check) -> None:
        """Show its name."""
        self._bar.reset(self._task, description=check.name, total=1.0)

    def moved(self, done: float) -> None:
        """Show how far it is."""
        self._bar.update(self._task, completed=done)

    def told(self, result: Result) -> Result:
        """One line, and its first offenders."""
        say = self._console.print
        say(
            f"{_MARKS[result.state]}  {result.name:<32} {result.looked_at:>10,} rows"
            f" {result.seconds:>7.2f} s"
        )
        if result.state is not State.CLEAN:
            say(f"             {escape(result.proves)}", style="dim")
        for note in result.notes:
            say(f"             note: {escape(note)}")
        for difference in result.first:
            say(f"             {escape(difference.key)}: {escape(difference.what)}")
        if result.count > len(result.first):
            say(f"             … and {result.count - len(result.first):,} more")
        return super().told(result)

    def ended(self) -> None:
        """One line for all."""
        counts = {state: sum(r.state is state for r in self.results) for state in State}
        differences = sum(result.count for result in self.results)
        seconds = sum(result.seconds for result in self.results)
        self._console.print(
            f"{counts[State.CLEAN]} checks clean, {counts[State.DIFFERENCES]} with"
            f" {differences:,} differences, {counts[State.NOT_CHECKED]} not checked,"
            f" {counts[State.BROKEN]} broken, in {seconds:.1f} s"
        )


class Encoded(Teller):
    """For programs."""

    def __init__(self, run: Run, stream: Any) -> None:
        super().__init__()
        self._run = run
        self._stream = stream

    def ended(self) -> None:
        """One JSON object."""
        run = self._run
        said = {
            "at": run.at,
            "organization": run.organization or None,
            "since": run.since,
            "outside": None if run.outside is None else str(run.outside),
            "clean": is_clean(self.results),
            "checks": [
                {
                    "name": result.name,
                    "proves": result.proves,
                    "state": result.state,
                    "looked_at": result.looked_at,
                    "differences": result.count,
                    "seconds": round(result.seconds, 3),
                    "first": [{"key": d.key, "what": d.what} for d in result.first],
                    "notes": result.notes,
                }
                for result in self.results
            ],
        }
        self._stream.write(msgspec.json.encode(said).decode() + "\n")


def is_clean(results: list[Result]) -> bool:
    """Whether nothing that was checked differs, and no check broke."""
    return all(result.state in (State.CLEAN, State.NOT_CHECKED) for result in results)


@contextmanager
def teller(run: Run, *, as_json: bool, stream: Any) -> Iterator[Teller]:
    """The teller for this output; it has the last word when the block ends well."""
    if as_json:
        encoded = Encoded(run, stream)
        yield encoded
        encoded.ended()
        return
    console = Console(file=stream, highlight=False, soft_wrap=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        printed = Printed(console, bar)
        run.tell = printed.moved
        yield printed
    printed.ended()
