"""What a check is, what it looks at, and what it may answer: clean, differences, or not checked.

Every room of the books uses these values. Nothing here reads anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

SHOWN_MOST = 20
# What is younger may still be on its way, and is nobody's mistake yet.
GRACE = timedelta(seconds=60)


class State(StrEnum):
    """How a check ended. Not checked is not clean."""

    CLEAN = "clean"
    DIFFERENCES = "differences"
    NOT_CHECKED = "not_checked"
    BROKEN = "broken"  # the check itself failed: nothing is proven


class NotChecked(Exception):
    """What the check compares with is not there; the text says what."""


class Difference(NamedTuple):
    """One offender: which row, and what is wrong with it."""

    key: str
    what: str


@dataclass(slots=True)
class Tally:
    """What a check has seen so far: rows, the first offenders, and how many there are."""

    looked_at: int = 0
    count: int = 0
    first: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def differs(self, key: str, what: str) -> None:
        """Count one offender; the first ones are kept."""
        self.count += 1
        if len(self.first) < SHOWN_MOST:
            self.first.append(Difference(key, what))

    def absorb(self, other: Tally) -> None:
        """Count what another tally of the same check has seen."""
        self.looked_at += other.looked_at
        self.count += other.count
        self.first = [*self.first, *other.first][:SHOWN_MOST]
        self.notes.extend(other.notes)


@dataclass(slots=True)
class Run:
    """One run over the books. `at` is the sandbox's time, `machine_at` the machine's.

    An `organization` or a `since` (orders created from then on, and all below them) narrows what is
    looked at. `outside` is where the venue and the custodians keep their own journals; `snapshot`
    names what other connections may share, if any may.
    """

    at: datetime
    machine_at: datetime
    organization: str = ""
    since: datetime | None = None
    outside: Path | None = None
    tell: Callable[[float], None] = lambda done: None
    memory: dict[str, Any] = field(default_factory=dict)
    snapshot: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every organization and all time is looked at."""
        return not self.organization and self.since is None

    @property
    def params(self) -> dict[str, Any]:
        """The parameters every statement may name."""
        return {
            "organization": self.organization,
            "since": self.since,
            "at": self.at,
            "old": self.at - GRACE,
        }

    def journals(self) -> Path:
        """The directory of the outside journals. Raises `NotChecked` without one."""
        if self.outside is None:
            raise NotChecked("there are no journals of the outside parties to compare with")
        return self.outside


@dataclass(frozen=True, slots=True)
class Check:
    """One proof: its stable name, the sentence it proves, and how."""

    name: str
    proves: str
    run: Callable[[Run], Tally]


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    name: str
    proves: str
    state: State
    looked_at: int
    count: int
    seconds: float
    first: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
