"""An allocation as clients see it: amounts, parts of event bodies, the object of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.strategies import Slice
from oms_site.kit import numbers
from venues import instruments


def number(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent."""
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()


def amount(qty: Decimal, kind: str) -> dict[str, Any]:
    """Both of the guide's shapes of an amount at once; `kind` is `par` or `shares`."""
    value = number(qty)
    return {"type": kind, "value": value, kind: value}


def kind_of(allocation: Allocation) -> str:
    """Whether its quantities are `par` or `shares`."""
    return instruments.by_id(allocation.instrument_id).amount_type


def names(allocation: Allocation) -> dict[str, Any]:
    """What every event about an allocation carries."""
    return {
        "order_id": allocation.order_id,
        "allocation_id": allocation.id,
        "client_allocation_id": allocation.client_allocation_id,
    }


def requested(account: AccountAllocation, kind: str) -> dict[str, Any]:
    """One account's part of the basis."""
    return {
        "account_allocation_id": account.id,
        "client_account_allocation_id": account.client_account_allocation_id or None,
        "account_id": account.account_id,
        "requested_amount": amount(account.requested_qty, kind),
    }


def calculated(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    slices: Sequence[Slice],
    venues: Mapping[str, str],
) -> list[dict[str, Any]]:
    """What each account has got, at which average price and where; `venues` by execution id."""
    kind = kind_of(allocation)
    of_account: dict[str, list[Slice]] = {}
    for piece in slices:
        of_account.setdefault(piece.account_id, []).append(piece)
    known: dict[tuple[str, ...], list[str]] = {}  # most accounts have a piece of the same lots
    told = []
    for account in accounts:
        mine = of_account.get(account.account_id, [])
        lot_ids = mine[0].lot_ids if len(mine) == 1 else tuple(_lots(mine))
        if lot_ids not in known:
            known[lot_ids] = sorted({venues[lot_id] for lot_id in lot_ids} - {""})
        where = known[lot_ids]
        basis = requested(account, kind)
        same = account.actual_qty == account.requested_qty
        got = basis["requested_amount"] if same else amount(account.actual_qty, kind)
        fills = [
            _fill(piece, got if piece.qty == account.actual_qty else amount(piece.qty, kind))
            for piece in mine
        ]
        told.append(
            {
                **basis,
                "actual_amount": got,
                "fill_price": fills[0]["fill_price"] if len(fills) == 1 else _average(mine),
                "venue": where[0] if len(where) == 1 else None,
                "venues": where,
                "fills": fills,
            }
        )
    return told


def _lots(pieces: Sequence[Slice]) -> Iterable[str]:
    return (lot_id for piece in pieces for lot_id in piece.lot_ids)


def _average(pieces: Sequence[Slice]) -> Decimal | None:
    price = numbers.weighted_average((piece.qty, piece.price) for piece in pieces)
    return None if price is None else number(price)


def _fill(piece: Slice, qty: dict[str, Any]) -> dict[str, Any]:
    return {
        "amount": qty,
        "fill_price": number(piece.price),
        "execution_ids": piece.lot_ids,
    }


def view(
    allocation: Allocation,
    accounts: Iterable[AccountAllocation],
    legs: Sequence[BookingLeg],
) -> dict[str, Any]:
    """The allocation object of the API, with every account's bookings."""
    kind = kind_of(allocation)
    return {
        "id": allocation.id,
        "allocation_id": allocation.id,
        "client_allocation_id": allocation.client_allocation_id,
        "order_id": allocation.order_id,
        "strategy": allocation.strategy,
        "status": str(allocation.status),
        "implicit": allocation.implicit,
        "side": allocation.side,
        "custodian_id": allocation.custodian_id,
        "requested_amount": amount(allocation.requested_qty, kind),
        "actual_amount": amount(allocation.actual_qty, kind),
        "complete": allocation.complete,
        "created_at": allocation.created_at,
        "code": allocation.code or None,
        "reason": allocation.reason or None,
        "account_allocations": [
            {
                **requested(account, kind),
                "actual_amount": amount(account.actual_qty, kind),
                "bookings": [
                    booking(leg, kind)
                    for leg in sorted(legs, key=lambda leg: leg.sequence)
                    if leg.account_allocation_id == account.id
                ],
            }
            for account in sorted(accounts, key=lambda account: account.position)
        ],
    }


def booking(leg: BookingLeg, kind: str) -> dict[str, Any]:
    """One leg at its custodian: price in percent of par or per share, money in cents.

    One that takes another back has its terms and names it: such a pair adds up to nothing.
    """
    return {
        "booking_id": leg.id,
        "reverses_booking_id": leg.reverses_id,
        "custodian_id": leg.custodian_id,
        "amount": amount(leg.qty, kind),
        "price": number(leg.price),
        "principal": leg.principal,
        "accrued_interest": leg.accrued_interest,
        "fees": leg.fees,
        "net_money": leg.net_money,
        "execution_ids": leg.source_ids,
        "trade_date": leg.trade_date,
        "settlement_date": leg.settlement_date,
        "status": str(leg.status),
        "booking_ref": leg.booking_ref or None,
        "attempts": leg.attempts,
        "code": leg.code or None,
        "reason": leg.reason or None,
    }
