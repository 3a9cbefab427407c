"""The books of one simulated custodian: what it was asked to book, in a journal of their own.

Also read by tests and `check_books` as the custodian's own account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from allocations.custodians.simulator.journal import Conflict, Journal, digest, lines
from oms_site.kit import clock


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks to be booked; fields it adds beyond these are taken but not read."""

    leg_id: str
    account: str
    cusip: str
    side: Literal["1", "2"]
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    net_money: Decimal
    trade_date: date
    settlement_date: date
    currency: str = "USD"


class Booking(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="booking"):
    """What has been booked, under which key; `digest` tells whether a repeated body is the same."""

    key: str
    booking_ref: str
    booked_at: datetime
    digest: str
    instruction: Instruction


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="failure"):
    """A call that was made to fail, so that the next one may succeed even after a restart."""

    key: str


_Line = Booking | Failure
_decoder: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


class Books:
    """The writing side; there is one per custodian and process."""

    def __init__(self, directory: Path, custodian: str) -> None:
        self.custodian = custodian
        self.bookings: dict[str, Booking] = {}
        self.failures: defaultdict[str, int] = defaultdict(int)
        self._journal = Journal(path_of(directory, custodian), _decoder, self._fold)

    def book(self, key: str, instruction: Instruction, body: bytes) -> tuple[Booking, bool]:
        """The booking under this key, and whether it is new. Raises `Conflict`, OSError."""
        said = digest(body)
        known = self.bookings.get(key)
        if known is not None:
            if known.digest != said:
                raise Conflict(key)
            return known, False
        booking = Booking(
            key=key,
            booking_ref=f"{self.custodian.upper()}-{len(self.bookings) + 1:08d}",
            booked_at=clock.machine_now(),
            digest=said,
            instruction=instruction,
        )
        self._journal.add(booking)
        return booking, True

    def fail(self, key: str) -> int:
        """Note one failure on purpose; how many there have been for this key."""
        self._journal.add(Failure(key=key))
        return self.failures[key]

    def on(self, trade_dates: Collection[date]) -> list[Booking]:
        """What was booked for trades of these days."""
        return [b for b in self.bookings.values() if b.instruction.trade_date in trade_dates]

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _fold(self, line: _Line) -> None:
        if isinstance(line, Booking):
            self.bookings[line.key] = line
        else:
            self.failures[line.key] += 1


def path_of(directory: Path, custodian: str) -> Path:
    """Where a custodian's journal is."""
    return directory / f"custodian-{custodian}.jsonl"


def bookings(directory: Path, custodian: str) -> dict[str, Booking]:
    """Everything a custodian has booked, by idempotency key."""
    found = lines(path_of(directory, custodian), _decoder)
    return {line.key: line for line in found if isinstance(line, Booking)}
