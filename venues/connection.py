"""Keeps one venue's session alive: sends what is queued, stores what arrives, has it applied.

Runs in the gateway process, one object per venue. What a report means is not known here: applying
comes from above as a callback. Database work of one venue runs in one thread, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections

from oms_site.firm import generation
from oms_site.kit import clock
from venues import inbox, market_data, messages, transmission
from venues.gateways.port import Frame, Gateway, GatewayError
from venues.inbox import Raw
from venues.messages import Quote, StatusRequest
from venues.models import Inbound, Outbound, Venue

log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 0.5
DOUBT_AFTER = timedelta(seconds=5)
GAP_PATIENCE_SECONDS = 2.0
BATCH = 500


def _send_all(venue_id: str, rows: Sequence[Outbound]) -> list[Outbound]:
    return list(rows)


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the story does with what a venue says: handed down at the process entrance.

    `before_wire` has the last word on what is about to be sent.
    """

    apply: Callable[[str, Sequence[Inbound]], None]
    unreadable: Callable[[str, str, str], None]
    before_wire: Callable[[str, Sequence[Outbound]], list[Outbound]] = _send_all


class Connection:
    """One venue's session, for ever."""

    def __init__(self, venue_id: str, gateway: Callable[[], Gateway], handlers: Handlers) -> None:
        self.venue_id = venue_id
        self._make_gateway = gateway
        self._handlers = handlers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"venue-{venue_id}")
        self.bell = asyncio.Event()
        self._gap_since: float | None = None

    async def run(self) -> None:
        """Connect, work until something breaks, connect again."""
        while True:
            # A task of its own: a task group that fails while it is canceled hides the cancel.
            session = asyncio.create_task(self._once())
            try:
                await asyncio.wait({session})
            finally:
                session.cancel()
                await asyncio.wait({session})
            try:
                session.result()
            except* (GatewayError, DatabaseError, InterfaceError, OSError) as broken:
                log.warning("%s: %s", self.venue_id, broken.exceptions[0])
            await asyncio.sleep(RETRY_SECONDS)

    async def _once(self) -> None:
        await self._session(self._make_gateway())

    async def _session(self, gateway: Gateway) -> None:
        try:
            await self._db(self._apply_stored)
            await gateway.connect(await self._db(inbox.next_seq, self.venue_id))
            await self._db(_mark_connected, self.venue_id)
            log.info("%s: connected", self.venue_id)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_receiving(gateway))
                tasks.create_task(self._keep_sending(gateway))
                tasks.create_task(self._keep_asking(gateway))
        finally:
            await gateway.close()

    # --- in ----------------------------------------------------------------------------------
    async def _keep_receiving(self, gateway: Gateway) -> None:
        async for frames in gateway.receive():
            await self._db(self._take, frames)
            self._refuse_stuck_gap()

    def _take(self, frames: Sequence[Frame]) -> None:
        at = clock.now()
        raws = [
            Raw(f.message.seq, f.text) for f in frames if isinstance(f.message, messages.Report)
        ]
        inbox.store(self.venue_id, raws, at=at)
        for frame in frames:
            if frame.message is None:
                self._handlers.unreadable(self.venue_id, frame.text, frame.error)
        quotes = [f.message for f in frames if isinstance(f.message, Quote)]
        if quotes:
            generation.check()
            market_data.take(quotes, source=self.venue_id)
        self._apply_stored()

    def _apply_stored(self) -> None:
        while ready := inbox.contiguous(self.venue_id, limit=BATCH):
            self._handlers.apply(self.venue_id, ready)
        gap = inbox.has_unapplied(self.venue_id)
        self._gap_since = (self._gap_since or clock.monotonic()) if gap else None

    def _refuse_stuck_gap(self) -> None:
        since = self._gap_since
        if since is not None and clock.monotonic() - since > GAP_PATIENCE_SECONDS:
            self._gap_since = None
            raise GatewayError(
                "sequence_gap", f"{self.venue_id}: a report is missing; asking again"
            )

    # --- out ---------------------------------------------------------------------------------
    async def _keep_sending(self, gateway: Gateway) -> None:
        while True:
            while due := await self._db(transmission.take_due, self.venue_id, limit=BATCH):
                if rows := await self._db(self._handlers.before_wire, self.venue_id, due):
                    await gateway.send([messages.decode_outgoing(row.body) for row in rows])
            try:
                async with asyncio.timeout(0.25):
                    await self.bell.wait()
            except TimeoutError:
                pass
            self.bell.clear()

    async def _keep_asking(self, gateway: Gateway) -> None:
        """What was sent and never answered is asked about; a cancel goes out again as it was."""
        while True:
            await asyncio.sleep(2.0)
            await self._db(_mark_heard, self.venue_id)
            doubtful = await self._db(
                transmission.take_doubtful, self.venue_id, older_than=DOUBT_AFTER
            )
            if doubtful:
                await gateway.send([_question(row) for row in doubtful])

    async def _db(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(_clean, work, *args, **kwargs))


def _clean(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def _question(row: Outbound) -> messages.WireOut:
    message = messages.decode_outgoing(row.body)
    if isinstance(message, messages.NewOrder | messages.QuoteResponse):
        return StatusRequest(
            cl_ord_id=message.cl_ord_id, security_id=message.security_id, side=message.side
        )
    return message


def _mark_connected(venue_id: str) -> None:
    at = clock.now()
    Venue.objects.filter(pk=venue_id).update(connected_at=at, last_heard_at=at)


def _mark_heard(venue_id: str) -> None:
    Venue.objects.filter(pk=venue_id).update(last_heard_at=clock.now())
