"""One FIX session at a venue: logs on, catches up, says and hears, keeps the line alive.

Used by the gateway process and the certification. Every number is kept before it is used, in a
thread of this object's own; one lock puts all that counts numbers in a row. Unknown to it: orders.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeGuard, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from oms_site.kit import clock, ids
from venues.fix import codec, incoming
from venues.fix.codec import Fields, Garbled, Message
from venues.gateways.clocks import Offset
from venues.gateways.fix import hearing, receiving, sealing, store, wire
from venues.gateways.fix.asking import Asking
from venues.gateways.fix.receiving import Intake
from venues.gateways.fix.store import Numbers, Opened
from venues.gateways.fix.wire import Wire
from venues.gateways.port import Frame, GatewayError, Line
from venues.messages import WireOut

log = logging.getLogger(__name__)
T = TypeVar("T")
CONNECT_SECONDS = 3.0
PROBE_EVERY = 5  # heartbeats
# Heartbeats that may stay away before the venue is asked, and before it is given up.
SILENCE = 1.2
_NO_GROUPS: Fields = [(98, "0")]


class Addresses:
    """Which of a session's addresses is tried next: the one that works, else the following."""

    def __init__(self) -> None:
        self._turn: dict[str, int] = {}

    def of(self, session: str, among: Sequence[str]) -> str:
        """The address to try now."""
        return among[self._turn.get(session, 0) % len(among)]

    def failed(self, session: str) -> None:
        """The next try takes the next address."""
        self._turn[session] = self._turn.get(session, 0) + 1


