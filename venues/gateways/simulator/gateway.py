"""Client of the simulated venue: newline-delimited JSON over TCP.

Used by the gateway process, one object per session and connection. Knows no database; the caller
stores the frames it hands over and connects again when it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import msgspec

from oms_site.kit import clock
from venues import messages as wire
from venues.formats import Names
from venues.gateways.clocks import Offset
from venues.gateways.port import Frame, GatewayError, Line
from venues.messages import (
    Heartbeat,
    Logon,
    LogonAck,
    MarketDataRequest,
    MarketDataRequestReject,
    WireOut,
)

HEARTBEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 3.0
SEND_SECONDS = 1.0
_READ_BYTES = 1 << 20
_LONGEST_FRAME = 1 << 24


class SimulatorGateway:
    """One session at the simulated venue (see `venues.gateways.port.Gateway`)."""

    def __init__(
        self, *, session: str, host: str, port: int, names: Callable[[], Names] = Names
    ) -> None:
        self.session = session
        self._find_names = names
        self._names = Names()
        self._host = host
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._beating: asyncio.Task[None] | None = None
        self._rest = b""
        self._waiting: list[Frame] = []
        self._line = Line(address=f"{host}:{port}")
        self._offset = Offset()

    async def connect(self, next_seq: int) -> int:
        """Log on asking for reports from `next_seq` on; the last number the venue has used."""
        await self.close()
        self._rest, self._waiting = b"", []
        self._names = await asyncio.to_thread(self._find_names)
        try:
            async with asyncio.timeout(DEAD_AFTER_SECONDS):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=_READ_BYTES
                )
                # What `send` has returned from is the kernel's: nothing of it leaves us later.
                self._writer.transport.set_write_buffer_limits(high=0)
                since = clock.monotonic()
                await self.send(
                    [Logon(session=self.session, next_seq=next_seq, now=clock.now())],
                )
                last_seq = await self._acknowledged()
                way = timedelta(seconds=clock.monotonic() - since)
                self._line = replace(self._line, rtt=way)
        except (OSError, TimeoutError) as error:
            await self.close()
            raise GatewayError(
                "venue_unreachable", f"{self.session}: no logon ({error})"
            ) from error
        self._beating = asyncio.create_task(self._beat())
        return last_seq

    async def send(self, messages: Sequence[WireOut]) -> None:
        """Put all messages on the wire in one write. Raises `GatewayError` if the wire is down.

        One that takes nothing for a second is cut: of what was not taken, nothing leaves later.
        """
        writer = self._writer
        if writer is None or writer.is_closing():
            raise GatewayError("venue_disconnected", f"{self.session}: not connected")
        try:
            said = (
                [self._to_venue(message) for message in messages]
                if self._names.theirs
                else messages
            )
            writer.write(b"".join(wire.encode(message) + b"\n" for message in said))
            async with asyncio.timeout(SEND_SECONDS):
                await writer.drain()
        except TimeoutError as error:
            writer.transport.abort()
            raise GatewayError("venue_stuck", f"{self.session}: it takes nothing") from error
        except OSError as error:
            raise GatewayError("venue_disconnected", f"{self.session}: {error}") from error
        except BaseException:
            # Canceled: what was not taken may not leave after its sender has gone.
            writer.transport.abort()
            raise

    async def receive(self) -> AsyncIterator[list[Frame]]:
        """Batches of whatever arrived together.

        Ends only by `GatewayError`: the venue hung up, or was silent for three seconds.
        """
        while True:
            batch, self._waiting = self._waiting, []
            yield batch or await self._read()

    async def close(self) -> None:
        """Leave the session; never raises."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            if writer.transport.get_write_buffer_size():
                # Who takes nothing would have us wait, and what is left is not to go.
                writer.transport.abort()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _acknowledged(self) -> int:
        while True:
            frames = await self._read()
            for index, frame in enumerate(frames):
                if isinstance(frame.message, LogonAck):
                    self._waiting = frames[index + 1 :]
                    return frame.message.last_seq

    async def _read(self) -> list[Frame]:
        """The next complete lines; waits for at least one."""
        if self._reader is None:
            raise GatewayError("venue_disconnected", f"{self.session}: not connected")
        lines: list[bytes] = []
        while not lines:
            try:
                async with asyncio.timeout(DEAD_AFTER_SECONDS):
                    chunk = await self._reader.read(_READ_BYTES)
            except TimeoutError as error:
                raise GatewayError("venue_silent", f"{self.session}: nothing heard") from error
            except OSError as error:
                raise GatewayError("venue_disconnected", f"{self.session}: {error}") from error
            if not chunk:
                raise GatewayError("venue_disconnected", f"{self.session}: the venue hung up")
            *complete, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > _LONGEST_FRAME:
                raise GatewayError("frame_too_long", f"{self.session}: a frame without an end")
            lines = [line for line in complete if line]
        frames = [self._from_venue(_frame(line)) for line in lines]
        self._measure(frames)
        return frames

    def line(self) -> Line:
        """How the line is."""
        return self._line

    async def caught_up(self) -> None:
        """Nothing is lost on this wire: its numbers never begin anew."""

    def _to_venue(self, message: WireOut) -> WireOut:
        """A message with the venue's own name of its security."""
        if isinstance(message, Logon | Heartbeat):
            return message
        if isinstance(message, MarketDataRequest):
            named = tuple(self._names.to_venue(one) for one in message.securities)
            return msgspec.structs.replace(message, securities=named)
        name = self._names.to_venue(message.security_id)
        return msgspec.structs.replace(message, security_id=name)

    def _from_venue(self, frame: Frame) -> Frame:
        """What a venue says of a security is said of ours; the text stays as it came."""
        if isinstance(frame.message, MarketDataRequestReject):
            named = tuple(self._names.from_venue(one) for one in frame.message.securities)
            refused = msgspec.structs.replace(frame.message, securities=named)
            return replace(frame, message=refused)
        said = getattr(frame.message, "security_id", "")
        ours = self._names.from_venue(said)
        if frame.message is None or ours == said:
            return frame
        return replace(frame, message=msgspec.structs.replace(frame.message, security_id=ours))

    def _measure(self, frames: Sequence[Frame]) -> None:
        """A heartbeat tells the venue's clock."""
        beats = [f.message for f in frames if isinstance(f.message, Heartbeat)]
        if beats:
            at = clock.now()
            offset = self._offset.take(beats[-1].now, at)
            self._line = replace(self._line, heartbeat_at=at, offset=offset)

    async def _beat(self) -> None:
        with suppress(GatewayError):
            while True:
                await self.send([Heartbeat(now=clock.now())])
                await asyncio.sleep(HEARTBEAT_SECONDS)


class _Numbered(msgspec.Struct):
    seq: int = 0


def _frame(line: bytes) -> Frame:
    text = line.decode("utf-8", errors="replace")
    try:
        return Frame(text, wire.decode_incoming(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return Frame(text, None, str(error), _number(line))


def _number(line: bytes) -> int:
    """The number of a report that cannot be read: it is kept under it, and no hole stays."""
    try:
        return max(msgspec.json.decode(line, type=_Numbered).seq, 0)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return 0
