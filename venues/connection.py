"""Keeps one venue's session alive: sends what is queued, stores what arrives, has it applied.

Runs in the gateway process, one object per venue. What a report means is not known here: applying
comes from above as a callback. Database work of one venue runs in two threads, each in order: what
is about to be sent never waits for reports, and an engaging switch waits for what is being sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections

from oms_site.firm import generation
from oms_site.firm.passage import Passage
from oms_site.kit import clock
from venues import inbox, lines, messages, transmission
from venues.gateways.port import Frame, Gateway, GatewayError
from venues.inbox import Raw
from venues.intake import BATCH, BREATH_SECONDS, Apply, Intake
from venues.market_data.feed import Feed
from venues.messages import StatusRequest
from venues.models import Outbound, Venue
from venues.pacing import Pace

log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 0.5
# After what only a person mends: no venue is asked the same wrong thing twice a second.
HOPELESS_SECONDS = 10.0
DOUBT_AFTER = timedelta(seconds=5)
GAP_PATIENCE_SECONDS = 2.0
# How many are looked at and sent at a time: an engaging switch waits for no more.
TOGETHER = 100


def _leaves(group: BaseException) -> Iterator[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        for one in group.exceptions:
            yield from _leaves(one)
    else:
        yield group


def _for_people(error: BaseException) -> tuple[str, str] | None:
    """Code and words of what trying again does not mend; None for what it does."""
    if isinstance(error, GatewayError):
        return (error.code, error.message) if error.permanent else None
    if isinstance(error, DatabaseError | InterfaceError | OSError):
        return None
    return "session_failed", f"{type(error).__name__}: {error}"


def _send_all(venue_id: str, rows: Sequence[Outbound]) -> list[Outbound]:
    return list(rows)


def _nothing_rests(venue_id: str) -> Mapping[str, Collection[str]]:
    return {}


def _asks_nothing(venue_id: str) -> None:
    """No order is asked about."""


def _at_once(venue_id: str) -> None:
    """Nothing is on its way: what is handed over is applied when `apply` returns."""


def _nobody(venue_id: str, code: str, why: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the story does with what a venue says: handed down at the process entrance.

    `apply` may return before all it was given is applied: `settle` waits for that, `look` does not,
    and each raises what went wrong meanwhile.
    `before_wire` has the last word on what is about to be sent; `resting` tells which orders of its
    books are ours, by security, when a session begins; `ask_all` asks how every order stands when
    what was said of it can be told no more; `trouble` hears what ends a session in a way that
    trying again does not mend.
    """

    apply: Apply
    unreadable: Callable[[str, str, str], None]
    settle: Callable[[str], None] = _at_once
    look: Callable[[str], None] = _at_once
    before_wire: Callable[[str, Sequence[Outbound]], list[Outbound]] = _send_all
    trouble: Callable[[str, str, str], None] = _nobody
    resting: Callable[[str], Mapping[str, Collection[str]]] = _nothing_rests
    ask_all: Callable[[str], None] = _asks_nothing


