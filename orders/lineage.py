"""Which bookings stand in the place of another: shares given up, bookings repaired elsewhere.

Called by the arithmetic of an allocation. A share is split over the accounts once; whatever an
account is booked later for the very same fills is that share again, in one or two pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from allocations import giving_up
from allocations.giving_up import Piece
from allocations.models import BookingLeg, GiveUp
from allocations.states import LegStatus

GIVEN, REPAIRED = "given", "repaired"
_Line = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Again:
    """The bookings `legs` in the place of `was`; `agrees` says that nothing was lost between."""

    kind: str
    was: BookingLeg
    legs: tuple[BookingLeg, ...]
    revision: int
    agrees: bool


def replaced(legs: Sequence[BookingLeg], give_ups: Iterable[GiveUp]) -> list[Again]:
    """Everything that stands in the place of another booking, in the order it was made.

    What fits nothing before it is left out: then it counts as split, and the sums say so.
    """
    given = {str(row.clearing_leg_id): row for row in give_ups if row.clearing_leg_id}
    mirrored = {str(leg.reverses_id): leg.revision for leg in legs if leg.reverses_id}
    found: list[Again] = []
    for line in _lines(legs).values():
        waiting, gone = list(line[1:]), set[str]()
        while waiting:
            leg = waiting.pop(0)
            earlier = [one for one in line if one.sequence < leg.sequence and one.id not in gone]
            row = given.get(leg.id)
            one = _repaired(leg, earlier) if row is None else _given(leg, row, earlier, waiting)
            if one is None:
                continue
            gone.add(one.was.id)
            found.append(_since(one, mirrored.get(one.was.id, 0)))
    return found


def _lines(legs: Iterable[BookingLeg]) -> dict[_Line, list[BookingLeg]]:
    """Each account's bookings of the same fills, the first made first."""
    lines: dict[_Line, list[BookingLeg]] = {}
    for leg in sorted(legs, key=lambda leg: leg.sequence):
        if leg.reverses_id is None:
            lines.setdefault((leg.account_allocation_id, tuple(leg.source_ids)), []).append(leg)
    return lines


def _given(
    leg: BookingLeg, row: GiveUp, earlier: Sequence[BookingLeg], waiting: list[BookingLeg]
) -> Again | None:
    was = next((one for one in earlier if one.id == row.leg_id), None)
    if was is None:
        return None
    goes, stays = giving_up.pieces(_piece(was), row.qty)
    if not stays.qty:
        return Again(GIVEN, was, (leg,), leg.revision, _piece(leg) == goes)
    # What stays is booked right after what goes.
    if not waiting or waiting[0].sequence != leg.sequence + 1:
        return Again(GIVEN, was, (leg,), leg.revision, False)
    rest = waiting.pop(0)
    same = (_piece(leg), _piece(rest)) == (goes, stays)
    return Again(GIVEN, was, (leg, rest), leg.revision, same)


def _repaired(leg: BookingLeg, earlier: Sequence[BookingLeg]) -> Again | None:
    canceled = [one for one in earlier if one.status == LegStatus.CANCELED and one.qty == leg.qty]
    if not canceled:
        return None
    was = canceled[-1]
    return Again(REPAIRED, was, (leg,), leg.revision, _piece(leg) == _piece(was))


def _since(one: Again, taken_back: int) -> Again:
    """With the version it is of: a share given up is of the one that took its booking back."""
    revision = max(one.revision, taken_back)
    return Again(one.kind, one.was, one.legs, revision, one.agrees)


def _piece(leg: BookingLeg) -> Piece:
    return Piece(leg.qty, leg.principal, leg.accrued_interest, leg.fees)
