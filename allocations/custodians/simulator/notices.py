"""What clients tell the simulated custodian of money and securities that move without a trade.

Deposits and withdrawals, exchanges, and what issuers pay: it has no other way to learn of them. One
append-only journal per custodian; a key counts once, however often it is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="string")
_canonical = msgspec.json.Encoder(order="deterministic")


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What moves: signed for the account. Fields that a client adds are taken but not read."""

    account: str
    currency: str
    trade_date: date
    settlement_date: date
    cash: Decimal = Decimal(0)
    cusip: str = ""
    qty: Decimal = Decimal(0)


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="notice"):
    """A notice that was taken, under a reference of ours."""

    key: str
    ref: str
    digest: str
    notice: Notice


_decoder = msgspec.json.Decoder(Noted)


class Conflict(Exception):
    """The key has been used for another notice."""


class Notices:
    """The writing side; there is one per custodian and process."""

    def __init__(self, directory: Path, custodian: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._custodian = custodian
        self.taken: dict[str, Noted] = {}
        path = path_of(directory, custodian)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = 0
        for text in _lines(path):
            size += len(text)
            self._fold(_decoder.decode(text))
        os.ftruncate(self._file, size)

    def take(self, key: str, body: bytes) -> Noted:
        """The notice under this key, new or known. Raises `Conflict`, `msgspec.MsgspecError`."""
        notice = msgspec.json.decode(body, type=Notice, strict=False)
        digest = sha256(_canonical.encode(msgspec.json.decode(body))).hexdigest()
        known = self.taken.get(key)
        if known is not None:
            if known.digest != digest:
                raise Conflict(key)
            return known
        ref = f"{self._custodian.upper()}-N{len(self.taken) + 1:08d}"
        noted = Noted(key=key, ref=ref, digest=digest, notice=notice)
        rest = memoryview(_encoder.encode(noted) + b"\n")
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._fold(noted)
        return noted

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _fold(self, noted: Noted) -> None:
        self.taken[noted.key] = noted


def path_of(directory: Path, custodian: str) -> Path:
    """Where a custodian's journal of notices is."""
    return directory / f"notices-{custodian}.jsonl"


def taken(directory: Path, custodian: str) -> dict[str, Noted]:
    """Everything that a custodian was told and took, by our key."""
    found = (_decoder.decode(text) for text in _lines(path_of(directory, custodian)))
    return {line.key: line for line in found}


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
