"""The venue's memory on disk: one append-only file of JSON lines per session.

Each line is a frame exactly as it went over the wire; a `batch` line ends what belongs together
and says when. A batch is written whole before any of it is sent. One that lacks its end was never
sent, so it is cut off on opening. Also read by tests and `check_books` as the venue's own account.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from venues.messages import (
    CancelReject,
    CancelRequest,
    DealerQuote,
    ExecutionReport,
    NewOrder,
    QuoteCancel,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteStatusReport,
    ReplaceRequest,
    Report,
    SecurityStatus,
    StatusRequest,
)
from venues.simulator.register import Order, Register

_REPORTS = tuple(f'{{"msg":"{tag}"'.encode() for tag in ("8", "9", "S", "AI", "AG", "Z", "f"))
_END = b'{"msg":"batch"'


class Batch(msgspec.Struct, frozen=True, tag_field="msg", tag="batch"):
    """The end of a batch, and when the venue dealt with it."""

    at: datetime


_Line = (
    NewOrder
    | CancelRequest
    | ReplaceRequest
    | StatusRequest
    | QuoteRequest
    | QuoteResponse
    | ExecutionReport
    | CancelReject
    | DealerQuote
    | QuoteStatusReport
    | QuoteRequestReject
    | QuoteCancel
    | SecurityStatus
    | Batch
)
_decoder: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)
_encoder = msgspec.json.Encoder()


class Journal:
    """The writing side; there is one per session and process."""

    def __init__(self, directory: Path, session: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(
            path_of(directory, session), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644
        )
        self._starts = array("Q")  # where each report begins: entry n is report n + 1
        self._size = 0
        self._lines: list[bytes] = []
        self.register = Register(session)
        for lines, at in _batches(path_of(directory, session)):
            self._note(lines, at)
            _fold(self.register, lines, at)
        os.ftruncate(self._file, self._size)

    @property
    def last_seq(self) -> int:
        """The number of the last report on disk."""
        return len(self._starts)

    def add(self, line: bytes) -> None:
        """Put a frame into the batch that is being gathered."""
        self._lines.append(line)

    def write(self, at: datetime) -> None:
        """Hand the gathered batch to the operating system, in one write. Raises OSError."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        rest = memoryview(b"\n".join([*lines, _encoder.encode(Batch(at)), b""]))
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._note(lines, at)

    def read(self, seq: int, *, most: int = 1 << 18) -> list[bytes]:
        """Reports from number `seq` on, as many as fit in about `most` bytes, at least one."""
        start = self._starts[seq - 1]
        reports: list[bytes] = []
        while not reports:
            text = os.pread(self._file, most, start)
            whole = text[: text.rfind(b"\n") + 1]
            reports = [line for line in whole.split(b"\n") if line.startswith(_REPORTS)]
            most *= 2
        return reports

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _note(self, lines: list[bytes], at: datetime) -> None:
        for line in lines:
            if line.startswith(_REPORTS):
                self._starts.append(self._size)
            self._size += len(line) + 1
        self._size += len(_encoder.encode(Batch(at))) + 1


def path_of(directory: Path, session: str) -> Path:
    """Where a session's journal is."""
    return directory / f"venue-{session}.jsonl"


def executions(directory: Path, session: str) -> dict[str, ExecutionReport]:
    """Every trade that stands, by its first ExecID: busts taken out, corrections worked in."""
    reports: dict[str, ExecutionReport] = {}

    def keep(line: _Line) -> None:
        if isinstance(line, ExecutionReport):
            reports[line.exec_id] = line

    register = _read(directory, session, keep)
    return {
        exec_id: msgspec.structs.replace(reports[exec_id], last_qty=trade.qty, last_px=trade.px)
        for exec_id, trade in register.trades.items()
        if exec_id == trade.exec_id and not trade.busted
    }


def orders(directory: Path, session: str) -> dict[str, Order]:
    """Every order as the venue sees it, by each ClOrdID it has carried."""
    return _read(directory, session).orders


def reports(directory: Path, session: str) -> list[Report]:
    """Every report ever made, in order."""
    found: list[Report] = []

    def keep(line: _Line) -> None:
        if isinstance(line, Report):
            found.append(line)

    _read(directory, session, keep)
    return found


def _read(directory: Path, session: str, keep: Callable[[_Line], None] | None = None) -> Register:
    register = Register(session)
    for lines, at in _batches(path_of(directory, session)):
        _fold(register, lines, at, keep)
    return register


def _batches(path: Path) -> Iterator[tuple[list[bytes], datetime]]:
    """Every complete batch of a file: its frames and its time."""
    if not path.exists():
        return
    lines: list[bytes] = []
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            if line.startswith(_END):
                end = _decoder.decode(line)
                assert isinstance(end, Batch)
                yield lines, end.at
                lines = []
            else:
                lines.append(line[:-1])


def _fold(
    register: Register,
    lines: list[bytes],
    at: datetime,
    keep: Callable[[_Line], None] | None = None,
) -> None:
    for text in lines:
        line = _decoder.decode(text)
        if isinstance(line, Report):
            register.fold(line)
        elif not isinstance(line, Batch):
            register.receive(line, at)
        if keep is not None:
            keep(line)
