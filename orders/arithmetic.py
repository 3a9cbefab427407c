"""How an allocation came about, line by line: fills, shares, pieces, and sums that must agree.

Nothing here is stored: every split is made again from the fills by the same strategy, so that the
page shows a computation and says whether it comes to what was booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from allocations import reversing, strategies
from allocations.models import AccountAllocation, Allocation, BookingLeg, GiveUp
from allocations.strategies import Share, Slice
from oms_site.journal.models import Event
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError
from orders import charges, fills, lineage, notional
from orders.lineage import Again
from orders.lots import lot_of
from orders.models import Execution, NotionalPart
from venues import instruments

_MONEY = ("qty", "principal", "accrued_interest", "fees")
_CENTS = ("principal", "accrued_interest", "fees")
ZERO = Decimal(0)
_Sources = tuple[str, ...]
_Key = tuple[_Sources, int]
# Within a version: what is taken back, what is booked in its place, what is split anew.
_BACK, _GIVEN, _SPLIT, _REPAIRED = range(4)
_AFTER = {lineage.GIVEN: _GIVEN, lineage.REPAIRED: _REPAIRED}


@dataclass(frozen=True, slots=True)
class Part:
    """One sum of one account: its exact share, the whole steps of it, and what the rule added."""

    total: Decimal
    weight: Decimal
    of: Decimal
    exact: Decimal
    whole: Decimal
    got: Decimal

    @property
    def residual(self) -> Decimal:
        """What it got beside the whole steps of its exact share."""
        return self.got - self.whole


@dataclass(frozen=True, slots=True)
class Book:
    """All bookings of an allocation, told apart: split, taken back, booked again."""

    split: Sequence[BookingLeg]
    again: Sequence[Again]
    every: Sequence[BookingLeg]
    executed: Sequence[Execution]
    ended: Mapping[_Sources, int]


@dataclass(frozen=True, slots=True)
class Money:
    """One account's money beside what it came to; `agrees` is the same computation done again."""

    part: NotionalPart
    agrees: bool


def of(
    allocation: Allocation, accounts: Sequence[AccountAllocation], legs: Sequence[BookingLeg]
) -> dict[str, Any]:
    """The template variables of the page: every number of it can be recomputed from the lines."""
    executed = list(fills.of_order(allocation.order_id))
    standing = {fill.id for fill in charges.standing(executed)}
    # Fills that were booked elsewhere have bookings too, which nobody is told of.
    stand = [fill for fill in executed if fill.id in standing]
    whole = allocation.requested_qty
    dropped = allocation.dropped.select_related("account").order_by("position")
    return {
        "executed": [(fill, fill.id in standing) for fill in executed],
        "accounts": [
            (account, account.requested_qty / whole * 100 if whole else ZERO)
            for account in accounts
        ],
        "dropped": list(dropped),
        **_money(allocation),
        "steps": _steps(allocation, accounts, _book(allocation, legs, executed)),
        "sums": [
            (
                name.replace("_", " ").replace("qty", "quantity"),
                _sum(stand, name),
                _sum(reversing.standing(legs), name),
            )
            for name in _MONEY
        ],
        "entry": allocation.entry,
        "first_fill": min((fill.executed_at for fill in executed), default=None),
        "trail": list(
            Event.objects.filter(subject=allocation.id)
            .order_by("seq")
            .values("at", "event_type", "actor", "seq")
        ),
    }


def back(leg: BookingLeg) -> bool:
    """Whether the leg takes another one back."""
    return leg.reverses_id is not None


# --- money -----------------------------------------------------------------------------------
def _money(allocation: Allocation) -> dict[str, Any]:
    """An order given in money: each part computed again, and the sums. Empty for any other."""
    facts = instruments.by_id(allocation.instrument_id)
    parts = notional.of_order(allocation.order_id)
    names = ("notional", "qty", "principal", "residual")
    return {
        "money": [Money(one, notional.again(one, facts)) for one in parts],
        "money_sum": {name: sum((getattr(p, name) for p in parts), ZERO) for name in names},
    }


# --- the steps -------------------------------------------------------------------------------
def _book(
    allocation: Allocation, legs: Sequence[BookingLeg], executed: Sequence[Execution]
) -> Book:
    again = lineage.replaced(legs, GiveUp.objects.filter(allocation=allocation).order_by("id"))
    later = {leg.id for one in again for leg in one.legs}
    split = [leg for leg in legs if not back(leg) and leg.id not in later]
    return Book(split, again, legs, executed, _ended(legs))


def _ended(legs: Sequence[BookingLeg]) -> dict[_Sources, int]:
    """By the fills of a split that stands no more: the version that took it back."""
    stand = {tuple(leg.source_ids) for leg in reversing.standing(legs)}
    ended: dict[_Sources, int] = {}
    for leg in legs:
        key = tuple(leg.source_ids)
        if key not in stand:
            # What was canceled before it was sent has no reversal: the next version did it.
            ended[key] = max(ended.get(key, 0), leg.revision + (not back(leg)))
    return ended


def _steps(
    allocation: Allocation, accounts: Sequence[AccountAllocation], book: Book
) -> list[dict[str, Any]]:
    """Everything that was booked, in order: by version what is taken back, then what is booked."""
    steps = [
        *(
            (_place(key, book.executed), _split(allocation, accounts, book, key))
            for key in {_key(leg) for leg in book.split}
        ),
        *(
            ((key[1], _BACK, _first(key, book.executed)), _back(book, key))
            for key in {_key(leg) for leg in book.every if back(leg)}
        ),
        *(
            ((one.revision, _AFTER[one.kind], one.legs[0].sequence), _again(one))
            for one in book.again
        ),
    ]
    return [step for _, step in sorted(steps, key=lambda pair: pair[0])]


