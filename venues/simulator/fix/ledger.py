"""What the venue remembers of a FIX session: its numbers, and which report went under which.

A file beside the session's journal, appended before bytes leave. Reports themselves are told again
from the journal.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec


class _Line(msgspec.Struct, omit_defaults=True):
    """`o` went out carrying report `r` (0: none) at `t`; `i` is due next; `z` begins anew."""

    o: int = 0
    r: int = 0
    t: datetime | None = None
    i: int = 0
    z: bool = False


_decoder = msgspec.json.Decoder(_Line)
_encoder = msgspec.json.Encoder()


class Ledger:
    """The numbers of one session, both ways."""

    def __init__(self, directory: Path, session: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"fix-{session}.jsonl"
        self.next_out = self.next_in = 1
        self.last_report = 0
        self.report_of: dict[int, tuple[int, datetime]] = {}
        self.number_of: dict[int, int] = {}
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            if not line.endswith(b"\n"):
                break
            self._fold(_decoder.decode(line))
            whole += len(line)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, whole)

    def number(self, at: datetime, *, report: int = 0) -> int:
        """The next number out, for a report or for none."""
        seq = self.next_out
        self._write(_Line(o=seq, r=report, t=at if report else None))
        return seq

    def expect(self, seq: int) -> None:
        """The number due next from the peer."""
        if seq != self.next_in:
            self._write(_Line(i=seq))

    def begin_anew(self) -> None:
        """Both ways from 1; which reports have been told stays known."""
        self._write(_Line(z=True))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, line: _Line) -> None:
        os.write(self._file, _encoder.encode(line) + b"\n")
        self._fold(line)

    def _fold(self, line: _Line) -> None:
        if line.z:
            self.next_out = self.next_in = 1
            self.report_of.clear()
            self.number_of.clear()
        if line.o:
            self.next_out = line.o + 1
        if line.r and line.t is not None:
            self.report_of[line.o] = (line.r, line.t)
            self.number_of[line.r] = line.o
            self.last_report = max(self.last_report, line.r)
        if line.i:
            self.next_in = line.i
