"""The books of one simulated custodian, and their journal: one append-only file of JSON lines.

A line is on disk before its booking is confirmed; a torn last line was never confirmed and is cut
off on opening. Also read by tests and `check_books` as the custodian's own account.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

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
_encoder = msgspec.json.Encoder(decimal_format="string")
_canonical = msgspec.json.Encoder(order="deterministic")


class Conflict(Exception):
    """The key has been used for another booking."""


class Books:
    """The writing side; there is one per custodian and process."""

    def __init__(self, directory: Path, custodian: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.custodian = custodian
        self.bookings: dict[str, Booking] = {}
        self.failures: defaultdict[str, int] = defaultdict(int)
        path = path_of(directory, custodian)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = 0
        for text in _lines(path):
            size += len(text)
            self._fold(_decoder.decode(text))
        os.ftruncate(self._file, size)

    def book(self, key: str, instruction: Instruction, body: bytes) -> tuple[Booking, bool]:
        """The booking under this key, and whether it is new. Raises `Conflict`, OSError."""
        digest = sha256(_canonical.encode(msgspec.json.decode(body))).hexdigest()
        known = self.bookings.get(key)
        if known is not None:
            if known.digest != digest:
                raise Conflict(key)
            return known, False
        booking = Booking(
            key=key,
            booking_ref=f"{self.custodian.upper()}-{len(self.bookings) + 1:08d}",
            booked_at=clock.machine_now(),
            digest=digest,
            instruction=instruction,
        )
        self._write(booking)
        return booking, True

    def fail(self, key: str) -> int:
        """Note one failure on purpose; how many there have been for this key."""
        self._write(Failure(key=key))
        return self.failures[key]

    def on(self, trade_dates: Collection[date]) -> list[Booking]:
        """What was booked for trades of these days."""
        return [b for b in self.bookings.values() if b.instruction.trade_date in trade_dates]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, line: _Line) -> None:
        rest = memoryview(_encoder.encode(line) + b"\n")
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._fold(line)

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
    found = (_decoder.decode(text) for text in _lines(path_of(directory, custodian)))
    return {line.key: line for line in found if isinstance(line, Booking)}


def _lines(path: Path) -> Iterator[bytes]:
    """Every complete line of a file."""
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
