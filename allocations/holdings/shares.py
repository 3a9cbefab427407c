"""Final splits: what legs give to accounts leaves the suspense account, share by share.

The fills of an order for several accounts lie in suspense until the engine has queued a leg; then
the same quantity and money move on. The two sides of a leg always add up to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from allocations.holdings import ledger
from allocations.holdings.posting import Posting, of_trade
from allocations.holdings.suspense import suspense
from allocations.models import AccountAllocation, Allocation, BookingLeg, Movement
from oms_site.journal.unit import Unit
from venues import instruments

Share = tuple[Allocation, AccountAllocation, BookingLeg]


def allocate(work: Unit, shares: Iterable[Share], *, at: datetime) -> None:
    """Move what these legs give from suspense to their accounts; asking again changes nothing.

    An implicit allocation's fills went to its one account when they happened.
    """
    ledger.post(
        work, [one for share in shares if not share[0].implicit for one in _both(*share)], at=at
    )


def take_back(work: Unit, shares: Iterable[Share], *, at: datetime) -> None:
    """Undo `allocate` for legs that are reversed: the shares lie in suspense again."""
    ledger.post(
        work,
        [
            one
            for share in shares
            if not share[0].implicit
            for one in _both(*share, kind=Movement.Kind.REVERSAL)
        ],
        at=at,
    )


def _both(
    allocation: Allocation,
    account: AccountAllocation,
    leg: BookingLeg,
    kind: str = Movement.Kind.ALLOCATION,
) -> tuple[Posting, Posting]:
    back = kind == Movement.Kind.REVERSAL
    named: Mapping[str, object] = {
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
    }
    money = {
        "side": allocation.side,
        "qty": leg.qty,
        "principal": leg.principal,
        "accrued_interest": leg.accrued_interest,
        "fees": leg.fees,
    }
    house = suspense(allocation.organization_id)
    return (
        of_trade(**money, into=back, account_id=house, **named),
        of_trade(**money, into=not back, account_id=account.account_id, **named),
    )
