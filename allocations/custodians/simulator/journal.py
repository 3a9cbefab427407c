"""What one outside party remembers: one append-only file of JSON lines, and how bodies compare.

A line is on disk before anything of it is said; a torn last line was never said and is cut off on
opening. Also read by tests and `check_books` as the party's own account.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

L = TypeVar("L")
_encoder = msgspec.json.Encoder(decimal_format="string")
_canonical = msgspec.json.Encoder(order="deterministic")


class Conflict(Exception):
    """The key has been used for something else, or was withdrawn."""


class Journal(Generic[L]):
    """The writing side; there is one per file and process."""

    def __init__(
        self, path: Path, decoder: msgspec.json.Decoder[L], fold: Callable[[L], object]
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._decoder, self._fold = decoder, fold
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = 0
        for text in _whole(path):
            size += len(text)
            fold(decoder.decode(text))
        os.ftruncate(self._file, size)

    def add(self, line: L) -> None:
        """Write a line, then fold it as it will be read again. Raises OSError."""
        text = _encoder.encode(line)
        rest = memoryview(text + b"\n")
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._fold(self._decoder.decode(text))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def lines(path: Path, decoder: msgspec.json.Decoder[L]) -> Iterator[L]:
    """Every complete line of a file, in order; none where there is no file."""
    return (decoder.decode(text) for text in _whole(path))


def digest(body: bytes) -> str:
    """What two bodies of the same content share, however they are written."""
    return sha256(_canonical.encode(msgspec.json.decode(body))).hexdigest()


def _whole(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
