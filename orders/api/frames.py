"""The bytes between a web process and the desk's: four bytes of length, then msgpack.

Both ends are of one version and of one machine; their socket lies in a private directory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from oms_site.firm.principals import Principal
from orders.api.taking import Answered, Asked

_LENGTH = struct.Struct("!I")


class _Request(msgspec.Struct, frozen=True, array_like=True):
    number: int
    # Few callers send many orders: what is said of each is written and read once.
    principal: msgspec.Raw
    received_at: datetime
    correlation_id: str
    idempotency_key: str
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_read_request = msgspec.msgpack.Decoder(_Request).decode
_read_answers = msgspec.msgpack.Decoder(list[tuple[int, Answered]]).decode


class Splitter:
    """Cuts a stream of bytes into frames; keeps what has not come whole."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now, without their lengths."""
        rest = self._rest
        rest += data
        start = 0
        while len(rest) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(rest, start)
            end = start + _LENGTH.size + length
            if len(rest) < end:
                break
            yield bytes(rest[start + _LENGTH.size : end])
            start = end
        del rest[:start]


def of_request(number: int, asked: Asked) -> bytes:
    """The frame of a request, which its answer will name by `number`."""
    return _framed(
        _Request(
            number,
            _packed(asked.principal),
            asked.received_at,
            asked.correlation_id,
            asked.idempotency_key,
            asked.body,
        )
    )


def request(frame: bytes) -> tuple[int, Asked]:
    """Read what `of_request` wrote. Raises `msgspec.DecodeError`."""
    read = _read_request(frame)
    principal = _principal(bytes(read.principal))
    return read.number, Asked(
        principal, read.received_at, read.correlation_id, read.idempotency_key, read.body
    )


def of_answers(answers: Sequence[tuple[int, Answered]]) -> bytes:
    """The frame of answers, each with the number of its request."""
    return _framed(answers)


def answers(frame: bytes) -> list[tuple[int, Answered]]:
    """Read what `of_answers` wrote. Raises `msgspec.DecodeError`."""
    return _read_answers(frame)


def _framed(value: object) -> bytes:
    content = _encode(value)
    return _LENGTH.pack(len(content)) + content


@lru_cache(maxsize=1_000)
def _packed(principal: Principal) -> msgspec.Raw:
    return msgspec.Raw(_encode(principal))


@lru_cache(maxsize=1_000)
def _principal(packed: bytes) -> Principal:
    return msgspec.msgpack.decode(packed, type=Principal)
