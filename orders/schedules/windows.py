"""The time a schedule may trade in: the open parts of the sessions between its start and its end.

Plain arithmetic over a trading calendar. Trading time is counted in microseconds and stands still
while the market is closed, so slots are equally long in it over a night as within a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from venues.calendar import Calendar, new_york_date

_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """What of one session lies in the window."""

    opens: datetime
    closes: datetime
    session_opens: datetime
    session_closes: datetime

    @property
    def length(self) -> int:
        """Its trading time."""
        return (self.closes - self.opens) // _MICRO


@dataclass(frozen=True, slots=True)
class Window:
    """The open time between two moments, in pieces that follow each other."""

    pieces: tuple[Piece, ...]

    @property
    def length(self) -> int:
        """Its trading time."""
        return sum(piece.length for piece in self.pieces)

    def moment(self, passed: int) -> datetime:
        """The moment when so much trading time has passed; at a close it is the next open."""
        for piece in self.pieces:
            if passed < piece.length:
                return piece.opens + passed * _MICRO
            passed -= piece.length
        return self.pieces[-1].closes

    def cuts(self, slots: int) -> list[int]:
        """The trading times at which equally long slots begin, and that at which the last ends."""
        return [self.length * n // slots for n in range(slots + 1)]

    def spans(self, cuts: Sequence[int]) -> list[list[tuple[Fraction, Fraction, int]]]:
        """Of every slot: its pieces as fractions of their sessions, with the sessions' lengths."""
        return [self._of(start, end) for start, end in pairwise(cuts)]

    def _of(self, start: int, end: int) -> list[tuple[Fraction, Fraction, int]]:
        found, before = [], 0
        for piece in self.pieces:
            first, last = max(start - before, 0), min(end - before, piece.length)
            if first < last:
                session = (piece.session_closes - piece.session_opens) // _MICRO
                offset = (piece.opens - piece.session_opens) // _MICRO
                found.append(
                    (
                        Fraction(offset + first, session),
                        Fraction(offset + last, session),
                        session,
                    )
                )
            before += piece.length
        return found


def window(start: datetime, end: datetime, *, book: Calendar, extended: bool) -> Window:
    """The open time from `start` to `end`; without any, it has no pieces.

    Half days end early and holidays have none, as the calendar says. Raises `OutsideCalendar`.
    """
    pieces = []
    day, last = new_york_date(start), new_york_date(end)
    while day <= last:
        if book.is_trading_day(day):
            opens, closes = book.open_for(day, extended), book.close_for(day, extended)
            first, until = max(opens, start), min(closes, end)
            if first < until:
                pieces.append(Piece(first, until, opens, closes))
        day += timedelta(days=1)
    return Window(tuple(pieces))
