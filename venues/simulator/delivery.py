"""How frames reach the peer, and how a test can spoil that.

Faults touch only the live stream of reports on the socket: never the journal, never what a peer
asks for again by logging on, never heartbeats or quotes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong: chances from 0 to 1, how many reports may overtake, how late all are."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: int = 0
    delay_ms: int = 0
    seed: int = 0


NO_FAULTS = Faults()


class Mangler:
    """Applies faults to a stream of lines; the same seed spoils it the same way."""

    def __init__(self, faults: Faults = NO_FAULTS) -> None:
        self.faults = faults
        self._held: list[bytes] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Another peer: nothing is held back, the same faults come from the start."""
        self._dice = random.Random(self.faults.seed)
        self._held.clear()

    def spoil(self, faults: Faults) -> list[bytes]:
        """Apply these faults from now on; what the former ones held back."""
        held, self.faults = self.release(), faults
        self.begin_anew()
        return held

    def mangle(self, lines: Iterable[bytes]) -> list[bytes]:
        """What of `lines`, and of lines held back before, goes out now."""
        if self.faults == NO_FAULTS:
            return list(lines)
        out: list[bytes] = []
        for line in lines:
            if self._dice.random() < self.faults.drop:
                continue
            copies = 2 if self._dice.random() < self.faults.duplicate else 1
            self._held.extend([line] * copies)
            while len(self._held) > self.faults.reorder:
                out.append(self._draw())
        return out

    def release(self) -> list[bytes]:
        """What has been held back, all of it: nobody came to overtake."""
        return [self._draw() for _ in range(len(self._held))]

    def _draw(self) -> bytes:
        return self._held.pop(self._dice.randrange(len(self._held)))
