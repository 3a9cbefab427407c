"""What the kernel says of the machine's clock, in words and as a verdict."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from oms_site.kit import synchrony
from oms_site.kit.synchrony import Synchrony


@pytest.mark.parametrize(
    ("synchronized", "error_ms", "off", "words"),
    [
        (True, 0.4, False, "this machine's clock is kept within 0.4 ms"),
        (True, 50.0, False, "this machine's clock is kept within 50.0 ms"),
        (True, 50.1, True, "this machine's clock is kept within 50.1 ms"),
        (False, 0.0, True, "no time service keeps this machine's clock"),
    ],
)
def test_a_clock_that_nobody_keeps_or_not_well_is_off(
    synchronized: bool, error_ms: float, off: bool, words: str
) -> None:
    told = Synchrony(synchronized, error_ms)
    assert (told.is_off, told.words) == (off, words)


def _kernel(status: int, esterror: int, answer: int = 0) -> Any:
    class Library:
        @staticmethod
        def adjtimex(told: Any) -> int:
            told._obj.status, told._obj.esterror = status, esterror
            return answer

    return lambda *_, **__: Library


def test_the_kernel_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", _kernel(0x2001, 1500))
    assert synchrony.read() == Synchrony(True, 1.5)
    monkeypatch.setattr(ctypes, "CDLL", _kernel(0x2001 | synchrony.UNSYNCHRONIZED, 0, answer=5))
    assert synchrony.read() == Synchrony(False, 0)


def test_a_machine_that_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", _kernel(0, 0, answer=-1))
    assert synchrony.read() is None
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert synchrony.read() is None
