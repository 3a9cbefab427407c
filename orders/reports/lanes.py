"""Applies many reports at once in several processes, those of one account one after the other.

The gateway process hands over every batch. While there are few reports they are applied right
there; many are divided by account, and each process commits its own as soon as it has them.
Reports of one account keep their order; accounts know nothing of each other, and rows that they
share are locked as between venues. A part that fails leaves its reports, and all behind it,
unapplied: the venue's session begins again and finds them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from weakref import WeakKeyDictionary

import msgspec
from django.db import OperationalError

from oms_site.firm import database, libpq, sandbox_clock
from oms_site.firm.beside import Beside, ProcessGone
from oms_site.kit import clock, collector
from orders.reports import applying
from orders.reports.flow import Flow, Owned
from orders.reports.loads import Loads
from venues import messages
from venues.inbox import Stored

# Below this a batch costs less than handing it over, unless there was a large one just now, or so
# many in small ones that one process would hardly carry them.
LARGE, MANY = 48, 200
BUSY_SECONDS = 1.0
_REMEMBERED = 50_000  # ClOrdIDs whose owner is known, before all are forgotten
_OWNERS = """
SELECT v.id, coalesce(nullif(o.account_id, ''), o.id) FROM orders_venueorder v
JOIN orders_order o ON o.id = v.order_id WHERE v.id = ANY($1::text[])
"""


class Lanes:
    """Processes beside the gateway's. They are started by the first large batch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._beside: Beside | None = None
        self._flows: dict[str, Flow] = {}
        self._loads = WeakKeyDictionary[Beside, Loads]()
        self._owners = _Owners()
        self._busy_until = 0.0
        # How many were handed over since when.
        self._count, self._counted_since = 0, 0.0
        self._lock = threading.Lock()

    def apply(self, venue_id: str, rows: Sequence[Stored]) -> None:
        """Apply inbox rows of one venue, those of each account in their order, now or soon.

        `settle` says when all are applied. Raises `OperationalError` when some that were handed
        over before are not: the rest of them is unapplied, and so are these.
        """
        self.look(venue_id)
        flow = self._flow(venue_id, is_busy=self._is_busy(len(rows)))
        owned = self._owners.of(rows) if flow else []
        if flow is None or not owned:
            self.settle(venue_id)
            applying.apply(venue_id, rows)
            return
        flow.give(owned)

    def settle(self, venue_id: str) -> None:
        """Wait until everything of a venue that was handed over is applied.

        Raises `OperationalError` when a process is gone, or what else stopped one of them: what was
        not committed is unapplied.
        """
        flow = self._flows.get(venue_id)
        failed = flow.settle() if flow else None
        if flow is None or failed is None:
            return
        del self._flows[venue_id]
        if isinstance(failed, ProcessGone | CancelledError):
            self._end(flow.beside)
            why = f"{venue_id}: a process that applies reports is gone"
            raise OperationalError(why) from failed
        raise failed

    def look(self, venue_id: str) -> None:
        """Raise what `settle` would if something has failed by now, and wait for nothing else."""
        flow = self._flows.get(venue_id)
        if flow is not None and flow.is_stuck():
            self.settle(venue_id)

    def are_ready(self, size: int) -> bool:
        """Whether a batch of this size is worth the processes, and they have begun."""
        return self._begun(is_busy=self._is_busy(size)) is not None

    def pids(self) -> list[int]:
        """The processes that are there now."""
        beside = self._beside
        return beside.pids() if beside else []

    def close(self) -> None:
        """End the processes; the next large batch starts new ones."""
        beside = self._beside
        if beside:
            self._end(beside)

    def _flow(self, venue_id: str, *, is_busy: bool) -> Flow | None:
        """The way through the processes, None where a batch goes without them."""
        flow = self._flows.get(venue_id)
        if flow is not None and not flow.is_idle():
            return flow
        beside = self._begun(is_busy=is_busy)
        if beside is not None and (flow is None or flow.beside is not beside):
            loads = self._loads.setdefault(beside, Loads(self.count))
            flow = self._flows[venue_id] = Flow(beside, venue_id, loads)
        return flow if beside is not None else None

    def _begun(self, *, is_busy: bool) -> Beside | None:
        if self.count < 2 or not is_busy:
            return None
        with self._lock:
            self._beside = beside = self._beside or Beside(self.count, begin=_begin)
        try:
            return beside if beside.is_ready() else None
        except Exception as error:
            # One that could not begin never will: the next large batch starts others.
            self._end(beside)
            raise OperationalError(f"a process that applies reports is gone: {error}") from error

    def _is_busy(self, size: int) -> bool:
        now = clock.monotonic()
        if now > self._counted_since + BUSY_SECONDS:
            self._count, self._counted_since = 0, now
        self._count += size
        if size >= LARGE or self._count >= MANY:
            self._busy_until = now + BUSY_SECONDS
        return now <= self._busy_until

    def _end(self, beside: Beside) -> None:
        with self._lock:
            if self._beside is beside:
                self._beside = None
        beside.close()


def _begin() -> None:
    database.by_key()
    sandbox_clock.follow()
    collector.spare()


class _Owners:
    """Whose the reports of each ClOrdID are: its account's, or its order's where that has none.

    That never changes, so those of late are remembered.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, rows: Sequence[Stored]) -> list[Owned]:
        """The rows with whose they are. None at all when one of them is about no known order."""
        try:
            reports = [messages.decode_report(row.body) for row in rows]
        except msgspec.MsgspecError:
            return []
        moving = [one for one in reports if isinstance(one, messages.OrderReport)]
        if len(moving) < len(reports):
            return []
        self._learn(moving)
        owned = list[Owned]()
        for row, one in zip(rows, moving, strict=True):
            owner = self._known.get(one.cl_ord_id) or self._known.get(one.orig_cl_ord_id)
            if owner is None:
                return []
            owned.append((owner, row))
        return owned

    def _learn(self, reports: Sequence[messages.OrderReport]) -> None:
        unknown = [one for one in reports if one.cl_ord_id not in self._known]
        if not unknown:
            return
        if len(self._known) > _REMEMBERED:
            self._known.clear()
            unknown = list(reports)
        child_of = applying.named(unknown)
        owner: dict[str, str] = dict(libpq.asked(_OWNERS, [sorted(set(child_of.values()))]))
        self._known |= {name: owner[child] for name, child in child_of.items() if child in owner}