class Connection:
    """One venue's session, for ever."""

    def __init__(self, venue_id: str, gateway: Callable[[], Gateway], handlers: Handlers) -> None:
        self.venue_id = venue_id
        self._make_gateway = gateway
        self._handlers = handlers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"venue-{venue_id}")
        self._sender = ThreadPoolExecutor(1, thread_name_prefix=f"send-{venue_id}")
        self._passage = Passage()
        self._pace = Pace()
        self.bell = asyncio.Event()
        self._gap_since: float | None = None
        self._is_behind = False
        self._intake = Intake(venue_id, handlers.apply)
        self._feed = Feed(venue_id)
        # What could not be read in this session: the same is told to people once.
        self._told: set[int] = set()

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
                await self._tell(broken)
            except* Exception as odd:
                # A fault of ours in one venue's session: the other venues know nothing of it.
                log.exception("%s: its session has failed", self.venue_id)
                await self._tell(odd)
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self, broken: BaseExceptionGroup[BaseException]) -> None:
        """A session that ends by its own fault needs a person; trying again waits for one."""
        for code, why in filter(None, map(_for_people, _leaves(broken))):
            try:
                await self._db(self._handlers.trouble, self.venue_id, code, why)
            except Exception:
                log.exception("%s: nobody could be told of %s", self.venue_id, code)
            await asyncio.sleep(HOPELESS_SECONDS)

    async def _once(self) -> None:
        await self._session(self._make_gateway())

    async def _session(self, gateway: Gateway) -> None:
        self._told.clear()
        try:
            await self._db(self._finish_stored)
            due = await self._db(inbox.next_seq, self.venue_id)
            if (last := await gateway.connect(due)) < due - 1:
                # It would count again what we have, and be heard as a repetition.
                text = f"{self.venue_id} has said {last} reports, and {due - 1} are here"
                raise GatewayError("reports_restarted", text, permanent=True)
            await self._db(_mark_connected, self.venue_id)
            if gateway.line().anew:
                await self._db(self._handlers.ask_all, self.venue_id)
            await self._db(lines.connected, self.venue_id, gateway.line())
            self._pace.limit = await self._db(transmission.pace_of, self.venue_id)
            own = await self._db(self._handlers.resting, self.venue_id)
            await self._send(gateway, self._feed.begin(own))
            log.info("%s: connected", self.venue_id)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_receiving(gateway))
                tasks.create_task(self._keep_sending(gateway))
                tasks.create_task(self._keep_asking(gateway))
        finally:
            await gateway.close()
            await self._passage.close()
            await self._db(self._feed.lose, "the venue is not connected")

    # --- in ----------------------------------------------------------------------------------
    async def _keep_receiving(self, gateway: Gateway) -> None:
        async for frames in gateway.receive():
            await self._db(self._take, frames)
            if missing := self._feed.wanted():
                await self._send(gateway, missing)
            self._refuse_stuck_gap()
            await asyncio.sleep(BREATH_SECONDS)

    def _take(self, frames: Sequence[Frame]) -> None:
        at = clock.now()
        self._intake.take([raw for f in frames if (raw := _raw(f))], at=at)
        for frame in frames:
            # One that has a number is told to people by whoever applies it.
            if frame.error and not frame.number and hash(frame.text) not in self._told:
                self._handlers.unreadable(self.venue_id, frame.text, frame.error)
                self._told.add(hash(frame.text))
        told = [f.message.last_seq for f in frames if isinstance(f.message, messages.Heartbeat)]
        if told and told[-1] is not None:
            self._is_behind = not inbox.has(self.venue_id, told[-1])
        self._look_for_gap()
        if any(isinstance(f.message, messages.MarketData) for f in frames):
            # After the reports: an order waits for its fill, a book waits for nobody.
            generation.check()
            self._feed.take(f.message for f in frames)
        else:
            self._feed.note(f.message for f in frames)

    def _finish_stored(self) -> None:
        """Apply what an earlier session left, the parts first that it had handed over."""
        self._handlers.settle(self.venue_id)
        self._intake.begin()
        self._handlers.settle(self.venue_id)
        self._look_for_gap()

    def _look_for_gap(self) -> None:
        gap = self._is_behind or self._intake.has_hole
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
            while due := await self._take_due():
                for n in range(0, len(due), TOGETHER):
                    await self._look_and_send(gateway, due[n : n + TOGETHER])
            if gateway.line().anew:
                # The questions that were queued when the session began have all been sent.
                await gateway.caught_up()
            try:
                async with asyncio.timeout(0.25):
                    await self.bell.wait()
            except TimeoutError:
                pass
            self.bell.clear()

    async def _take_due(self) -> list[Outbound]:
        """As many as the venue takes now; the rest waits where a cancel can overtake it."""
        limit = min(BATCH, await self._pace.wait())
        return await self._run(
            self._sender,
            transmission.take_due,
            self.venue_id,
            limit=limit,
            cancels_first=bool(self._pace.limit),
        )

    async def _send(self, gateway: Gateway, out: Sequence[messages.WireOut]) -> None:
        """Put messages on the wire, no faster than the venue takes them."""
        while out:
            part = out[: await self._pace.wait()]
            booked = self._pace.begin(len(part))
            await gateway.send(part)
            self._pace.end(booked)
            out = out[len(part) :]

    async def _look_and_send(self, gateway: Gateway, due: Sequence[Outbound]) -> None:
        """The last look holds until the bytes are gone: whoever engages a switch waits for them."""
        async with self._passage.inside():
            look = self._handlers.before_wire
            if rows := await self._run(self._sender, look, self.venue_id, due):
                await self._send(gateway, [messages.decode_outgoing(row.body) for row in rows])

    async def _keep_asking(self, gateway: Gateway) -> None:
        """What was sent and never answered is asked about; a cancel goes out again as it was."""
        while True:
            await asyncio.sleep(2.0)
            await self._db(self._handlers.look, self.venue_id)
            await self._db(_mark_heard, self.venue_id)
            await self._db(lines.measured, self.venue_id, gateway.line())
            self._pace.limit = await self._db(transmission.pace_of, self.venue_id)
            doubtful = await self._db(
                transmission.take_doubtful, self.venue_id, older_than=DOUBT_AFTER
            )
            if doubtful:
                await self._send(gateway, [one for row in doubtful for one in _questions(row)])

    async def _db(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self._run(self._thread, work, *args, **kwargs)

    async def _run(
        self, thread: ThreadPoolExecutor, work: Callable[..., T], *args: Any, **kwargs: Any
    ) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(thread, partial(_clean, work, *args, **kwargs))


def _raw(frame: Frame) -> Raw | None:
    """What the inbox keeps of a frame."""
    if isinstance(frame.message, messages.Report):
        return Raw(frame.message.seq, frame.text)
    return Raw(frame.number, frame.text) if frame.number else None


def _clean(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def _questions(row: Outbound) -> list[messages.WireOut]:
    """What is asked about a message that nobody has answered.

    What makes a venue trade goes again only from the queue, past the last look. A repeated request
    keeps its ClOrdID: a venue that has it does not do it twice.
    """
    message = messages.decode_outgoing(row.body)
    if isinstance(message, messages.NewOrder | messages.QuoteResponse):
        return [_status_of(message.cl_ord_id, message)]
    if isinstance(message, messages.ReplaceRequest):
        return [_status_of(message.orig_cl_ord_id, message)]
    return [message]


def _status_of(
    cl_ord_id: str, about: messages.NewOrder | messages.QuoteResponse | messages.ReplaceRequest
) -> StatusRequest:
    return StatusRequest(
        cl_ord_id=cl_ord_id,
        security_id=about.security_id,
        side=about.side,
        short_sale=about.short_sale,
    )


def _mark_connected(venue_id: str) -> None:
    at = clock.now()
    Venue.objects.filter(pk=venue_id).update(connected_at=at, last_heard_at=at)


def _mark_heard(venue_id: str) -> None:
    Venue.objects.filter(pk=venue_id).update(last_heard_at=clock.now())
