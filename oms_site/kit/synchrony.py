"""Whether the machine's clock is kept by a time service, as its kernel says (`adjtimex`, Linux).

Nobody is asked: chrony, ntpd and PTP all tell the kernel how well they know the time. Called by
the operations page; None where there is no such call.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

UNSYNCHRONIZED = 0x0040  # STA_UNSYNC
# Business clocks may be this far from the time of the standards body (CAT NMS plan, 6.8).
MOST_ERROR_MS = 50.0


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("more", ctypes.c_char * 512),
    )


@dataclass(frozen=True, slots=True)
class Synchrony:
    """`error_ms` is how far it may be off by the service's own estimate."""

    synchronized: bool
    error_ms: float

    @property
    def is_off(self) -> bool:
        """Nobody keeps it, or not well enough for stamps to be compared."""
        return not self.synchronized or self.error_ms > MOST_ERROR_MS

    @property
    def words(self) -> str:
        """One sentence for people."""
        if not self.synchronized:
            return "no time service keeps this machine's clock"
        return f"this machine's clock is kept within {self.error_ms:,.1f} ms"


def read() -> Synchrony | None:
    """What the kernel knows of its clock now; None where it does not say."""
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    told = _Timex()  # modes 0: only read
    if ask(ctypes.byref(told)) < 0:
        return None
    return Synchrony(not told.status & UNSYNCHRONIZED, told.esterror / 1000)
