"""Which positions a halt stands over, and the orders that would lessen them. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from allocations import accounts, holdings
from controls.models import Halt
from oms_site.kit.errors import OmsError
from orders import exposure
from venues import instruments, market_data
from venues.instruments import InstrumentFacts

MOST = 1_000
SCOPES = frozenset({"all", "organization", "account", "instrument"})
_ZERO, _ONE = Decimal(0), Decimal(1)
# Limits are rounded inward: never further from the reference than the collar says.
_TICKS = {"par": Decimal("0.001"), "shares": Decimal("0.01")}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One position and what would lessen it; `qty` is 0 where `note` says why nothing does."""

    account_id: str
    instrument_id: int
    position: Decimal
    open_qty: Decimal
    side: str
    qty: Decimal
    limit_price: Decimal | None
    note: str = ""


def lines(halt: Halt, *, collar: Decimal | None, at: datetime) -> list[Line]:
    """Every position in the scope of a halt, by account and security.

    Raises `OmsError`: 409 `flatten_scope` where positions are nobody's of that scope, 422
    `flatten_too_many`.
    """
    if halt.scope not in SCOPES:
        text = f"Positions are accounts': a switch on one {halt.scope} has none."
        raise OmsError("flatten_scope", text, status=409)
    named = _accounts(halt)
    held = sorted(holdings.positions(named).items())
    if halt.scope == Halt.Scope.INSTRUMENT:
        held = [one for one in held if instruments.by_id(one[0][1]).cusip == halt.target]
    if len(held) > MOST:
        text = f"{len(held)} positions are more than {MOST}: engage narrower switches."
        raise OmsError("flatten_too_many", text)
    opened = exposure.open_quantities(halt.organization_id, named, at=at) if held else {}
    return [
        _line(account, instrument, position, opened, collar)
        for (account, instrument), position in held
    ]


def free(
    organization_id: str, keys: Collection[tuple[str, int]], *, at: datetime
) -> dict[tuple[str, int], Decimal]:
    """The signed rest of these positions that no open order may already lessen."""
    named = sorted({account for account, _ in keys})
    held = holdings.positions(named)
    opened = exposure.open_quantities(organization_id, named, at=at)
    return {key: _free(held.get(key, _ZERO), key, opened)[0] for key in keys}


def whole_steps(qty: Decimal, facts: InstrumentFacts) -> Decimal:
    """The most of a quantity that trades; 0 below the least denomination."""
    found = qty - qty % facts.min_increment
    return found if found >= facts.min_denomination else _ZERO


def seen(found: Sequence[Line]) -> str:
    """The hash of what somebody has seen: positions, what is open of them and the orders.

    Prices move between two looks; those that are proposed are kept with the proposal.
    """
    text = "|".join(
        f"{one.account_id},{one.instrument_id},{one.position.normalize()},"
        f"{one.open_qty.normalize()},{one.side},{one.qty.normalize()}"
        for one in found
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _accounts(halt: Halt) -> list[str]:
    if halt.scope == Halt.Scope.ACCOUNT:
        return list(accounts.with_sleeves(halt.organization_id, halt.target))
    return [one.id for one in accounts.accounts_of(halt.organization_id)]


def _free(
    position: Decimal, key: tuple[str, int], opened: dict[tuple[str, int, str], Decimal]
) -> tuple[Decimal, Decimal]:
    """What is free of a position, with its sign, and what open orders may take of it."""
    side = "sell" if position > 0 else "buy"
    taken = opened.get((*key, side), _ZERO)
    if position > 0:
        return max(position - taken, _ZERO), taken
    return min(position + taken, _ZERO), taken


def _line(
    account: str,
    instrument: int,
    position: Decimal,
    opened: dict[tuple[str, int, str], Decimal],
    collar: Decimal | None,
) -> Line:
    rest, taken = _free(position, (account, instrument), opened)
    facts = instruments.by_id(instrument)
    side = "sell" if position > 0 else "buy"
    qty, note = whole_steps(abs(rest), facts), ""
    if not rest:
        note = "Open orders lessen all of it already."
    elif not qty:
        note = f"{abs(rest).normalize():f} is less than trades."
    limit = _limit(facts, side, collar) if qty and collar is not None else None
    if qty and collar is not None and limit is None:
        qty, note = _ZERO, "There is no reference price for a limit."
    return Line(
        account_id=account,
        instrument_id=instrument,
        position=position,
        open_qty=taken,
        side=side,
        qty=qty,
        limit_price=limit,
        note=note,
    )


def _limit(facts: InstrumentFacts, side: str, collar: Decimal) -> Decimal | None:
    """So many percent behind the reference mid, inward to a tick; None without one."""
    price = market_data.reference(facts.id)
    if price is None or not price.mid > 0:
        return None
    sells = side == "sell"
    away = collar / Decimal(100)
    exact = price.mid * (_ONE - away if sells else _ONE + away)
    limit = exact.quantize(_TICKS[facts.amount_type], ROUND_CEILING if sells else ROUND_FLOOR)
    return limit if limit > 0 else None
