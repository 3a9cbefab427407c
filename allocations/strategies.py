"""How fills are split over accounts: pure arithmetic, exhaustive to the unit and the cent.

Called by the engine with everything it needs; it reads no clock, no database and no settings, so
the same input always gives the same output. `docs/reference/residual-rule.md` is its rule in prose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from oms_site.kit import numbers
from oms_site.kit.errors import OmsError

CENT = Decimal("0.01")
ZERO = Decimal(0)
_PLACES = 6  # quantities are kept to a millionth
_MONEY = ("principal", "accrued_interest", "fees")


class StrategyError(OmsError):
    """These fills cannot be split as they stand; nothing was decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One fill: quantity in par or shares, price as traded, its money in cents.

    Lots with other dates, or booked outside, are never averaged together: their legs differ.
    """

    id: str
    sequence: int
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    fees: Decimal
    trade_date: date
    settlement_date: date
    venue: str = ""
    bypass_trade_booking: bool = False


class Share(NamedTuple):
    """One account's part of the basis; `position` is its place in the request's list."""

    account_id: str
    requested_qty: Decimal
    position: int


class Slice(NamedTuple):
    """One account's piece of one or more lots, all at one price."""

    account_id: str
    lot_ids: tuple[str, ...]
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    fees: Decimal


class Wants(NamedTuple):
    """What a rule splits by, in millionths, in the order of the request; `rank` breaks ties."""

    left: list[int]
    requested: list[int]
    rank: list[int]
    increment: int


