"""Final splits: what legs give to accounts leaves the suspense account, share by share.

The fills of an order for several accounts lie in suspense until the engine has queued a leg; then
the same quantity and money move on, and come back when the leg is canceled or reversed. The two
sides of a leg always add up to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from allocations.holdings import fx, ledger
from allocations.holdings.posting import Posting, of_trade
from allocations.holdings.suspense import suspense
from allocations.models import AccountAllocation, Allocation, BookingLeg, Movement
from allocations.states import LegStatus
from oms_site.journal.unit import Unit
from venues import instruments


class Split(NamedTuple):
    """An allocation with its accounts and all its legs, as they are at the end of a unit."""

    allocation: Allocation
    accounts: Sequence[AccountAllocation]
    legs: Sequence[BookingLeg]


def settle(work: Unit, splits: Iterable[Split], *, at: datetime) -> None:
    """Bring the holdings to what the legs say; asking again changes nothing.

    An implicit allocation's fills went to its one account when they happened: its legs move only
    what a repair has booked to another account.
    """
    given = [one for split in splits for one in _ways(split)]
    gone = [way for way in given if not way.stands]
    posted = _posted(work, [way.leg.id for way in gone])
    postings: list[Posting] = []
    for way in given:
        if way.stands:
            postings += way.postings(Movement.Kind.ALLOCATION)
        elif way.leg.id in posted:
            postings += way.postings(Movement.Kind.REVERSAL, elsewhere=posted[way.leg.id])
    ledger.post(work, fx.with_legs(postings, at=at), at=at)


def of(work: Unit, allocations: Mapping[str, Allocation]) -> list[Split]:
    """Everything of these allocations, with what this unit has added or holds."""
    accounts: dict[str, list[AccountAllocation]] = {key: [] for key in allocations}
    legs: dict[str, dict[str, BookingLeg]] = {key: {} for key in allocations}
    stored = AccountAllocation.objects.filter(allocation_id__in=list(allocations))
    for account in [*stored, *work.added(AccountAllocation)]:
        if account.allocation_id in accounts:
            accounts[account.allocation_id].append(account)
    rows = BookingLeg.objects.filter(allocation_id__in=list(allocations))
    for leg in rows:
        legs[leg.allocation_id][leg.id] = work.hold(leg)
    for leg in work.added(BookingLeg):
        if leg.allocation_id in legs:
            legs[leg.allocation_id][leg.id] = leg
    return [
        Split(allocation, accounts[key], list(legs[key].values()))
        for key, allocation in allocations.items()
    ]


def _posted(work: Unit, leg_ids: Sequence[str]) -> dict[str, bool]:
    """Which of these legs have given their shares already, and whether that was elsewhere."""
    if not leg_ids:
        return {}
    rows = Movement.objects.filter(source_id__in=leg_ids, kind=Movement.Kind.ALLOCATION)
    mine = [m for m in work.added(Movement) if m.kind == Movement.Kind.ALLOCATION]
    return {
        **dict(rows.values_list("source_id", "elsewhere")),
        **{m.source_id: m.elsewhere for m in mine if m.source_id in leg_ids},
    }


class _Way(NamedTuple):
    """One leg: from which account its shares go to which, and whether it still counts."""

    allocation: Allocation
    leg: BookingLeg
    giver: str
    taker: str
    stands: bool

    def postings(self, kind: str, *, elsewhere: bool = False) -> tuple[Posting, Posting]:
        """Both sides of the leg, or of taking it back; `elsewhere` is how it was given."""
        allocation, leg = self.allocation, self.leg
        back = kind == Movement.Kind.REVERSAL
        terms: dict[str, Any] = {
            "side": allocation.side,
            "qty": leg.qty,
            "principal": leg.principal,
            "accrued_interest": leg.accrued_interest,
            "fees": leg.fees,
            "organization_id": allocation.organization_id,
            "instrument_id": allocation.instrument_id,
            "currency": instruments.by_id(allocation.instrument_id).currency,
            "kind": str(kind),
            "source_id": leg.id,
            "reverses": leg.id if back else "",
            "order_id": allocation.order_id,
            "price": leg.price,
            "trade_date": leg.trade_date,
            "settlement_date": leg.settlement_date,
            "elsewhere": elsewhere or leg.status == LegStatus.ELSEWHERE,
        }
        return (
            of_trade(**terms, into=back, account_id=self.giver),
            of_trade(**terms, into=not back, account_id=self.taker),
        )


def _ways(split: Split) -> list[_Way]:
    owners = {account.id: account.account_id for account in split.accounts}
    undone = {leg.reverses_id for leg in split.legs}
    house = suspense(split.allocation.organization_id)
    found = []
    for leg in split.legs:
        if leg.reverses_id is not None:
            continue
        owner = owners[leg.account_allocation_id]
        giver = owner if split.allocation.implicit else house
        taker = leg.booked_account_id or owner
        if giver != taker:
            stands = leg.id not in undone and leg.status != LegStatus.CANCELED
            found.append(_Way(split.allocation, leg, giver, taker, stands))
    return found
