"""Which positions a halt stands over, and the orders that would lessen them. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
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
# What open orders may take, by account, instrument and side.
_Opened = Mapping[tuple[str, int, str], Decimal]


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
    # Before the positions: what fills in between counts twice, and too little is ordered.
    opened = exposure.open_quantities(halt.organization_id, named, at=at)
    held = sorted(holdings.positions(named).items())
    if halt.scope == Halt.Scope.INSTRUMENT:
        held = [one for one in held if instruments.by_id(one[0][1]).cusip == halt.target]
    if len(held) > MOST:
        text = f"{len(held)} positions are more than {MOST}: engage narrower switches."
        raise OmsError("flatten_too_many", text)
    return [_line(key, position, opened, collar) for key, position in held]


def free(
    organization_id: str, keys: Collection[tuple[str, int]], *, at: datetime
) -> dict[tuple[str, int], Decimal]:
    """The signed rest of these positions that no open order may already lessen."""
    named = sorted({account for account, _ in keys})
    opened = exposure.open_quantities(organization_id, named, at=at)
    held = holdings.positions(named)
    return {key: _free(held.get(key, _ZERO), key, opened) for key in keys}


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


def _free(position: Decimal, key: tuple[str, int], opened: _Opened) -> Decimal:
    """What no open order may take of a position, with its sign."""
    rest = max(abs(position) - opened.get((*key, _lessens(position)), _ZERO), _ZERO)
    return rest if position > 0 else -rest


def _lessens(position: Decimal) -> str:
    """The side of the orders that lessen a position."""
    return "sell" if position > 0 else "buy"


def _line(key: tuple[str, int], position: Decimal, opened: _Opened, collar: Decimal | None) -> Line:
    account, instrument = key
    side = _lessens(position)
    rest = abs(_free(position, key, opened))
    qty, limit, note = _ordered(rest, instruments.by_id(instrument), side, collar)
    return Line(
        account_id=account,
        instrument_id=instrument,
        position=position,
        open_qty=opened.get((*key, side), _ZERO),
        side=side,
        qty=qty,
        limit_price=limit,
        note=note,
    )


def _ordered(
    rest: Decimal, facts: InstrumentFacts, side: str, collar: Decimal | None
) -> tuple[Decimal, Decimal | None, str]:
    """How much of a rest is ordered, at what limit, and why nothing is."""
    qty = whole_steps(rest, facts)
    if not rest:
        return _ZERO, None, "Open orders lessen all of it already."
    if not qty:
        return _ZERO, None, f"{rest.normalize():f} is less than trades."
    if collar is None:
        return qty, None, ""
    limit = _limit(facts, side, collar)
    if limit is None:
        return _ZERO, None, "There is no reference price for a limit."
    return qty, limit, ""


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
