"""Bytes to fields and back: BodyLength(9), CheckSum(10), and the forms of times and decimals.

Pure. Whoever calls keeps the rest of a read that ends inside a message. A garbled message is handed
over as what it is; by the session rules nobody answers it, and its number stays missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

SOH = b"\x01"
LONGEST = 1 << 20
Fields = list[tuple[int, str]]
# What follows 8 and 9 and comes before a message's own fields.
HEADER = (35, 1128, 49, 56, 34, 43, 97, 52, 122)
_MOST_DIGITS = 18
FIXT = "FIXT.1.1"
FIX50SP2 = "9"  # ApplVerID(1128)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came: its fields in order, and the exact bytes."""

    fields: tuple[tuple[int, str], ...]
    raw: bytes

    def get(self, tag: int, default: str = "") -> str:
        """The first value of a tag."""
        return next((value for name, value in self.fields if name == tag), default)

    @property
    def type(self) -> str:
        """MsgType(35)."""
        return self.get(35)

    @property
    def seq(self) -> int:
        """MsgSeqNum(34); 0 where it is missing or no number."""
        return int(text) if digits(text := self.get(34)) else 0

    @property
    def possibly_repeated(self) -> bool:
        """PossDupFlag(43)."""
        return self.get(43) == "Y"


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no message: wrong length, wrong sum or no fields."""

    raw: bytes
    why: str


def digits(text: str | bytes) -> bool:
    """Whether this is a whole number that a database counts with: at most 18 plain digits."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def encode(begin: str, header: Iterable[tuple[int, str]], body: Iterable[tuple[int, str]]) -> bytes:
    """A whole message. `begin` is BeginString(8); 9 and 10 are reckoned here."""
    inner = b"".join(b"%d=%s\x01" % (tag, text.encode()) for tag, text in (*header, *body))
    whole = b"8=%s\x019=%d\x01%s" % (begin.encode(), len(inner), inner)
    return b"%s10=%03d\x01" % (whole, sum(whole) % 256)


def split(buffer: bytes) -> tuple[list[Message | Garbled], bytes]:
    """The complete messages in a buffer, and what is left of it. Never raises."""
    found: list[Message | Garbled] = []
    while buffer:
        start = buffer.find(b"8=FIX")
        if start < 0:
            # A beginning may be cut anywhere inside its first five bytes.
            keep = next((n for n in (4, 3, 2, 1) if buffer.endswith(b"8=FIX"[:n])), 0)
            junk = buffer[: len(buffer) - keep]
            found += [Garbled(junk, "no message begins here")] * bool(junk)
            return found, buffer[len(junk) :]
        if start:
            found.append(Garbled(buffer[:start], "no message begins here"))
            buffer = buffer[start:]
        end = _end(buffer)
        if end is None:
            return found, buffer
        one, taken = _decode(buffer, end)
        found.append(one)
        buffer = buffer[taken:]
    return found, b""


def _end(buffer: bytes) -> int | None:
    """Where the message at the start ends by its own length; -1 when it says none, None: later."""
    first = buffer.find(SOH)
    second = buffer.find(SOH, first + 1)
    if first < 0 or second < 0:
        return None if len(buffer) < 64 else -1
    length = buffer[first + 1 : second]
    if not length.startswith(b"9=") or not digits(length[2:]) or int(length[2:]) > LONGEST:
        return -1
    end = second + 1 + int(length[2:]) + len("10=000\x01")
    if end > len(buffer):
        # One that lies about its length must not swallow the next: both sums would be wrong.
        other = buffer.find(b"\x018=FIX", second)
        return -1 if other >= 0 and buffer[other - 6 : other - 3] == b"10=" else None
    return end


def _decode(buffer: bytes, end: int) -> tuple[Message | Garbled, int]:
    if end > 0 and buffer[end - 7 : end - 4] == b"10=" and buffer[end - 8 : end - 7] == SOH:
        raw = buffer[:end]
        if b"%03d" % (sum(raw[:-7]) % 256) != raw[-4:-1]:
            return Garbled(raw, "CheckSum(10) is wrong"), end
        try:
            return Message(tuple(_fields(raw)), raw), end
        except (ValueError, UnicodeDecodeError):
            return Garbled(raw, "a field is no tag=value"), end
    following = buffer.find(b"8=FIX", 1)
    cut = following if following > 0 else len(buffer)
    return Garbled(buffer[:cut], "BodyLength(9) is wrong"), cut


def _fields(raw: bytes) -> Iterable[tuple[int, str]]:
    for part in raw[:-1].split(SOH):
        tag, equals, value = part.partition(b"=")
        if not equals or not value or not tag.isdigit() or b"\0" in value:
            raise ValueError(part)
        yield int(tag), value.decode()


def timestamp(at: datetime) -> str:
    """UTCTimestamp to the microsecond, as all our stamps are."""
    return at.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S.%f")


def moment(text: str) -> datetime:
    """A UTCTimestamp; what is finer than a microsecond is cut. Raises `ValueError`."""
    whole, _, part = text.partition(".")
    at = datetime.strptime(whole, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    return at.replace(microsecond=int(part[:6].ljust(6, "0"))) if part else at


def number(value: Decimal) -> str:
    """A decimal without an exponent."""
    return f"{value.normalize():f}" if value else "0"
