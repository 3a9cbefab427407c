"""The replacement that an order waits for, with its legs, taken into the current unit once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from oms_site.journal.unit import Unit
from orders.models import Order, ReplaceLeg, Replacement
from orders.states import ReplaceStatus

_NOTE = "replacements"


@dataclass(slots=True)
class Asked:
    """A replacement and what each venue has to answer of it."""

    row: Replacement
    legs: list[ReplaceLeg] = field(default_factory=list)

    def leg(self, leg_id: str) -> ReplaceLeg | None:
        """The leg of that ClOrdID."""
        return next((leg for leg in self.legs if leg.id == leg_id), None)

    def open_legs(self) -> list[ReplaceLeg]:
        """Legs that no venue has answered."""
        return [leg for leg in self.legs if leg.is_open]


def outstanding(work: Unit, order: Order) -> Asked | None:
    """The replacement that nobody has answered yet; no query for an order that has none."""
    if not order.amending:
        return None
    known = next((one for one in _known(work).values() if _is_open(one, order)), None)
    if known is not None:
        return known
    found = Replacement.objects.filter(
        order_id=order.id, status__in=[ReplaceStatus.PENDING, ReplaceStatus.REVIEW]
    ).first()
    return None if found is None else _take(work, found.id)


def of_leg(work: Unit, leg_id: str) -> Asked | None:
    """The replacement of a leg, answered or not."""
    known = next((one for one in _known(work).values() if one.leg(leg_id)), None)
    if known is not None:
        return known
    leg = ReplaceLeg.objects.filter(pk=leg_id).first()
    return None if leg is None else _take(work, leg.replacement_id)


def remember(work: Unit, row: Replacement, legs: Iterable[ReplaceLeg] = ()) -> Asked:
    """Let the rest of this unit find a replacement that it has just made."""
    asked = _known(work).setdefault(row.id, Asked(row))
    asked.legs.extend(legs)
    return asked


def _take(work: Unit, replacement_id: str) -> Asked:
    row = work.lock(Replacement, [replacement_id])[replacement_id]
    named = ReplaceLeg.objects.filter(replacement_id=replacement_id).values_list("id", flat=True)
    legs = work.lock(ReplaceLeg, named)
    return remember(work, row, [legs[key] for key in sorted(legs)])


def _is_open(asked: Asked, order: Order) -> bool:
    return asked.row.order_id == order.id and asked.row.is_open


def _known(work: Unit) -> dict[str, Asked]:
    known: dict[str, Asked] = work.notes.setdefault(_NOTE, {})
    return known