class FixGateway:
    """One FIX session at a venue (see `venues.gateways.port.Gateway`).

    `find` makes host and port of an address; `addresses` outlives connections, so that the next one
    begins where this one worked.
    """

    def __init__(
        self, *, session: str, find: Callable[[str], tuple[str, int]], addresses: Addresses
    ) -> None:
        self.session = session
        self._find = find
        self._addresses = addresses
        self._thread: ThreadPoolExecutor | None = None
        self._lock = asyncio.Lock()
        self._wire: Wire | None = None
        self._seal: ssl.SSLContext | None = None
        self._beating: asyncio.Task[None] | None = None
        self._rest = b""
        self._next_report = 1
        self._waiting: list[Frame] = []
        self._probe: tuple[str, float] = ("", 0.0)
        self._line = Line()
        self._offset = Offset()
        self._opened: Opened
        self._numbers: Numbers
        self._intake: Intake
        self._asking: Asking

    # --- the session ---------------------------------------------------------------------------
    async def connect(self, next_seq: int) -> int:
        """Log on and catch up with all the venue has said; the number of its last report."""
        await self.close()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"fix-{self.session}")
        try:
            self._opened = await self._db(store.open_session, self.session, at=clock.now())
            self._seal = await self._db(sealing.context, self._opened.line)
            self._begin(next_seq)
            await self._log_on()
        except (OSError, TimeoutError) as error:
            self._addresses.failed(self.session)
            await self.close()
            if wire.is_refusal(error):
                raise wire.broken(self.session, error) from error
            text = f"{self.session}: no logon ({error})"
            raise GatewayError("venue_unreachable", text) from error
        except GatewayError:
            self._addresses.failed(self.session)
            await self.close()
            raise
        self._beating = asyncio.create_task(self._beat())
        return self._numbers.reports

    def _begin(self, next_seq: int) -> None:
        line = self._opened.line
        self._numbers = self._opened.numbers
        self._intake = Intake(
            session=self.session,
            begin=self._opened.begin,
            ours=line.sender_comp_id,
            theirs=line.target_comp_id,
            next_in=self._numbers.next_in,
        )
        self._asking = Asking(offered=line.market_data)
        self._rest, self._waiting, self._next_report = b"", [], max(next_seq, 1)
        self._line = Line(
            address=self._addresses.of(self.session, line.addresses),
            anew=self._opened.anew,
        )

    async def _log_on(self) -> None:
        """Logon(A), and a test whose answer comes behind everything that was missed."""
        async with asyncio.timeout(CONNECT_SECONDS):
            host, port = self._find(self._line.address)
            name = self._opened.line.tls_server_name or host
            self._wire = await wire.connect(self.session, host, port, seal=self._seal, name=name)
        body = [*_NO_GROUPS, (108, str(self._opened.line.heartbeat_s))]
        body += [(141, "Y")] if self._opened.reset else []
        body += [(1137, codec.FIX50SP2)] if self._opened.begin == codec.FIXT else []
        await self._say([(receiving.LOGON, body)])
        await self._until(lambda one: one.type == receiving.LOGON)
        await self._ask_for_life()
        name = self._probe[0]
        await self._until(lambda one: one.type == receiving.HEARTBEAT and one.get(112) == name)

    async def _until(self, is_it: Callable[[Message], bool]) -> None:
        """Hear until a message; what reports come on the way are kept, and told from there."""
        while True:
            frames, heard, broken = await self._take(await self._read())
            self._waiting += [f for f in frames if not f.number and f.message is None]
            if broken is not None:
                raise broken
            if any(is_it(one) for one in heard):
                return

    async def send(self, messages: Sequence[WireOut]) -> None:
        """Number, keep and put all messages on the wire in one write. Raises `GatewayError`.

        One that takes nothing for a second is cut: of what was not taken, nothing leaves later.
        """
        self._there()
        async with self._lock:
            said = await self._db(self._asking.named, messages)
            self._numbers, text, faults = await self._db(
                store.number, self._opened, self._numbers, said, at=clock.now()
            )
            self._waiting += [
                Frame(fault, None, "the format has no word for it") for fault in faults
            ]
            await self._write(text)

    async def receive(self) -> AsyncIterator[list[Frame]]:
        """What was asked for from earlier, then whatever arrives together.

        Ends only by `GatewayError`: the venue hung up, said goodbye, was silent, broke a rule.
        """
        while True:
            while self._next_report <= self._numbers.reports:
                yield await self._db(self._told)
            batch, self._waiting = self._waiting, []
            if batch:
                yield batch
            frames, _, broken = await self._take(await self._read())
            self._next_report = self._numbers.reports + 1
            yield frames
            if broken is not None:
                raise broken

    async def caught_up(self) -> None:
        """What was lost when the numbers began anew has been asked about."""
        await self._db(store.caught_up, self.session, self._numbers.epoch)
        self._line = replace(self._line, anew=False)

    async def close(self) -> None:
        """Leave the session; never raises."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        line, self._wire = self._wire, None
        if line is not None:
            await line.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            # What is being written ends first: who opens the session next must find it.
            await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
            thread.shutdown(wait=False)

    def line(self) -> Line:
        """How the line is."""
        return self._line

    # --- in ------------------------------------------------------------------------------------
    async def _read(self) -> list[Message | Garbled]:
        """The next complete messages; waits for at least one. A silent venue is asked once."""
        found: list[Message | Garbled] = []
        patience, asked = self._opened.line.heartbeat_s * SILENCE, False
        while not found:
            try:
                if self._wire is None:
                    raise GatewayError("venue_disconnected", f"{self.session}: not connected")
                chunk = await self._wire.read(patience=patience)
            except TimeoutError as error:
                if asked:
                    text = f"{self.session}: nothing heard"
                    raise GatewayError("venue_silent", text) from error
                asked = True
                await self._ask_for_life()
                continue
            found, self._rest = codec.split(self._rest + chunk)
            if len(self._rest) > 2 * codec.LONGEST:
                raise GatewayError("frame_too_long", f"{self.session}: a message without an end")
        return found

    async def _take(
        self, items: Sequence[Message | Garbled]
    ) -> tuple[list[Frame], list[Message], GatewayError | None]:
        """Work in what came: kept first, answered then, told last. And what rule was broken."""
        async with self._lock:
            at, intake = clock.now(), self._intake
            bad = [Frame(hearing.text(one.raw), None, one.why) for one in items if _is_bad(one)]
            due, broken = self._due(items)
            bad += [_skipped(one) for one in intake.resets]
            intake.resets = []
            answers, intake.answers = intake.answers, []
            resends, intake.resends = intake.resends, []
            asked_at = self._numbers.next_out
            self._numbers, frames, text = await self._db(
                hearing.keep,
                *(self._opened, self._numbers, due, answers, intake.next_in, self._asking.by_id),
                at=at,
            )
            for first, last in resends:
                upto = min(last or asked_at - 1, asked_at - 1)
                epoch = self._numbers.epoch
                again = await self._db(store.repeated, self._opened, epoch, first, upto, at=at)
                text = b"".join([*again, text])
            if text:
                await self._write(text)
        self._measure(due, at)
        goodbye = next((one for one in due if one.type == receiving.LOGOUT), None)
        return bad + frames, due, broken or (_left(self.session, goodbye) if goodbye else None)

    def _due(self, items: Sequence[Message | Garbled]) -> tuple[list[Message], GatewayError | None]:
        due: list[Message] = []
        for one in items:
            if isinstance(one, Message):
                try:
                    due.extend(self._intake.take(one))
                except GatewayError as broken:
                    return due, broken
        return due, None

    def _measure(self, due: Sequence[Message], at: datetime) -> None:
        """How far the venue's clock is from ours, and how long there and back takes."""
        name, since = self._probe
        for one in due:
            said = incoming.moment_or_none(one.get(52))
            if one.type != receiving.HEARTBEAT or said is None or one.possibly_repeated:
                continue
            rtt = self._line.rtt
            if name and one.get(112) == name:
                rtt = timedelta(seconds=clock.monotonic() - since)
                self._probe = ("", 0.0)
            offset = self._offset.take(said, at)
            self._line = replace(self._line, heartbeat_at=at, rtt=rtt, offset=offset)

    # --- out -----------------------------------------------------------------------------------
    async def _say(self, said: Sequence[tuple[str, Fields]]) -> None:
        async with self._lock:
            self._numbers, text = await self._db(
                hearing.speak, self._opened, self._numbers, said, at=clock.now()
            )
            await self._write(text)

    async def _write(self, text: bytes) -> None:
        await self._there().write(text)

    def _there(self) -> Wire:
        if self._wire is None or not self._wire.is_open:
            raise GatewayError("venue_disconnected", f"{self.session}: not connected")
        return self._wire

    async def _ask_for_life(self) -> None:
        """TestRequest(1): its answer says that the venue lives, and how long the way is."""
        name = ids.prefixed("t")
        self._probe = (name, clock.monotonic())
        await self._say([(receiving.TEST, [(112, name)])])

    async def _beat(self) -> None:
        beats = 0
        try:
            while True:
                await asyncio.sleep(self._opened.line.heartbeat_s)
                beats += 1
                if beats % PROBE_EVERY:
                    await self._say([(receiving.HEARTBEAT, [])])
                else:
                    await self._ask_for_life()
        except GatewayError:
            pass
        except (DatabaseError, InterfaceError):
            log.warning("%s: no heartbeat; the line is cut", self.session, exc_info=True)
            if self._wire is not None:
                # A venue that hears nothing more of us would be the one to cut it, much later.
                self._wire.abort()

    # --- the thread ----------------------------------------------------------------------------
    def _told(self) -> list[Frame]:
        frames = hearing.again(self._opened, self._next_report)
        self._next_report += len(frames)
        return frames

    async def _db(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        assert self._thread is not None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(_clean, work, *args, **kwargs))


def _clean(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def _is_bad(one: Message | Garbled) -> TypeGuard[Garbled]:
    return isinstance(one, Garbled)


def _skipped(reset: Message) -> Frame:
    why = f"the venue went on with {reset.get(36)}: what it said before may be missing"
    return Frame(hearing.text(reset.raw), None, why)


def _left(session: str, goodbye: Message) -> GatewayError:
    """Logout(5): the end of a day, or a complaint about our numbers, which only people settle."""
    text = goodbye.get(58)
    numbers = "msgseqnum" in text.lower()
    code = "numbers_refused" if numbers else "venue_logged_out"
    return GatewayError(code, f"{session}: {text or 'the venue logged us out'}", permanent=numbers)
