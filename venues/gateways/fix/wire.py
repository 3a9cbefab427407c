"""The bytes of one FIX connection, plain or under TLS: what was written is the kernel's, or lost.

Nothing that `write` has not returned from leaves later: whoever stops orders relies on it. Knows
neither messages nor numbers.
"""

from __future__ import annotations

import asyncio
import ssl

from venues.gateways.port import GatewayError

SEND_SECONDS = 1.0
_READ_BYTES = 1 << 16
_TURN_SECONDS = 0.001


class Wire:
    """One connection of one session."""

    def __init__(
        self,
        session: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        socket: asyncio.WriteTransport,
    ) -> None:
        self.session = session
        self._reader = reader
        self._writer = writer
        # Under TLS it holds what is sealed and not taken yet, of which `drain` knows nothing.
        self._socket = socket

    @property
    def is_open(self) -> bool:
        """Whether anything can be written."""
        return not self._writer.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken."""
        above = self._writer.transport
        sealed = self._socket.get_write_buffer_size() if above is not self._socket else 0
        return above.get_write_buffer_size() + sealed

    async def read(self, *, patience: float) -> bytes:
        """What has come. Raises `TimeoutError`, and `GatewayError` at the end of the line."""
        try:
            async with asyncio.timeout(patience):
                chunk = await self._reader.read(_READ_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            raise broken(self.session, error) from error
        if not chunk:
            raise GatewayError("venue_disconnected", f"{self.session}: the venue hung up")
        return chunk

    async def write(self, text: bytes) -> None:
        """Hand bytes to the kernel. Raises `GatewayError`: then none of the rest leaves any more.

        One that takes nothing for a second is cut.
        """
        if not self.is_open:
            raise GatewayError("venue_disconnected", f"{self.session}: not connected")
        try:
            self._writer.write(text)
            async with asyncio.timeout(SEND_SECONDS):
                await self._writer.drain()
                while self.unsent:
                    await asyncio.sleep(_TURN_SECONDS)
        except TimeoutError as error:
            self.abort()
            raise GatewayError("venue_stuck", f"{self.session}: it takes nothing") from error
        except OSError as error:
            raise broken(self.session, error) from error
        except BaseException:
            # Canceled: what was not taken may not leave after its sender has gone.
            self.abort()
            raise

    def abort(self) -> None:
        """Cut the line; what was not taken is gone."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Hang up; never raises."""
        if self.unsent:
            # Who takes nothing would have us wait, and what is left is not to go.
            self.abort()
        self._writer.close()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._writer.wait_closed()
        except TimeoutError:
            self.abort()  # under TLS a goodbye is waited for
        except OSError:
            pass


async def connect(
    session: str, host: str, port: int, *, seal: ssl.SSLContext | None, name: str
) -> Wire:
    """A new connection, sealed if it has to be; `name` is who the other side has to be.

    Raises `OSError`, an `ssl.SSLError` when one side refuses the other.
    """
    reader, writer = await asyncio.open_connection(host, port)
    socket = writer.transport
    try:
        socket.set_write_buffer_limits(high=0)
        if seal is not None:
            await writer.start_tls(seal, server_hostname=name)
            writer.transport.set_write_buffer_limits(high=0)
    except BaseException:
        socket.abort()
        raise
    return Wire(session, reader, writer, socket)


def broken(session: str, error: BaseException) -> GatewayError:
    """What a line that broke is to whoever keeps the session: a refusal needs a person."""
    if is_refusal(error):
        return GatewayError("tls_refused", f"{session}: {error}", permanent=True)
    return GatewayError("venue_disconnected", f"{session}: {error}")


def is_refusal(error: BaseException) -> bool:
    """Whether one side has refused the other's TLS, which trying again does not mend."""
    cut = ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError
    return isinstance(error, ssl.SSLError) and not isinstance(error, cut)
