"""What every venue gateway can do: connect, send frames, hand over what arrives.

The gateway process calls it. A gateway knows one venue's wire and no more: it decides nothing, and
keeps nothing but the numbers and messages of its session where the wire asks for that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from oms_site.kit.errors import OmsError
from venues.messages import WireIn, WireOut


class GatewayError(OmsError):
    """The venue cannot be used now. `permanent` says that trying again will not help."""

    def __init__(self, code: str, message: str, *, permanent: bool = False) -> None:
        super().__init__(code, message, status=503)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing a venue said: its exact text, and what it means if we could read it.

    `message` is None for a frame that does not decode; `error` then says why. Such a frame is
    handed over all the same: what a venue said is stored, never dropped.
    """

    text: str
    message: WireIn | None
    error: str = ""
    # The number of a report that could not be read: without it a hole would stay for ever.
    number: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """How a line is: by which address, when it was last heard, how long there and back takes.

    `offset` is the venue's clock less ours, by the least delayed of its last stamps. `anew`: the
    numbers began again, so what was said under the old ones and not heard is lost, until it
    `caught_up`.
    """

    address: str = ""
    heartbeat_at: datetime | None = None
    rtt: timedelta | None = None
    offset: timedelta | None = None
    anew: bool = False


class Gateway(Protocol):
    """One session at one venue. Connecting again after a failure is the caller's business."""

    async def connect(self, next_seq: int) -> int:
        """Open the session, asking for reports from `next_seq` on; the venue's last number.

        Raises `GatewayError` when the venue does not answer.
        """
        ...

    async def send(self, messages: Sequence[WireOut]) -> None:
        """Put all messages on the wire in one write. Raises `GatewayError` if the wire is down.

        Returning proves nothing about the venue: only its report does.
        """
        ...

    def receive(self) -> AsyncIterator[list[Frame]]:
        """Everything available at once, again and again; raises `GatewayError` at the end."""
        ...

    def line(self) -> Line:
        """How the line is, as far as this wire tells."""
        ...

    async def caught_up(self) -> None:
        """What was lost has been asked about, and the questions are on their way: `anew` is over.

        Until then it outlives connections and processes.
        """
        ...

    async def close(self) -> None:
        """Leave the session; never raises."""
        ...
