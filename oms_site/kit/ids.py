"""Identifiers: opaque, prefixed, never reused.

Orders carry `mo_` and 21 URL-safe characters; everything else a prefix and a ULID, which sorts by
time of making.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from functools import lru_cache

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _CROCKFORD for low in _CROCKFORD)
_lock = threading.Lock()
_last_ms = 0
_last_tail = 0


def order_id() -> str:
    """A new order id: `mo_` and 126 random bits as 21 URL-safe characters."""
    return "mo_" + base64.urlsafe_b64encode(os.urandom(16))[:21].decode("ascii")


def prefixed(prefix: str) -> str:
    """A new id such as `evt_01J…`: the prefix, an underscore and a monotonic ULID."""
    return f"{prefix}_{ulid()}"


def ulid() -> str:
    """A ULID that sorts after every one this process has made before."""
    global _last_ms, _last_tail
    with _lock:
        # Identifiers follow the machine, not the shifted sandbox clock: they must never go back.
        ms = time.time_ns() // 1_000_000
        if ms <= _last_ms:
            ms = _last_ms
            _last_tail += 1
        else:
            _last_tail = int.from_bytes(os.urandom(10), "big") >> 1
        _last_ms, tail = ms, _last_tail
    return _encode((ms << 80) | tail)


def _encode(value: int) -> str:
    # 128 bits are 13 pairs of Crockford digits, ten bits a pair.
    return _head(value >> 20) + _PAIRS[(value >> 10) & 1023] + _PAIRS[value & 1023]


@lru_cache(maxsize=4)
def _head(value: int) -> str:
    # The first eleven pairs are the same in nearly all that are made within a millisecond.
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(100, -1, -10)])
