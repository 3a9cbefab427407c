"""Numbered files in a directory: written whole or not at all, read whole or refused.

A file is a header line, one line per record, and a trailer with the count and a SHA-256 of all that
comes before it. Names are eight digits; a number is given once, whoever asks.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="string")
Record = dict[str, Any]


class Unreadable(Exception):
    """The file is cut short, was changed on its way, or is no such file."""


def name_of(number: int) -> str:
    """The file name of a number."""
    return f"{number:08d}.jsonl"


def next_number(directory: Path) -> int:
    """A number that nobody has had, also after a crash: it is on disk before it is used."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counter = directory / ".last"
        last = int(counter.read_text()) if counter.exists() else _highest(directory)
        _write(counter, str(last + 1).encode())
        return last + 1


def text_of(header: Record, records: Sequence[Record]) -> bytes:
    """A whole file with its trailer."""
    lines = [_encoder.encode(one) for one in (header, *records)]
    body = b"\n".join(lines) + b"\n"
    trailer = {"count": len(records), "sha256": sha256(body).hexdigest()}
    return body + _encoder.encode(trailer) + b"\n"


def put(path: Path, content: bytes) -> None:
    """Write a file under its name at once: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, content)


def parse(content: bytes) -> tuple[Record, list[Record]]:
    """Header and records. Raises `Unreadable`."""
    try:
        body, _, last = content.removesuffix(b"\n").rpartition(b"\n")
        body += b"\n"
        trailer = msgspec.json.decode(last, type=Record)
        header, *records = (
            msgspec.json.decode(line, type=Record) for line in body.splitlines() if line
        )
    except (ValueError, msgspec.MsgspecError) as error:
        raise Unreadable(str(error)) from error
    if trailer.get("sha256") != sha256(body).hexdigest() or trailer.get("count") != len(records):
        raise Unreadable("its trailer does not fit")
    return header, records


def _highest(directory: Path) -> int:
    found = [path.stem for path in directory.rglob("*.jsonl") if path.stem.isdigit()]
    return max(map(int, found), default=0)


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
