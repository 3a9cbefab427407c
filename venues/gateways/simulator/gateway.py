"""Client of the simulated venue: newline-delimited JSON over TCP.

Used by the gateway process, one object per session and connection. Knows no database; the caller
stores the frames it hands over and connects again when it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import msgspec

from oms_site.kit import clock
from venues import messages as wire
from venues.gateways.port import Frame, GatewayError
from venues.messages import Heartbeat, Logon, LogonAck, WireOut

HEARTBEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 3.0
SEND_SECONDS = 1.0
_READ_BYTES = 1 << 20
_LONGEST_FRAME = 1 << 24


class SimulatorGateway:
    """One session at the simulated venue (see `venues.gateways.port.Gateway`)."""

    def __init__(self, *, session: str, host: str, port: int) -> None:
        self.session = session
        self._host = host
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._beating: asyncio.Task[None] | None = None
        self._rest = b""
        self._waiting: list[Frame] = []

    async def connect(self, next_seq: int) -> int:
        """Log on asking for reports from `next_seq` on; the last number the venue has used."""
        await self.close()
        self._rest, self._waiting = b"", []
        try:
            async with asyncio.timeout(DEAD_AFTER_SECONDS):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=_READ_BYTES
                )
                # What `send` has returned from is the kernel's: nothing of it leaves us later.
                self._writer.transport.set_write_buffer_limits(high=0)
                await self.send(
                    [Logon(session=self.session, next_seq=next_seq, now=clock.now())],
                )
                last_seq = await self._acknowledged()
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
            writer.write(b"".join(wire.encode(message) + b"\n" for message in messages))
            async with asyncio.timeout(SEND_SECONDS):
                await writer.drain()
        except TimeoutError as error:
            writer.transport.abort()
            raise GatewayError("venue_stuck", f"{self.session}: it takes nothing") from error
        except OSError as error:
            raise GatewayError("venue_disconnected", f"{self.session}: {error}") from error

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
        return [_frame(line) for line in lines]

    async def _beat(self) -> None:
        with suppress(GatewayError):
            while True:
                await self.send([Heartbeat(now=clock.now())])
                await asyncio.sleep(HEARTBEAT_SECONDS)


def _frame(line: bytes) -> Frame:
    text = line.decode("utf-8", errors="replace")
    try:
        return Frame(text, wire.decode_incoming(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return Frame(text, None, str(error))
