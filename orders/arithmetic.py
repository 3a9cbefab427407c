"""How an allocation came about, line by line: fills, shares, pieces, and sums that must agree.

Nothing here is stored: every split is made again from the fills by the same strategy, so that the
page shows a computation and says whether it comes to what was booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from allocations import reversing, strategies
from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.strategies import Share, Slice
from oms_site.journal.models import Event
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError
from orders import charges, fills
from orders.lots import lot_of
from orders.models import Execution
from venues import instruments

_MONEY = ("qty", "principal", "accrued_interest", "fees")
_CENTS = ("principal", "accrued_interest", "fees")
ZERO = Decimal(0)


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


def of(
    allocation: Allocation, accounts: Sequence[AccountAllocation], legs: Sequence[BookingLeg]
) -> dict[str, Any]:
    """The template variables of the page: every number of it can be recomputed from the lines."""
    executed = list(fills.of_order(allocation.order_id))
    standing = {fill.id for fill in charges.standing(executed)}
    counted = {leg.id for leg in reversing.standing(legs)}
    live = [leg for leg in legs if leg.id in counted]
    stand = [fill for fill in executed if fill.id in standing and not fill.bypass_trade_booking]
    whole = allocation.requested_qty
    return {
        "executed": [(fill, fill.id in standing) for fill in executed],
        "accounts": [
            (account, account.requested_qty / whole * 100 if whole else ZERO)
            for account in accounts
        ],
        "steps": [
            _step(allocation, accounts, legs, executed, counted, key)
            for key in _in_order(legs, executed)
        ],
        "sums": [
            (name.replace("_", " ").replace("qty", "quantity"), _sum(stand, name), _sum(live, name))
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


# --- one split -------------------------------------------------------------------------------
_Key = tuple[tuple[str, ...], int, bool]


def _step(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    legs: Sequence[BookingLeg],
    executed: Sequence[Execution],
    counted: set[str],
    key: _Key,
) -> dict[str, Any]:
    same = [leg for leg in legs if _key(leg) == key]
    sources = [fill for fill in executed if fill.id in key[0]]
    total = {name: _sum(same, name) for name in _MONEY}
    shown: dict[str, Any] = {
        "fills": sources,
        "revision": key[1],
        "back": key[2],
        "legs": same,
        "total": total,
        "fill_total": {name: _sum(sources, name) for name in _MONEY},
        "exact": all(_sum(same, n) == _sum(sources, n) for n in _MONEY),
        "lines": [],
        "agrees": None,
    }
    if key[2]:
        return shown
    before = [
        leg
        for leg in legs
        if not back(leg)
        and not set(leg.source_ids) & set(key[0])
        and _place(_key(leg), executed) < _place(key, executed)
        and (leg.revision == key[1] or leg.id in counted)
    ]
    shown["lines"] = _lines(allocation, accounts, before, same, total)
    shown["agrees"] = _agrees(allocation, accounts, before, same, executed)
    return shown


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
    return tuple(leg.source_ids), leg.revision, back(leg)


def _place(key: _Key, executed: Sequence[Execution]) -> tuple[int, bool, int]:
    """Where a split stands: by version, what is taken back first, then by its first fill."""
    first = min((fill.sequence for fill in executed if fill.id in key[0]), default=0)
    return key[1], not key[2], first


def _in_order(legs: Iterable[BookingLeg], executed: Sequence[Execution]) -> list[_Key]:
    return sorted({_key(leg) for leg in legs}, key=lambda key: _place(key, executed))


def _sum(rows: Iterable[BookingLeg | Execution], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), ZERO)
