"""Simulated central counterparties and clearing brokers: their own journals, never our database.

A line is on disk before its trade is confirmed. A trade is taken once per key; a cancel or a
replacement is of a trade that stands, once.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from allocations.custodians.simulator import journal
from allocations.custodians.simulator.journal import Journal, digest
from oms_site.kit import clock

PARTIES = ("clr_ficc", "clr_nscc", "clr_pershing")
Trouble = Literal["normal", "down", "reject", "error_after"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a member reports; other fields are not read."""

    trans_type: Literal["0", "1", "2"]
    refers_to: str
    member: str
    exec_id: str
    cusip: str
    side: Literal["1", "2"]
    qty: Decimal
    price: Decimal
    net_money: Decimal
    trade_date: date
    settlement_date: date


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One report that was taken, as the journal has it."""

    key: str
    ref: str
    digest: str
    report: Report
    at: datetime | None = None  # by the party's own clock; older lines have none


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mode forced on one party, or on all, for the next `times` reports or until reset."""

    mode: Trouble
    party: str = ""
    times: int | None = None


_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Refusal(Exception):
    """The report is not taken: a status, a code and a reason."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(code)
        self.status, self.code, self.reason = status, code, reason


class Book:
    """What one party has taken; the writing side, one per party and process."""

    def __init__(self, directory: Path, party: str) -> None:
        self._party = party
        self.lines: dict[str, Line] = {}
        self._gone: set[str] = set()
        self._journal = Journal(path_of(directory, party), _decoder, self._fold)

    def take(self, key: str, body: bytes) -> Line:
        """The report under this key, taken once. Raises `Refusal`."""
        report = msgspec.json.decode(body, type=Report)
        said = digest(body)
        known = self.lines.get(key)
        if known is not None:
            if known.digest != said:
                raise Refusal(409, "KEY_CONFLICT", "the key belongs to another report")
            return known
        if report.trans_type != "0":
            if report.refers_to not in self.lines:
                raise Refusal(422, "TRADE_UNKNOWN", "there is no such trade to take back")
            if report.refers_to in self._gone:
                raise Refusal(422, "TRADE_GONE", "that trade was taken back before")
        ref = f"{self._party.upper()}-{len(self.lines) + 1:08d}"
        line = Line(key=key, ref=ref, digest=said, report=report, at=clock.machine_now())
        self._journal.add(line)
        return line

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _fold(self, line: Line) -> None:
        self.lines[line.key] = line
        if line.report.trans_type != "0":
            self._gone.add(line.report.refers_to)


class ClearingHouses:
    """All clearing parties of this process."""

    def __init__(self, directory: Path) -> None:
        self._books = {name: Book(directory, name) for name in PARTIES}
        self._faults: dict[str, Fault] = {}

    def close(self) -> None:
        """Let go of the files."""
        for book in self._books.values():
            book.close()

    def set_fault(self, body: bytes) -> dict[str, Any]:
        """Make one or all parties misbehave, or behave."""
        fault = msgspec.json.decode(body, type=Fault)
        if fault.mode != "normal":
            self._faults[fault.party] = fault
        elif fault.party:
            self._faults.pop(fault.party, None)
        else:
            self._faults.clear()
        return {"ok": True}

    def report(self, party: str, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and answer to one report."""
        book = self._books.get(party)
        if book is None:
            return 404, {"code": "NOT_FOUND", "reason": "no such party"}
        mode = self._mode(party)
        if mode == "down":
            return 503, {"code": "UNAVAILABLE", "reason": "closed for now"}
        if mode == "reject":
            return 422, {"code": "MEMBER_SUSPENDED", "reason": "this member may not report"}
        try:
            line = book.take(key, body)
        except Refusal as refusal:
            return refusal.status, {"code": refusal.code, "reason": refusal.reason}
        if mode == "error_after":
            return 500, {"code": "INTERNAL", "reason": "something went wrong"}
        return 200, {"ref": line.ref}

    def find(self, party: str, key: str) -> tuple[int, dict[str, Any]]:
        """The status and answer to the question what it has under a key."""
        fault = self._faults.get(party) or self._faults.get("")
        if fault is not None and fault.mode == "down":
            return 503, {"code": "UNAVAILABLE", "reason": "closed for now"}
        line = self._books[party].lines.get(key) if party in self._books else None
        if line is None:
            return 404, {"code": "NOT_FOUND", "reason": "no such trade"}
        return 200, {"ref": line.ref}

    def _mode(self, party: str) -> Trouble:
        name = party if party in self._faults else ""
        fault = self._faults.get(name)
        if fault is None:
            return "normal"
        if fault.times is not None:
            if fault.times <= 1:
                del self._faults[name]
            else:
                self._faults[name] = msgspec.structs.replace(fault, times=fault.times - 1)
        return fault.mode


def path_of(directory: Path, party: str) -> Path:
    """Where a party's journal is."""
    return directory / f"clearing-{party}.jsonl"


def lines(directory: Path, party: str) -> list[Line]:
    """Everything a party has taken, in order: what was written twice is seen twice."""
    return list(journal.lines(path_of(directory, party), _decoder))