def _split(
    allocation: Allocation, accounts: Sequence[AccountAllocation], book: Book, key: _Key
) -> dict[str, Any]:
    same = [leg for leg in book.split if _key(leg) == key]
    sources = [fill for fill in book.executed if fill.id in key[0]]
    place = _place(key, book.executed)
    before = [
        leg
        for leg in book.split
        if not set(leg.source_ids) & set(key[0])
        and _place(_key(leg), book.executed) < place
        and book.ended.get(tuple(leg.source_ids), key[1] + 1) > key[1]
    ]
    shown = _shown("split", same, sources, fills=sources, revision=key[1])
    shown["lines"] = _lines(allocation, accounts, before, same, shown["total"])
    shown["agrees"] = _agrees(allocation, accounts, before, same, book.executed)
    return shown


def _back(book: Book, key: _Key) -> dict[str, Any]:
    """Reversals, against the bookings that they take back."""
    same = [leg for leg in book.every if back(leg) and _key(leg) == key]
    ids = {leg.reverses_id for leg in same}
    was = [leg for leg in book.every if leg.id in ids]
    sources = [fill for fill in book.executed if fill.id in key[0]]
    return _shown("back", same, was, fills=sources, revision=key[1])


def _again(one: Again) -> dict[str, Any]:
    """Bookings in the place of another, against that one."""
    shown = _shown(one.kind, one.legs, [one.was], fills=(), revision=one.revision)
    shown["agrees"] = one.agrees
    return shown


def _shown(
    kind: str,
    legs: Sequence[BookingLeg],
    against: Sequence[BookingLeg] | Sequence[Execution],
    *,
    fills: Sequence[Execution],
    revision: int,
) -> dict[str, Any]:
    total = {name: _sum(legs, name) for name in _MONEY}
    other = {name: _sum(against, name) for name in _MONEY}
    return {
        "kind": kind,
        "fills": fills,
        "revision": revision,
        "back": kind == "back",
        "legs": legs,
        "total": total,
        "fill_total": other,
        "exact": total == other,
        "lines": [],
        "agrees": None,
    }


# --- one split -------------------------------------------------------------------------------
def _lines(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    before: Sequence[BookingLeg],
    same: Sequence[BookingLeg],
    total: dict[str, Decimal],
) -> list[dict[str, Any]]:
    """Each account's share of the step's quantity, then of each sum of money by that quantity."""
    step = instruments.by_id(allocation.instrument_id).min_increment
    weights = strategies.weights(
        allocation.strategy,
        requested=[account.requested_qty for account in accounts],
        taken=[_sum([x for x in before if _is_of(x, account)], "qty") for account in accounts],
    )
    lines = []
    for n, account in enumerate(accounts):
        mine = [leg for leg in same if _is_of(leg, account)]
        got = _sum(mine, "qty")
        money = {
            name: _part(total[name], got, total["qty"], strategies.CENT, _sum(mine, name))
            for name in _CENTS
        }
        qty = (
            None
            if weights is None
            else _part(total["qty"], weights[n], sum(weights, ZERO), step, got)
        )
        lines.append({"account": account, "qty": qty, "got": got, **money})
    return lines


def _part(total: Decimal, weight: Decimal, of: Decimal, step: Decimal, got: Decimal) -> Part:
    share = Fraction(total) * Fraction(weight) / Fraction(of) if of else Fraction(0)
    whole = Decimal(int(share / Fraction(step))) * step
    return Part(total, weight, of, numbers.round_fraction(share, places=6), whole, got)


def _agrees(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    before: Sequence[BookingLeg],
    same: Sequence[BookingLeg],
    executed: Sequence[Execution],
) -> bool:
    """Whether the strategy, asked again, gives what was booked."""
    facts = instruments.by_id(allocation.instrument_id)
    names = {account.id: account.account_id for account in accounts}
    known = {name for leg in (*before, *same) for name in leg.source_ids}
    try:
        fresh = strategies.allot(
            allocation.strategy,
            lots=[lot_of(fill) for fill in executed if fill.id in known],
            shares=[
                Share(
                    account_id=account.account_id,
                    requested_qty=account.requested_qty,
                    position=account.position,
                )
                for account in accounts
            ],
            min_increment=facts.min_increment,
            min_piece=facts.min_denomination,
            taken=[_slice(leg, names) for leg in before],
        )
    except OmsError:
        return False
    return sorted(fresh, key=_by) == sorted((_slice(leg, names) for leg in same), key=_by)


def _slice(leg: BookingLeg, names: dict[str, str]) -> Slice:
    return Slice(
        account_id=names[leg.account_allocation_id],
        lot_ids=tuple(leg.source_ids),
        qty=leg.qty,
        price=leg.price,
        principal=leg.principal,
        accrued_interest=leg.accrued_interest,
        fees=leg.fees,
    )


def _by(piece: Slice) -> tuple[str, tuple[str, ...]]:
    return piece.account_id, piece.lot_ids


def _is_of(leg: BookingLeg, account: AccountAllocation) -> bool:
    return leg.account_allocation_id == account.id


def _key(leg: BookingLeg) -> _Key:
    return tuple(leg.source_ids), leg.revision


def _place(key: _Key, executed: Sequence[Execution]) -> tuple[int, ...]:
    """Where a split stands: by version, then by its first fill."""
    return key[1], _SPLIT, _first(key, executed)


def _first(key: _Key, executed: Sequence[Execution]) -> int:
    return min((fill.sequence for fill in executed if fill.id in key[0]), default=0)


def _sum(rows: Iterable[BookingLeg | Execution], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), ZERO)
