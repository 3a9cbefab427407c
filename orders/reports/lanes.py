"""Applies many reports at once in several processes, those of one account always in the same one.

The gateway process hands every batch to `apply`. A small one is applied right there; a large one is
cut by account, and its parts are committed side by side. Reports of one account keep their order;
accounts know nothing of each other, and rows that they share are locked as between venues. A part
that fails leaves its reports unapplied: the venue's session begins again and finds them.
"""

from __future__ import annotations

import threading
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool

import msgspec
from django.db import OperationalError

from oms_site.firm import sandbox_clock
from oms_site.firm.beside import Beside
from oms_site.kit import clock
from orders.models import VenueOrder
from orders.reports import applying
from venues import messages
from venues.models import Inbound

# Below this a batch costs less than handing it over.
LARGE = 48
# Longer than any statement may take: a process that says nothing for so long is ended.
LANE_SECONDS = 90.0


class Lanes:
    """Processes beside the gateway's. They are started by the first large batch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._beside: Beside | None = None
        self._lock = threading.Lock()

    def apply(self, venue_id: str, rows: Sequence[Inbound]) -> None:
        """Apply inbox rows of one venue, those of each account in their order.

        Raises `OperationalError` when a process is gone: what it had not committed is unapplied.
        """
        # The threads of several venues meet here, and each ends only what it has worked with.
        beside = self._begun(len(rows))
        parts = _cut(rows, self.count) if beside else {}
        if beside is None or len(parts) < 2:
            applying.apply(venue_id, rows)
            return
        try:
            _apply_beside(beside, venue_id, parts)
        except (BrokenProcessPool, CancelledError) as gone:
            self._end(beside)
            raise OperationalError(f"{venue_id}: a process that applies reports is gone") from gone

    def are_ready(self, size: int) -> bool:
        """Whether a batch of this size is worth the processes, and they have begun."""
        return self._begun(size) is not None

    def pids(self) -> list[int]:
        """The processes that are there now."""
        beside = self._beside
        return beside.pids() if beside else []

    def close(self) -> None:
        """End the processes; the next large batch starts new ones."""
        beside = self._beside
        if beside:
            self._end(beside)

    def _begun(self, size: int) -> Beside | None:
        if self.count < 2 or size < LARGE:
            return None
        with self._lock:
            self._beside = beside = self._beside or Beside(self.count, begin=sandbox_clock.follow)
        try:
            return beside if beside.is_ready() else None
        except Exception as error:
            # One that could not begin never will: the next large batch starts others.
            self._end(beside)
            raise OperationalError(f"a process that applies reports is gone: {error}") from error

    def _end(self, beside: Beside) -> None:
        with self._lock:
            if self._beside is beside:
                self._beside = None
        beside.close()


def _apply_beside(beside: Beside, venue_id: str, parts: Mapping[int, Sequence[Inbound]]) -> None:
    asked: list[Future[None]] = []
    try:
        for number, part in parts.items():
            asked.append(beside.submit(number, applying.apply, venue_id, part))
    finally:
        # All have ended before anything is raised: nobody applies behind the caller's back.
        if not _have_ended(asked):
            beside.kill()
            _have_ended(asked)
    for one in asked:
        one.result(0)


def _have_ended(asked: Sequence[Future[None]]) -> bool:
    """Wait for all, so long at most. `futures.wait` would miss one that is canceled unbegun."""
    until = clock.monotonic() + LANE_SECONDS
    for one in asked:
        try:
            one.exception(max(until - clock.monotonic(), 0))
        except CancelledError:
            pass
        except TimeoutError:
            return False
    return True


def _cut(rows: Sequence[Inbound], count: int) -> dict[int, list[Inbound]]:
    """The rows by account. None at all when one of them is about no known order."""
    try:
        reports = [messages.decode_report(row.body) for row in rows]
    except msgspec.MsgspecError:
        return {}
    if not all(isinstance(one, messages.OrderReport) for one in reports):
        return {}
    owner_of = _owners(applying.named(reports))
    parts: dict[int, list[Inbound]] = defaultdict(list)
    for row, one in zip(rows, reports, strict=True):
        assert isinstance(one, messages.OrderReport)
        owner = owner_of.get(one.cl_ord_id) or owner_of.get(one.orig_cl_ord_id)
        if owner is None:
            return {}
        parts[zlib.crc32(owner.encode()) % count].append(row)
    return parts


def _owners(names: dict[str, str]) -> dict[str, str]:
    """Whose lane each ClOrdID goes down: its account's, or its order's where that has none."""
    rows = VenueOrder.objects.filter(id__in=set(names.values()))
    found = rows.values_list("id", "order__account_id", "order_id")
    owner = {child: account or order for child, account, order in found}
    return {name: owner[child] for name, child in names.items() if child in owner}
