"""What of a venue's reports has been handed over in this session, and whether one is missing.

Every report is stored before anything is made of it. Those that follow what was handed over go on
as they were stored; whatever stands behind a hole waits in the inbox until it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from venues import inbox
from venues.inbox import Raw, Stored

BATCH = 500
# Under load a look costs the same for one report as for ten; after a quiet moment nothing waits.
BREATH_SECONDS = 0.003
Apply = Callable[[str, Sequence[Stored]], None]


class Intake:
    """One venue's, for as long as its session lasts. Used by one thread."""

    def __init__(self, venue_id: str, apply: Apply) -> None:
        self._venue_id = venue_id
        self._apply = apply
        # The number of the last report that was handed over.
        self.handed = 0
        # Whether something waits behind a hole.
        self.has_hole = False

    def take(self, reports: Sequence[Raw], *, at: datetime) -> None:
        """Store reports, then hand over in their order what stands before the first hole.

        Raises Django's database errors, and what `apply` raises: a session begins anew then.
        """
        fresh = inbox.store(self._venue_id, reports, at=at)
        if self._follow(fresh):
            for n in range(0, len(fresh), BATCH):
                self._hand(fresh[n : n + BATCH])
        elif fresh or self.has_hole:
            self.catch_up()

    def begin(self) -> None:
        """Hand over what another session has left. Raises as `take`."""
        self.handed = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Hand over what is stored before the first hole. Raises as `take`."""
        while ready := inbox.contiguous(self._venue_id, limit=BATCH, after=self.handed):
            self._hand(ready)
        self.has_hole = inbox.has_unapplied(self._venue_id, after=self.handed)

    def _follow(self, fresh: Sequence[Stored]) -> bool:
        """Whether they are the next ones without a hole: then nothing has to be read."""
        if not (fresh and self.handed) or self.has_hole:
            return False
        # None of them is below: what was handed over is stored.
        return fresh[-1].seq == self.handed + len(fresh)

    def _hand(self, rows: Sequence[Stored]) -> None:
        self._apply(self._venue_id, rows)
        self.handed = rows[-1].seq
