"""What clients tell the simulated custodian of money and securities that move without a trade.

Deposits and withdrawals, exchanges, and what issuers pay: it has no other way to learn of them. One
append-only journal per custodian; a key counts once, however often it is told.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from allocations.custodians.simulator.journal import Conflict, Journal, digest, lines
from oms_site.kit import clock


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
    at: datetime | None = None  # by the custodian's own clock; older lines have none


_decoder = msgspec.json.Decoder(Noted)


class Notices:
    """The writing side; there is one per custodian and process."""

    def __init__(self, directory: Path, custodian: str) -> None:
        self._custodian = custodian
        self.taken: dict[str, Noted] = {}
        self._journal = Journal(path_of(directory, custodian), _decoder, self._fold)

    def take(self, key: str, body: bytes) -> Noted:
        """The notice under this key, new or known. Raises `Conflict`, `msgspec.MsgspecError`."""
        notice = msgspec.json.decode(body, type=Notice, strict=False)
        said = digest(body)
        known = self.taken.get(key)
        if known is not None:
            if known.digest != said:
                raise Conflict(key)
            return known
        ref = f"{self._custodian.upper()}-N{len(self.taken) + 1:08d}"
        noted = Noted(key=key, ref=ref, digest=said, notice=notice, at=clock.machine_now())
        self._journal.add(noted)
        return noted

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _fold(self, noted: Noted) -> None:
        self.taken[noted.key] = noted


def path_of(directory: Path, custodian: str) -> Path:
    """Where a custodian's journal of notices is."""
    return directory / f"notices-{custodian}.jsonl"


def taken(directory: Path, custodian: str) -> dict[str, Noted]:
    """Everything that a custodian was told and took, by our key."""
    found = lines(path_of(directory, custodian), _decoder)
    return {line.key: line for line in found}


def told(directory: Path, custodian: str) -> list[Noted]:
    """The same, in order: what was written twice is seen twice."""
    return list(lines(path_of(directory, custodian), _decoder))
