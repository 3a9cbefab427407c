"""What goes wrong at the venue, drawn from one seed: the same seed, the same faults, same places.

The session asks it at every request it takes and at every batch it sends. Each request has a
number; whether something goes wrong there, and what, is a function of seed and number alone.
Whatever happens goes through the exchange and the journal, so the journal stays the whole truth.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from venues.messages import NewOrder
from venues.simulator.exchange import Exchange
from venues.simulator.register import Inbound, Order, Trade

_TICK = Decimal("0.03125")


class Misfortune(StrEnum):
    """One thing that goes wrong."""

    DELAY = "delay"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DISCONNECT = "disconnect"
    REJECT = "reject"
    UNSOLICITED_CANCEL = "unsolicited_cancel"
    BUST = "bust"
    CORRECT = "correct"
    LATE_FILL = "late_fill"
    CRASH = "crash_after_accept"


M = Misfortune
EVERY = tuple(Misfortune)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often something goes wrong (0 to 1), which things may, and the seed of it all."""

    seed: int = 0
    rate: float = 0.0
    kinds: tuple[Misfortune, ...] = EVERY


NOTHING = Plan()


class Crashed(SystemExit):
    """The venue died after it had written down what it accepted, before it said so."""


def drawn(plan: Plan, number: int) -> Misfortune | None:
    """What goes wrong at the request of this number, if anything does."""
    dice = random.Random(f"{plan.seed}:{number}")
    return dice.choice(plan.kinds) if plan.kinds and dice.random() < plan.rate else None


def schedule(plan: Plan, requests: int) -> list[tuple[int, Misfortune]]:
    """Everything that goes wrong over so many requests, with the number of each."""
    found = ((number, drawn(plan, number)) for number in range(1, requests + 1))
    return [(number, kind) for number, kind in found if kind is not None]


class Misfortunes:
    """The bad luck of one session in one process; a new process has none until it is told."""

    def __init__(self, plan: Plan = NOTHING) -> None:
        self.plan = plan
        self.number = 0
        self.happened: list[tuple[int, Misfortune]] = []
        self._on_the_wire: list[Misfortune] = []
        self._held: list[tuple[int, list[bytes]]] = []
        self._crashes = self._cuts = False

    def meet(self, exchange: Exchange, message: Inbound, at: datetime) -> None:
        """Let the exchange act on a request, and let go wrong what was drawn for it."""
        self.number += 1
        if not self.plan.rate:
            exchange.handle(message, at)
            return
        kind = drawn(self.plan, self.number)
        if kind is M.REJECT and isinstance(message, NewOrder):
            exchange.refuse(message, at, text="refused for no reason")
            self._note(kind)
            return
        exchange.handle(message, at)
        if kind is not None and self._strike(kind, exchange, at):
            self._note(kind)

    def crash_if_due(self) -> None:
        """Die, if that was drawn. Raises `Crashed`; call it between writing and saying."""
        if self._crashes:
            raise Crashed("the venue crashed after accepting")

    def lose_next(self) -> None:
        """The next batch gets lost on the line."""
        self._on_the_wire.append(M.DROP)

    def cuts(self) -> bool:
        """Whether the line is to be cut now; asked once."""
        cuts, self._cuts = self._cuts, False
        return cuts

    def deliver(self, lines: Sequence[bytes]) -> list[bytes]:
        """What of these lines, and of lines held back before, goes out now."""
        out = list(lines)
        for kind in self._on_the_wire:
            if kind is M.DROP:
                out = []
            elif kind is M.DUPLICATE:
                out = [line for line in out for _ in range(2)]
            elif kind is M.REORDER:
                out = self._shuffled(out)
            elif kind is M.DELAY:
                self._held.append((self.number + 3, out))
                out = []
        self._on_the_wire = []
        late = [line for due, held in self._held if due <= self.number for line in held]
        self._held = [(due, held) for due, held in self._held if due > self.number]
        return [*out, *late]

    def release(self) -> list[bytes]:
        """Everything held back."""
        held = [line for _, lines in self._held for line in lines]
        self._held = []
        return held

    def _note(self, kind: Misfortune) -> None:
        self.happened.append((self.number, kind))

    def _strike(self, kind: Misfortune, exchange: Exchange, at: datetime) -> bool:
        """Let it happen; False when there was nothing it could happen to."""
        match kind:
            case M.CRASH:
                self._crashes = True
            case M.DISCONNECT:
                self._cuts = True
            case M.DELAY | M.DROP | M.DUPLICATE | M.REORDER:
                self._on_the_wire.append(kind)
            case M.REJECT:
                return False
            case _:
                return self._at_the_venue(kind, exchange, at)
        return True

    def _at_the_venue(self, kind: Misfortune, exchange: Exchange, at: datetime) -> bool:
        dice = self._dice()
        orders = _orders(exchange)
        if kind is M.UNSOLICITED_CANCEL:
            live = [o for o in orders if o.leaves_qty > 0 and o.begun_at is not None]
            if live:
                exchange.cancel_unasked(dice.choice(live).cl_ord_id, at)
            return bool(live)
        if kind is M.LATE_FILL:
            return _fill_late(exchange, dice, [o for o in orders if o.begun_at is not None], at)
        trades = _standing(exchange)
        if not trades:
            return False
        trade = dice.choice(trades)
        if kind is M.BUST:
            exchange.bust(trade.exec_id, at)
        else:
            step = exchange.market.increment(trade.order.security_id)
            qty = max(trade.qty + dice.choice((-1, 0, 0, 1)) * step, step)
            px = max(trade.px + dice.choice((-1, 1)) * _TICK, _TICK)
            exchange.correct(trade.exec_id, at, qty=qty, px=px)
        return True

    def _shuffled(self, lines: list[bytes]) -> list[bytes]:
        """These and everything held back, in an order of its own."""
        mixed = [*lines, *self.release()]
        self._dice().shuffle(mixed)
        return mixed

    def _dice(self) -> random.Random:
        return random.Random(f"{self.plan.seed}:{self.number}:what")


def _orders(exchange: Exchange) -> list[Order]:
    """Every order once, in order of arrival."""
    return list({id(one): one for one in exchange.register.orders.values()}.values())


def _standing(exchange: Exchange) -> list[Trade]:
    by_first = {trade.exec_id: trade for trade in exchange.register.trades.values()}
    return [trade for trade in by_first.values() if not trade.busted]


def _fill_late(
    exchange: Exchange, dice: random.Random, orders: Collection[Order], at: datetime
) -> bool:
    closed = [o for o in orders if o.leaves_qty == 0] or list(orders)
    if not closed:
        return False
    order = dice.choice(closed)
    step = exchange.market.increment(order.security_id)
    px = order.price or exchange.market.reference(order.security_id)
    exchange.fill_late(order.cl_ord_id, at, qty=step * dice.randint(1, 3), px=px)
    return True
