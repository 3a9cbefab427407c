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
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool

import msgspec
from django.db import OperationalError

from oms_site.firm import sandbox_clock
from oms_site.firm.beside import Beside
from orders.models import VenueOrder
from orders.reports import applying
from venues import messages
from venues.models import Inbound

# Below this a batch costs less than handing it over.
LARGE = 48


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
        try:
            parts = _cut(rows, self.count) if self.are_ready(len(rows)) else {}
            if len(parts) > 1:
                self._apply_beside(venue_id, parts)
            else:
                applying.apply(venue_id, rows)
        except BrokenProcessPool as gone:
            self.close()
            raise OperationalError(f"{venue_id}: a process that applies reports is gone") from gone

    def _apply_beside(self, venue_id: str, parts: Mapping[int, Sequence[Inbound]]) -> None:
        assert self._beside is not None
        asked = [
            self._beside.submit(number, applying.apply, venue_id, part)
            for number, part in parts.items()
        ]
        # All have ended before anything is raised: nobody applies behind the caller's back.
        wait(asked)
        for one in asked:
            one.result()

    def are_ready(self, size: int) -> bool:
        """Whether a batch of this size is worth the processes, and they have begun."""
        if self.count < 2 or size < LARGE:
            return False
        with self._lock:
            self._beside = self._beside or Beside(self.count, begin=sandbox_clock.follow)
            return self._beside.is_ready()

    def pids(self) -> list[int]:
        """The processes that are there now."""
        return self._beside.pids() if self._beside else []

    def close(self) -> None:
        """End the processes; the next large batch starts new ones."""
        with self._lock:
            beside, self._beside = self._beside, None
        if beside:
            beside.close()


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