# (quantity, wants) to parts, all in millionths; the quantity is never above what is wanted
_Rule = Callable[[int, Wants], list[int]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """Who gets the quantity, and whether fills keep their own prices or share an average."""

    name: str
    rule: _Rule
    averages_price: bool
    keeps_pieces: bool = True

    @property
    def books_per_fill(self) -> bool:
        """Whether each fill can be booked at once, or all together when no more will come."""
        return not self.averages_price


def allot(
    name: str,
    *,
    lots: Sequence[Lot],
    shares: Sequence[Share],
    min_increment: Decimal,
    min_piece: Decimal = ZERO,
    taken: Sequence[Slice] = (),
) -> list[Slice]:
    """Split the lots that `taken` does not cover yet, counting what `taken` gave each account.

    `min_piece` is the least that an account may hold of it (the denomination), as far as whole
    quantities allow; in order of the request (fifo) it has no part. Slices taken and new together
    add up to the lots exactly: quantity, principal, accrued interest and fees. Raises
    `StrategyError`; never loses or invents a unit or a cent.
    """
    strategy = STRATEGIES.get(name)
    if strategy is None:
        raise StrategyError("strategy_unknown", f"There is no allocation strategy {name!r}.")
    ordered = sorted(lots, key=lambda lot: lot.sequence)
    accounts = sorted(shares, key=lambda share: share.position)
    _check(ordered, accounts, min_increment)
    covered = {lot_id for piece in taken for lot_id in piece.lot_ids}
    _check_same("legs_disagree", [lot for lot in ordered if lot.id in covered], taken, covered)
    requested = [_units(share.requested_qty) for share in accounts]
    wants = Wants(
        _left(accounts, taken),
        requested,
        sorted(range(len(accounts)), key=lambda i: (-requested[i], i)),
        _units(min_increment),
    )
    piece = _units(min_piece) if strategy.keeps_pieces else 0
    fresh: list[Slice] = []
    for batch in _batches([lot for lot in ordered if lot.id not in covered], strategy):
        fresh.extend(_split(strategy, batch, accounts, wants, piece))
    new = {lot.id for lot in ordered} - covered
    _check_same("not_exhaustive", [lot for lot in ordered if lot.id in new], fresh, new)
    return fresh


def weights(
    name: str, *, requested: Sequence[Decimal], taken: Sequence[Decimal]
) -> list[Decimal] | None:
    """By what a strategy splits a batch, before steps and pieces; None where it fills in order.

    `requested` and `taken` are each account's, in the order of the request.
    """
    rule = STRATEGIES[name].rule
    left = [max(want - got, ZERO) for want, got in zip(requested, taken, strict=True)]
    if rule is _pro_rata:
        return left
    if rule is _percentage:
        return [want if room else ZERO for want, room in zip(requested, left, strict=True)]
    if rule is _flat:
        return [Decimal(bool(room)) for room in left]
    return None


def _left(accounts: Sequence[Share], taken: Sequence[Slice]) -> list[int]:
    """What each account still wants, in millionths, never below zero."""
    left = {share.account_id: _units(share.requested_qty) for share in accounts}
    for piece in taken:
        if piece.account_id not in left:
            raise StrategyError("legs_disagree", "A leg is for an account without a share.")
        left[piece.account_id] -= _units(piece.qty)
    return [max(left[share.account_id], 0) for share in accounts]


def _batches(lots: Sequence[Lot], strategy: Strategy) -> list[list[Lot]]:
    """Lots that are split together, in the order of their first fill."""
    if not strategy.averages_price:
        return [[lot] for lot in lots]
    groups: dict[tuple[date, date, bool], list[Lot]] = {}
    for lot in lots:
        key = (lot.trade_date, lot.settlement_date, lot.bypass_trade_booking)
        groups.setdefault(key, []).append(lot)
    return list(groups.values())


def _split(
    strategy: Strategy,
    batch: Sequence[Lot],
    accounts: Sequence[Share],
    wants: Wants,
    min_piece: int,
) -> list[Slice]:
    """Split one batch and lower what is `left`."""
    left, requested, rank, increment = wants
    qty = sum(_units(lot.qty) for lot in batch)
    wanted = min(qty, sum(left))
    parts = _in_pieces(strategy.rule, wanted, wants, min_piece)
    # An overfill is a fact too. It goes to all by what they asked for, to none by accident.
    surplus = _pro_rata(qty - wanted, Wants(requested, requested, rank, increment))
    for i, part in enumerate(parts):
        left[i] -= part
        parts[i] = part + surplus[i]
    money = {name: _cents(name, batch, parts, rank) for name in _MONEY}
    price, lot_ids = _price(batch), tuple(lot.id for lot in batch)
    return [
        Slice(
            account_id=share.account_id,
            lot_ids=lot_ids,
            qty=_decimal(parts[i]),
            price=price,
            principal=money["principal"][i],
            accrued_interest=money["accrued_interest"][i],
            fees=money["fees"][i],
        )
        for i, share in enumerate(accounts)
        if parts[i]
    ]


def _in_pieces(rule: _Rule, qty: int, wants: Wants, min_piece: int) -> list[int]:
    """Split so that nobody is left with less than a piece, where that can be helped.

    The account that comes last in rank among those with too little is left out, and the rest is
    split without it, again and again. Nobody is left out who asked for less than a piece, and
    nobody at all when the others do not want enough: losing nothing comes first.
    """
    left = list(wants.left)
    parts = rule(qty, wants)
    while min_piece:
        held = [
            r - room + part
            for r, room, part in zip(wants.requested, wants.left, parts, strict=True)
        ]
        short = [
            i
            for i in wants.rank
            if parts[i] and held[i] < min_piece <= wants.requested[i] and left[i] > parts[i]
        ]
        if not short or sum(left) - left[short[-1]] < qty:
            break
        left[short[-1]] = 0
        parts = rule(qty, wants._replace(left=left))
    return parts


def _fifo(qty: int, wants: Wants) -> list[int]:
    """Fill the accounts one after the other, in the order of the request."""
    parts = []
    for room in wants.left:
        part = min(room, qty)
        parts.append(part)
        qty -= part
    return parts


def _pro_rata(qty: int, wants: Wants) -> list[int]:
    """Proportional to what each still wants, in increments, by largest remainder; ties by rank.

    What is less than one increment is given like an increment, to the account whose turn it is.
    Nobody gets more than it wants while all together still want as much as there is.
    """
    left, increment = wants.left, wants.increment
    whole = sum(left)
    if not qty or not whole:
        return [0] * len(left)
    parts = [qty * want // whole // increment * increment for want in left]
    behind = [qty * want - part * whole for want, part in zip(left, parts, strict=True)]
    rest = qty - sum(parts)
    for i in sorted(wants.rank, key=lambda i: -behind[i]):
        most = max(left[i], -(-qty * left[i] // whole))
        more = min(increment, rest, most - parts[i])
        parts[i] += more
        rest -= more
    return parts


def _flat(qty: int, wants: Wants) -> list[int]:
    """The same to every account, until it has what it requested."""
    return _weighted(qty, wants, [1] * len(wants.left))


def _percentage(qty: int, wants: Wants) -> list[int]:
    """To every account its percentage of the request, until it has what it requested."""
    return _weighted(qty, wants, wants.requested)


def _weighted(qty: int, wants: Wants, weights: Sequence[int]) -> list[int]:
    """By fixed weights in increments, none above what it wants; the rest by largest remainder.

    What an account has no room for goes to the others by the same weights.
    """
    parts, rest = [0] * len(weights), qty
    while rest:
        room = [want - part for want, part in zip(wants.left, parts, strict=True)]
        open_ = [i for i in wants.rank if room[i]]
        whole = sum(weights[i] for i in open_)
        due = {i: rest * weights[i] // whole // wants.increment * wants.increment for i in open_}
        behind = {i: rest * weights[i] - due[i] * whole for i in open_}
        given = {i: min(due[i], room[i]) for i in open_}
        if given == due:
            # Less than one increment is left for each: one each, the furthest behind first.
            over = rest - sum(given.values())
            for i in sorted(open_, key=lambda i: -behind[i]):
                more = min(wants.increment, over, room[i] - given[i])
                given[i] += more
                over -= more
        for i, part in given.items():
            parts[i] += part
        rest -= sum(given.values())
    return parts


def _cents(
    name: str, batch: Sequence[Lot], parts: Sequence[int], rank: Sequence[int]
) -> list[Decimal]:
    """The batch's money by what each account got of it, by largest remainder in cents."""
    total = _sum(getattr(lot, name) for lot in batch)
    shares = numbers.largest_remainder(total, [parts[i] for i in rank], quantum=CENT)
    by_account = dict(zip(rank, shares, strict=True))
    return [by_account[i] for i in range(len(parts))]


def _price(batch: Sequence[Lot]) -> Decimal:
    if len(batch) == 1:
        return batch[0].price
    average = numbers.weighted_average((lot.qty, lot.price) for lot in batch)
    if average is None:
        raise StrategyError("lot_not_positive", "These fills have no quantity to average by.")
    return average


def _check(lots: Sequence[Lot], shares: Sequence[Share], increment: Decimal) -> None:
    if not shares:
        raise StrategyError("no_accounts", "There is no account to give the fills to.")
    if len({share.account_id for share in shares}) < len(shares):
        raise StrategyError("duplicate_account", "An account has two shares.")
    if any(share.requested_qty <= 0 for share in shares) or increment <= 0:
        raise StrategyError("share_not_positive", "Shares and the increment are above zero.")
    if len({lot.id for lot in lots}) < len(lots):
        raise StrategyError("duplicate_lot", "A fill was given twice.")
    for lot in lots:
        if lot.qty <= 0:
            raise StrategyError(
                "lot_not_positive",
                f"{lot.id} takes back {-lot.qty}: a bust is reversed by a person.",
            )
        for name in _MONEY:
            if getattr(lot, name) % CENT:
                raise StrategyError("money_not_in_cents", f"{lot.id}: {name} is not in cents.")


def _check_same(
    code: str, lots: Sequence[Lot], slices: Sequence[Slice], expected: Iterable[str]
) -> None:
    """Refuse unless slices and lots are of the same quantity and money."""
    if {lot.id for lot in lots} != set(expected):
        raise StrategyError(code, "A leg books a fill that is not among these.")
    for name in ("qty", *_MONEY):
        ours = _sum(getattr(piece, name) for piece in slices)
        theirs = _sum(getattr(lot, name) for lot in lots)
        if ours != theirs:
            raise StrategyError(code, f"The {name} of the legs is {ours}, of the fills {theirs}.")


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def _units(qty: Decimal) -> int:
    scaled = qty.scaleb(_PLACES)
    units = int(scaled)
    if units != scaled:
        raise StrategyError("qty_too_fine", f"{qty} has more than {_PLACES} decimal places.")
    return units


def _decimal(units: int) -> Decimal:
    return Decimal(units).scaleb(-_PLACES)


STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("fifo_without_averaging", _fifo, averages_price=False, keeps_pieces=False),
        Strategy("fifo_with_averaging", _fifo, averages_price=True, keeps_pieces=False),
        Strategy("pro_rata_with_averaging", _pro_rata, averages_price=True),
        Strategy("pro_rata_without_averaging", _pro_rata, averages_price=False),
        Strategy("flat", _flat, averages_price=True),
        Strategy("percentage", _percentage, averages_price=True),
    )
}
