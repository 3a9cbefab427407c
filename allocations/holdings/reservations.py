"""What open orders would still take: the floor above hands its reader down when the process starts.

This floor does not know orders, so it asks whoever was given to `use_reservations`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Reserved:
    """Cash of open buys by (account, currency), securities of open sells by (account, id)."""

    cash: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    securities: Mapping[tuple[str, int], Decimal] = field(default_factory=dict)


_Reader = Callable[[Collection[str]], Reserved]


def _nothing(account_ids: Collection[str]) -> Reserved:
    return Reserved()


_reader: list[_Reader] = [_nothing]


def use_reservations(reader: _Reader) -> None:
    """Have `reader` answer from now on what open orders of these accounts would still take."""
    _reader[0] = reader


def reserved(account_ids: Collection[str]) -> Reserved:
    """What open orders of these accounts would still take: one round of set-based queries."""
    return _reader[0](account_ids)
