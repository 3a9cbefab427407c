"""How far a venue's clock is from ours, judged by what it says: pure, one object per line."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_LAST = 10


class Offset:
    """The least delayed of the last few stamps tells most: being late only ever makes it less."""

    def __init__(self) -> None:
        self._seen: deque[timedelta] = deque(maxlen=_LAST)

    def take(self, said: datetime, heard: datetime) -> timedelta:
        """Work in a stamp and when it was heard; the venue's clock less ours, by all of them."""
        self._seen.append(said - heard)
        return max(self._seen)
