"""What a check may answer: passed, failed with a finding, or "I cannot know".

Checks return one of the first two and raise the third. Anything else, `None` included, counts as
"cannot know", so that a check that forgets its answer never lets an order through.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

Number: TypeAlias = Decimal | int | str | None


class Passed(msgspec.Struct, frozen=True):
    """Within the limit; the two values compared are kept as evidence."""

    limit: Number = None
    actual: Number = None


class Finding(msgspec.Struct, frozen=True):
    """A breach: a sentence with the numbers for people, and the two values compared."""

    message: str
    limit: Number = None
    actual: Number = None
    # Each thing that refuses, where two people may let one order pass in spite of exactly these;
    # empty where nobody may, see `controls.overrides`.
    about: tuple[str, ...] = ()


class Noted(msgspec.Struct, frozen=True):
    """Passed, and compliance is to know of it: a sentence, and what it was about."""

    message: str
    actual: Number = None


class Suppressed(msgspec.Struct, frozen=True):
    """Not looked at, because `by`, who may, asked so."""

    by: str


class Missing(Exception):
    """The check lacks what it needs; `reason` completes "… could not be checked: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Answer: TypeAlias = Passed | Finding | Noted | Suppressed
PASSED = Passed()
