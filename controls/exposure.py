"""The figures that orders share: what is open, held, entered and executed, summed by whom it is of.

The floor of the orders fills a `Book` from rows it has read under a lock, asks it for the figures
of each ticket in turn, and adds every order that passes: the next ticket of the same batch sees it.
Plain Python, exact, and no query. What cannot be valued is unknown, never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from controls.needs import ACCOUNT, INSTRUMENT, ORGANIZATION, TRADER, Need
from controls.ticket import Ticket, entity_of_whole, value

ZERO, ONE = Decimal(0), Decimal(1)
Entity = tuple[str, str]


class Traits(msgspec.Struct, frozen=True):
    """What a book must know of a security; `price` is the reference, None when there is none."""

    asset_class: str
    currency: str
    issuer: str
    sector: str
    country: str
    cusip: str
    price: Decimal | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Open orders alike: quantity left, of it at market, and limit x quantity of the rest."""

    account: str
    trader: str
    instrument: int
    side: str
    qty: Decimal
    market_qty: Decimal = ZERO
    limit_value: Decimal = ZERO
    # What it costs beyond quantity x price; None where that cannot be known.
    extra: Decimal | None = ZERO
    low: Decimal | None = None
    high: Decimal | None = None


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Orders alike entered within a window (0: the day): how many, how much, what they traded.

    `whole` and `whole_cancels` count each order once, however many accounts a block has.
    """

    account: str
    trader: str
    instrument: int
    side: str
    seconds: int
    count: Decimal
    whole: Decimal
    market_qty: Decimal = ZERO
    limit_value: Decimal = ZERO
    cancels: Decimal = ZERO
    whole_cancels: Decimal = ZERO
    trades: Decimal = ZERO
    traded_qty: Decimal = ZERO
    traded_value: Decimal = ZERO


class Book:
    """Sums for one organization; `traits` finds a security, `members` a group.

    A member is a CUSIP, or an issuer in lower case: then every security of it is inside. `whole`
    says of which account an account is a part, itself included where it has sleeves; "" of none.
    `costs` is what a quantity of a ticket costs beyond its principal; asked where cash is.
    """

    def __init__(
        self,
        organization: str,
        *,
        traits: Callable[[int], Traits],
        members: Callable[[str], frozenset[str]] = lambda name: frozenset(),
        day: Iterable[int] = (0,),
        whole: Callable[[str], str] = lambda account: "",
        costs: Callable[[Ticket, Decimal], Decimal] = lambda ticket, qty: ZERO,
    ) -> None:
        self.organization = organization
        self._whole, self._costs = whole, costs
        self._extra: dict[tuple[Entity, int, str], Decimal | None] = defaultdict(Decimal)
        self._traits, self._members = traits, members
        self._windows = tuple(day)
        self._qty: dict[tuple[Entity, int, str], Decimal] = defaultdict(Decimal)
        self._value: dict[tuple[Entity, int, str], Decimal | None] = defaultdict(Decimal)
        self._best: dict[tuple[Entity, int, str], Decimal | None] = {}
        self._held: dict[tuple[Entity, int], Decimal] = defaultdict(Decimal)
        self._securities: dict[Entity, set[int]] = defaultdict(set)
        self._sums: dict[Entity, dict[tuple[str, str], Decimal | None]] = defaultdict(dict)
        self._cash: dict[tuple[Entity, str], Decimal] = {}
        self._day: dict[tuple[Entity, str, int], Decimal | None] = defaultdict(Decimal)
        self._flow: dict[tuple[Entity, int], tuple[Decimal, Decimal]] = {}
        self._losses: dict[tuple[Entity, int], Decimal | None] = {}

    # --- filling -----------------------------------------------------------------------------
    def add_open(self, line: Line) -> None:
        """Quantity that may still be executed."""
        traits = self._traits(line.instrument)
        worth = self._worth(traits, line.limit_value, line.market_qty)
        for entity in self._entities(line.account, line.trader, line.instrument):
            key = entity, line.instrument, line.side
            before = self._shares(entity, line.instrument, traits)
            self._qty[key] += line.qty
            self._value[key] = _plus(self._value[key], worth)
            self._extra[key] = _plus(self._extra[key], line.extra)
            self._securities[entity].add(line.instrument)
            self._best[key] = self._better(key, line)
            self._resum(entity, line.instrument, traits, before)

    def add_held(self, account: str, instrument: int, qty: Decimal) -> None:
        """A position: signed quantity."""
        for entity in self._owners(account):
            self._held[entity, instrument] += qty
            self._securities[entity].add(instrument)
            self._sums.pop(entity, None)

    def add_cash(self, account: str, currency: str, amount: Decimal) -> None:
        """Money as traded: fills count, open orders do not."""
        for entity in self._owners(account):
            self._cash[entity, currency] = self._cash.get((entity, currency), ZERO) + amount

    def add_entered(self, row: Entered) -> None:
        """Orders of a window."""
        traits = self._traits(row.instrument)
        worth = self._worth(traits, row.limit_value, row.market_qty)
        flow = value(row.traded_value, ONE, traits.asset_class)
        sign = 1 if row.side == "sell" else -1
        for entity in self._entities(row.account, row.trader, row.instrument):
            mine = entity[0] == ACCOUNT
            count = row.count if mine else row.whole
            messages = count + (row.cancels if mine else row.whole_cancels)
            figures = {"count": count, "notional": worth, "messages": messages}
            for name, more in {**figures, "trades": row.trades, "traded": flow}.items():
                key = entity, name, row.seconds
                self._day[key] = _plus(self._day[key], more)
            if row.seconds == 0 and row.traded_qty:
                money, qty = self._flow.get((entity, row.instrument), (ZERO, ZERO))
                moved = (money + sign * flow, qty - sign * row.traded_qty)
                self._flow[entity, row.instrument] = moved

    def add_sale(self, account: str, instrument: int, loss: Decimal | None) -> None:
        """An account has sold a security within a wash sale's window: 1 at a loss, 0 not."""
        self._losses[(ACCOUNT, account), instrument] = loss

    def take(self, ticket: Ticket) -> None:
        """An order has passed: it is open and entered for whoever comes next."""
        market = ticket.ord_type == "market"
        price = ticket.limit_price or ZERO
        for n, part in enumerate(ticket.shares()):
            named: dict[str, Any] = {
                "account": part.entity,
                "trader": str(ticket.user_id),
                "instrument": ticket.instrument_id,
                "side": ticket.side,
                "market_qty": part.qty if market else ZERO,
                "limit_value": ZERO if market else part.qty * price,
            }
            best = None if market else price
            extra = self._costs(ticket, part.qty)
            self.add_open(Line(qty=part.qty, extra=extra, low=best, high=best, **named))
            for seconds in self._windows:
                once = Decimal(n == 0)
                self.add_entered(Entered(seconds=seconds, count=ONE, whole=once, **named))

    # --- asking ------------------------------------------------------------------------------
    def figures(self, ticket: Ticket, needs: Iterable[Need]) -> dict[str, Decimal | None]:
        """The figures of these needs for everybody the ticket counts for."""
        return {
            need.key(part.entity): self._figure(need, (need.scope, part.entity), ticket)
            for need in needs
            for part in ticket.parts(need.scope)
        }

    def _figure(self, need: Need, entity: Entity, ticket: Ticket) -> Decimal | None:
        if need.what == "position":
            return self._position(entity, ticket.instrument_id, need.arg)
        if need.what == "opposite":
            return self._crossing(entity, ticket)
        if need.what == "sales":
            return self._losses.get((entity, ticket.instrument_id), ZERO)
        if need.what == "window":
            return self._day[entity, need.arg, need.seconds]
        if need.what in ("messages", "trades"):
            return self._day[entity, need.what, need.seconds]
        if need.what == "pnl":
            return self._pnl(entity)
        if need.what == "cash":
            have = self._cash.get((entity, ticket.currency))
            return _minus(have, self._sum(entity, "cost", ticket.currency))
        if need.what == "costs":
            parts = ticket.parts(need.scope)
            return self._costs(ticket, sum((p.qty for p in parts if p.entity == entity[1]), ZERO))
        if need.what == "credit":
            return _plus(self._sum(entity, "open", ticket.currency), self._day[entity, "traded", 0])
        if need.what == "assets":
            have = self._cash.get((entity, ticket.currency))
            return _plus(have, self._sum(entity, "held", ticket.currency))
        if need.what == "group":
            return self._group(entity, ticket, need.arg)
        if need.what == "margin":
            return self._sum(entity, f"class:{need.arg}", ticket.currency)
        return self._sum(entity, need.arg or need.what, ticket.currency)

    def _position(self, entity: Entity, instrument: int, arg: str) -> Decimal:
        held = self._held[entity, instrument]
        if arg == "long":
            return held + self._qty[entity, instrument, "buy"]
        return held - self._qty[entity, instrument, "sell"]

    def _crossing(self, entity: Entity, ticket: Ticket) -> Decimal:
        """The open quantity on the other side, if the best of it would trade with this order."""
        other = "sell" if ticket.side == "buy" else "buy"
        key = entity, ticket.instrument_id, other
        if not self._qty[key]:
            return ZERO
        best, price = self._best.get(key), ticket.limit_price
        if best is None or price is None:
            return self._qty[key]
        crosses = price >= best if ticket.side == "buy" else price <= best
        return self._qty[key] if crosses else ZERO

    def _pnl(self, entity: Entity) -> Decimal | None:
        """Money made today: sold less bought, and what is left of it at the reference price."""
        total: Decimal | None = ZERO
        for (of, instrument), (money, qty) in self._flow.items():
            if of != entity:
                continue
            traits = self._traits(instrument)
            left = self._worth(traits, ZERO, qty)
            total = _plus(_plus(total, money), left)
        return total

    def _group(self, entity: Entity, ticket: Ticket, arg: str) -> Decimal | None:
        names = self._members(arg.removeprefix("group:")) if arg.startswith("group:") else None
        wanted = "" if names is not None else getattr(ticket, arg)
        total: Decimal | None = ZERO
        for instrument in self._securities[entity]:
            traits = self._traits(instrument)
            if names is not None:
                inside = not names.isdisjoint((traits.cusip, traits.issuer.casefold()))
            else:
                inside = getattr(traits, arg) == wanted
            if inside:
                total = _plus(total, self._long_value(entity, instrument, ticket.currency))
        return total

    def _long_value(self, entity: Entity, instrument: int, currency: str) -> Decimal | None:
        traits = self._traits(instrument)
        if traits.currency != currency:
            return None
        held = self._worth(traits, ZERO, self._held[entity, instrument])
        return _plus(held, self._value[entity, instrument, "buy"])

    # --- sums over the securities of somebody, kept until something of his moves ----------------
    def _sum(self, entity: Entity, name: str, currency: str) -> Decimal | None:
        kept = self._sums[entity]
        if (name, currency) not in kept:
            total: Decimal | None = ZERO
            for instrument in self._securities[entity]:
                traits = self._traits(instrument)
                if traits.currency != currency:
                    total = None
                    break
                total = _plus(total, self._share(entity, instrument, traits, name))
            kept[name, currency] = total
        return kept[name, currency]

    def _shares(self, entity: Entity, instrument: int, traits: Traits) -> list[Decimal | None]:
        """What a security gives to each sum that is kept of somebody."""
        return [self._share(entity, instrument, traits, name) for name, _ in self._sums[entity]]

    def _resum(
        self, entity: Entity, instrument: int, traits: Traits, before: list[Decimal | None]
    ) -> None:
        """Move the kept sums by what one security gives now and gave before."""
        kept = self._sums[entity]
        after = self._shares(entity, instrument, traits)
        for (key, total), was, now in zip(list(kept.items()), before, after, strict=True):
            known = key[1] == traits.currency and was is not None
            kept[key] = _plus(_minus(total, was), now) if known else None
            if not known:
                del kept[key]

    def _share(self, entity: Entity, instrument: int, traits: Traits, name: str) -> Decimal | None:
        held = self._worth(traits, ZERO, self._held[entity, instrument])
        buys = self._value[entity, instrument, "buy"]
        sells = self._value[entity, instrument, "sell"]
        if name == "gross":
            return _plus(_plus(None if held is None else abs(held), buys), sells)
        if name == "open":
            return _plus(buys, sells)
        if name.startswith("class:"):
            if traits.asset_class != name.removeprefix("class:"):
                return ZERO
            return _plus(_plus(None if held is None else abs(held), buys), sells)
        return {
            "long": _plus(held, buys),
            "short": _minus(held, sells),
            "buys": buys,
            "cost": _plus(buys, self._extra[entity, instrument, "buy"]),
            "held": held,
        }[name]

    def _entities(self, account: str, trader: str, instrument: int) -> tuple[Entity, ...]:
        return (
            *self._owners(account),
            (TRADER, trader),
            (INSTRUMENT, str(instrument)),
        )

    def _owners(self, account: str) -> tuple[Entity, ...]:
        """Whose it is: the account's, that of all of which it is a part, and the organization's."""
        whole = entity_of_whole(self._whole(account))
        own = (ACCOUNT, account), (ORGANIZATION, self.organization)
        return (*own, (ACCOUNT, whole)) if whole else own

    def _worth(self, traits: Traits, limit_value: Decimal, market_qty: Decimal) -> Decimal | None:
        """Money of quantities x limits, and of quantities at the reference price."""
        total = value(limit_value, ONE, traits.asset_class)
        if not market_qty:
            return total
        if traits.price is None:
            return None
        return total + value(market_qty, traits.price, traits.asset_class)

    def _better(self, key: tuple[Entity, int, str], line: Line) -> Decimal | None:
        """The most aggressive open price of a side; None is an order at market."""
        mine = None if line.market_qty else (line.low if line.side == "sell" else line.high)
        if key not in self._best:
            return mine
        known = self._best[key]
        if mine is None or known is None:
            return None
        return min(mine, known) if line.side == "sell" else max(mine, known)


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _minus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def sources(needs: Iterable[Need]) -> frozenset[str]:
    """The kinds of rows that these needs are made from."""
    return frozenset(source for need in needs for source in need.sources)


def windows(needs: Iterable[Need]) -> tuple[int, ...]:
    """The windows in seconds that these needs count in; 0 is the day."""
    return tuple(sorted({need.seconds for need in needs if "day" in need.sources}))


def locks(ticket: Ticket, needs: Iterable[Need]) -> set[str]:
    """What must be locked so that the figures stay true until this order is committed."""
    return {
        f"{ticket.organization_id}|{need.scope}:{part.entity}"
        for need in needs
        for part in ticket.parts(need.scope)
    }
