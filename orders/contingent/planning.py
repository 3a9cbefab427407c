"""What the legs of a list may do now: pure arithmetic, the same answer however often it is asked.

* A list begins when all of its legs have passed the gate; one that is refused ends all of it.
* A parent goes to market whole. Its children are let go in proportion to what it has filled,
  rounded down to their increment; all of them once it is filled. While more may come, nothing is
  let go that is too small to trade, nor what would leave too little for later.
* Of legs that exclude each other one at a time may be at work: the one that waits for no price,
  until another one's price comes. That one gets what the others have neither filled nor are still
  working; they are asked to stop, and what they fill until they have stopped is taken off.
* What a fill has made pointless is asked to stop: a leg of which no more will ever be let go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

ZERO = Decimal(0)
EXCLUSIVE = frozenset({"leg", "take_profit", "stop_loss"})
PARENT = "parent"
_OVER = frozenset({"filled", "canceled", "rejected", "expired"})


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a list as it stands: `working` is what may still be filled below it."""

    id: str
    role: str
    status: str
    qty: Decimal
    filled: Decimal = ZERO
    working: Decimal = ZERO
    released: Decimal = ZERO
    increment: Decimal = Decimal(1)
    least: Decimal = ZERO  # the smallest piece of it that trades
    armed: bool = False
    waits_for_price: bool = False
    triggered_at: datetime | None = None
    busy: bool = False  # anything of it is live below, or it is being stopped

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in _OVER

    @property
    def exposed(self) -> Decimal:
        """What it has filled and may still fill, whatever we decide now."""
        return self.filled + self.working


@dataclass(slots=True)
class Plan:
    """How much of each leg may go to market altogether, who watches for a price, who has to stop.

    `excess` is what legs have filled or may fill beyond what they may together.
    """

    released: dict[str, Decimal] = field(default_factory=dict)
    armed: set[str] = field(default_factory=set)
    stop: set[str] = field(default_factory=set)
    excess: Decimal = ZERO


def plan(legs: Sequence[Leg]) -> Plan:
    """What the legs may do now, as their states say; nothing is remembered from call to call."""
    made = Plan()
    if any(leg.status == "rejected" for leg in legs):
        made.stop.update(leg.id for leg in legs if not leg.over)
        return made
    if any(leg.status == "pending_approval" for leg in legs):
        return made
    parent = next((leg for leg in legs if leg.role == PARENT), None)
    if parent is not None:
        made.released[parent.id] = parent.qty
    children = [leg for leg in legs if leg.role != PARENT]
    exclusive = [leg for leg in children if leg.role in EXCLUSIVE]
    last = parent is None or parent.over
    if exclusive:
        _exclude(made, exclusive, _due(exclusive[0], parent), last=last)
    for leg in children:
        if leg.role not in EXCLUSIVE:
            _follow(made, leg, _due(leg, parent), last=last)
    return made


def _let_go(leg: Leg, may: Decimal, most: Decimal) -> Decimal:
    """How much of a leg is let go altogether, of what it `may` now and `most` it may ever.

    Never less than it has at work; every piece, and what stays for later, is large enough to trade.
    """
    if ZERO < most - may < leg.least:
        may = most - leg.least
        may -= may % leg.increment
    if may < most and may - leg.exposed < leg.least:
        may = leg.exposed
    return min(max(may, leg.exposed), leg.qty)


def _due(leg: Leg, parent: Leg | None) -> Decimal:
    """How much of a leg the parent's fills call for, rounded down to the leg's increment."""
    if parent is None or parent.filled >= parent.qty:
        return leg.qty
    share = leg.qty * parent.filled / parent.qty
    return max(share - share % leg.increment, ZERO)


def _follow(made: Plan, leg: Leg, due: Decimal, *, last: bool) -> None:
    """A child of its own: let go as far as it is due; never called back what has gone."""
    made.released[leg.id] = _let_go(leg, due, due if last else leg.qty)
    made.excess += max(leg.exposed - due, ZERO)
    if due > 0:
        made.armed.add(leg.id)
    if last and not leg.over and leg.filled >= due and not leg.working:
        made.stop.add(leg.id)


def _exclude(made: Plan, legs: Sequence[Leg], due: Decimal, *, last: bool) -> None:
    """Legs of which one at a time may be at work, together no more than is due."""
    filled = sum((leg.filled for leg in legs), ZERO)
    made.excess += max(sum((leg.exposed for leg in legs), ZERO) - due, ZERO)
    if due > 0:
        made.armed.update(leg.id for leg in legs)
    first = _first(legs)
    for leg in legs:
        # Taken back what nobody works; never what a venue may still fill.
        made.released[leg.id] = min(leg.exposed, leg.qty)
    if first is not None:
        others = [leg for leg in legs if leg is not first]
        room = due - sum((leg.exposed for leg in others), ZERO)
        most = (due if last else first.qty) - sum((leg.filled for leg in others), ZERO)
        made.released[first.id] = _let_go(first, room, most)
    for leg in legs:
        elected = first is not None and first.triggered_at is not None and leg is not first
        if not leg.over and (elected or (last and filled >= due)):
            made.stop.add(leg.id)


def _first(legs: Sequence[Leg]) -> Leg | None:
    """Whose turn it is: the first whose price has come, else the one that waits for none."""
    open_legs = [leg for leg in legs if not leg.over]
    came = [(leg.triggered_at, leg.id, leg) for leg in open_legs if leg.triggered_at is not None]
    if came:
        return min(came)[2]
    return next((leg for leg in open_legs if not leg.waits_for_price), None)


def changes(legs: Sequence[Leg], made: Plan) -> Iterator[tuple[Leg, Decimal, bool]]:
    """The legs that the plan moves: what they may do altogether from now on, and armed or not.

    One that has ended gives back what it did not use, and gets no more.
    """
    for leg in legs:
        qty = made.released.get(leg.id, leg.released)
        armed = leg.armed or (leg.id in made.armed and not leg.over)
        if leg.over:
            qty = min(qty, leg.released)
        if (qty, armed) != (leg.released, leg.armed):
            yield leg, qty, armed
