"""What differs between two lists of the same things: pure, so that it can be tried on anything.

Called by the comparisons of this room. It reads no clock and no database, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from venues.drop_copy import TheirTrade

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that the two sides say differently; `ours` and `theirs` are shown side by side."""

    kind: str
    key: str
    organization_id: str
    order_id: str = ""
    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    # The trade that a venue tells of and we have not, for whoever may have to book it.
    fill: TheirTrade | None = None

    @property
    def evidence(self) -> dict[str, Any]:
        """What a break keeps: both sides, and the fields in which they differ."""
        names = sorted(
            name
            for name in {**self.ours, **self.theirs}
            if self.ours.get(name) != self.theirs.get(name)
        )
        ours, theirs = (_kept(one) for one in (self.ours, self.theirs))
        return {"ours": ours, "theirs": theirs, "differs": names}


@dataclass(slots=True)
class Comparison:
    """What one comparison looked at and found.

    `unsaid` is why nothing could be compared although the party answered; `under_way` is how much
    was left for the next time; `about` is kept with the evidence of everything found.
    """

    compared: int = 0
    found: list[Difference] = field(default_factory=list)
    unsaid: str = ""
    under_way: int = 0
    about: dict[str, str] = field(default_factory=dict)


def compare(
    ours: Mapping[str, Item],
    theirs: Mapping[str, Item],
    *,
    name: str,
    shown: Callable[[Item], dict[str, str]],
    told: Callable[[str], tuple[str, str]],
    fresh: Callable[[Item], bool],
) -> Comparison:
    """Everything that only one side has, or that differs in a shown field.

    `told` gives the organization and order of a key, `fresh` says of a thing that only one side
    has that it is too young to be missed: it is in flight, not broken (P07).
    """
    found: list[Difference] = []
    for key in sorted({*ours, *theirs}):
        mine, other = ours.get(key), theirs.get(key)
        if mine is None and other is not None:
            kind = "" if fresh(other) else f"{name}_not_here"
        elif other is None and mine is not None:
            kind = "" if fresh(mine) else f"{name}_not_there"
        else:
            assert mine is not None
            assert other is not None
            same = shown(mine) == shown(other)
            kind = "" if same or fresh(mine) or fresh(other) else f"{name}_differs"
        if not kind:
            continue
        organization_id, order_id = told(key)
        found.append(
            Difference(
                kind=kind,
                key=key,
                organization_id=organization_id,
                order_id=order_id,
                ours=shown(mine) if mine is not None else {},
                theirs=shown(other) if other is not None else {},
            )
        )
    return Comparison(len({*ours, *theirs}), found)


def storable(text: str) -> str:
    """A text as columns keep it: PostgreSQL has no NUL and no half of a surrogate pair."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _kept(said: Mapping[str, str]) -> dict[str, str]:
    return {name: storable(value) for name, value in said.items()}


def younger_than(at: datetime | None, limit: datetime) -> bool:
    """Whether something happened after a moment; what has no time is old."""
    return at is not None and at > limit
