"""A desk and a venue that has bad luck, both in this process: every order told to its end.

The venue is the real one, session and journal; the line between is a list of bytes that can be
cut. The product's side is what the gateway process does, step by step. Used by the tests of seeds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from oms_site.kit import clock
from orders import desk, last_look, lots, reports, routing
from orders.models import Order
from tests import trading
from venues import catalog, connection, inbox, messages, transmission
from venues.connection import Connection, Handlers
from venues.gateways.simulator import gateway
from venues.messages import Logon, WireOut
from venues.models import Outbound
from venues.simulator.market import Listing, Market
from venues.simulator.misfortunes import Crashed, Misfortune, Misfortunes, Plan
from venues.simulator.session import Session
from venues.simulator.time import VenueClock

D = Decimal
VENUE = trading.VENUE
DOUBT = timedelta(seconds=5)
# Plain bonds, and securities whose book does something of its own.
BONDS = ("912810TL2", "037833DP2", "912810SX7", "912810SS8", "912810RX8", "912810RY6", "912810UK2")
ACCOUNTS = ("alpha-002", "alpha-003", "alpha-004", "alpha-fee")
_ENDINGS = ("", ".01", ".02", ".03", ".04", ".05", ".06")


class Line(asyncio.Transport):
    """One connection, as the venue sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = b""
        self.is_cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.is_cut:
            self.text += bytes(data)

    def abort(self) -> None:
        self.is_cut = True

    def is_closing(self) -> bool:
        return self.is_cut

    def lines(self) -> list[bytes]:
        """What has arrived since the last call."""
        text, self.text = self.text, b""
        return [line for line in text.split(b"\n") if line]


@dataclass
class World:
    """The venue, the line to it and the desk; `now` is everybody's time."""

    directory: Path
    plan: Plan
    now: datetime
    loop: asyncio.AbstractEventLoop
    happened: list[Misfortune] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.plan.seed)
        handlers = Handlers(
            apply=reports.apply, unreadable=reports.unreadable, before_wire=last_look.before_wire
        )
        self.connection = Connection(VENUE, cast(Any, None), handlers)
        self.line: Line | None = None
        self.session = self._open(self.plan)

    def _open(self, plan: Plan) -> Session:
        session = Session(
            VENUE,
            directory=self.directory,
            market=Market(_listed(), seed=VENUE),
            clock=VenueClock(clock.now),
        )
        session.misfortunes = Misfortunes(plan)
        return session

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The venue acts; one that crashes is started again from its journal, with other luck."""

        async def settle() -> None:
            for _ in range(4):
                await asyncio.sleep(0)

        before = len(self.session.misfortunes.happened)
        try:
            yield
            self.loop.run_until_complete(settle())
        except Crashed:
            self._crash()
        finally:
            luck = self.session.misfortunes
            self.happened += [kind for _, kind in luck.happened[before:]]

    def _crash(self) -> None:
        self.happened.append(Misfortune.CRASH)
        if self.line is not None:
            self.line.abort()
        self.session.close()
        number = self.session.misfortunes.number
        self.session = self._open(self.plan)
        self.session.misfortunes.number = number

    # --- one turn ----------------------------------------------------------------------------
    def wait(self, seconds: float) -> None:
        """Time passes, and the venue does what has become due."""
        self.now += timedelta(seconds=seconds)
        with clock.frozen_at(self.now), self.at_work():
            self.session.tick()
            self.session.send_heartbeat()

    def turn(self) -> None:
        """Everything that the processes of the product do once, in the order of the walk."""
        with clock.frozen_at(self.now):
            while routing.drain():
                pass
            self._connect()
            self._send(transmission.take_due(VENUE))
            self._receive()
            doubtful = transmission.take_doubtful(VENUE, older_than=DOUBT)
            self._write([one for row in doubtful for one in connection._questions(row)])
            self._receive()
            while lots.drain():
                pass

    def _connect(self) -> None:
        gap = self.connection._gap_since is not None
        if self.line is not None and not self.line.is_cut and not gap:
            return
        self.connection._gap_since = None
        self.connection._intake.catch_up()
        self.line = Line()
        logon = Logon(session=VENUE, next_seq=inbox.next_seq(VENUE), now=clock.now())
        with self.at_work():
            self.loop.run_until_complete(self._attach(logon))
        self._receive()

    async def _attach(self, logon: Logon) -> None:
        assert self.line is not None
        self.session.attach(self.line, logon)

    def _send(self, rows: list[Outbound]) -> None:
        allowed = last_look.before_wire(VENUE, rows) if rows else []
        self._write([messages.decode_outgoing(row.body) for row in allowed])

    def _write(self, said: list[WireOut]) -> None:
        """Put messages on the wire; a line that is cut loses them without a word."""
        if self.line is None or self.line.is_cut or not said:
            return
        with self.at_work():
            self.loop.run_until_complete(self._deliver([messages.encode(one) for one in said]))

    async def _deliver(self, frames: list[bytes]) -> None:
        assert self.line is not None
        self.session.receive(self.line, frames)

    def _receive(self) -> None:
        """What the venue said is taken in as many pieces as the network likes."""
        lines = self.line.lines() if self.line is not None else []
        while lines:
            count = self.dice.randint(1, len(lines))
            frames = [gateway._frame(line) for line in lines[:count]]
            self.connection._take(frames)
            lines = lines[count:]

    # --- the story ---------------------------------------------------------------------------
    def trade(self, count: int) -> None:
        """So many orders, some of them stopped by their clients, while things go wrong."""
        while len(self.orders) < count:
            with clock.frozen_at(self.now):
                self._submit(min(self.dice.randint(1, 3), count - len(self.orders)))
                if self.dice.random() < 0.4:
                    self._stop(self.dice.choice(self.orders))
            self.turn()
            self.wait(self.dice.choice((0.1, 0.5, 1, 3)))
            if self.dice.random() < 0.5:
                self.turn()

    def settle(self, *, rounds: int = 80) -> None:
        """Luck turns good; all that can be learned by asking is learned. At most so many rounds."""
        self.session.misfortunes = Misfortunes()
        for _ in range(rounds):
            self.wait(6)
            self.turn()
            if self.is_quiet():
                return
        raise AssertionError(f"seed {self.plan.seed}: it never came to rest: {self.open_ends()}")

    def is_quiet(self) -> bool:
        """Nothing is on its way, in either direction, and no script of the venue goes on."""
        return not self.open_ends()

    def open_ends(self) -> list[str]:
        """What is still to come."""
        ends = [
            f"{row.kind} {row.cl_ord_id} sent {row.sends} times"
            for row in Outbound.objects.filter(venue_id=VENUE, answered_at=None).order_by("id")
            if row.kind != "H" or row.sent_at is None
        ]
        last = self.session.journal.last_seq
        if inbox.next_seq(VENUE) != last + 1 or inbox.has_unapplied(VENUE):
            ends.append(f"reports up to {last}")
        register = self.session.exchange.register
        waiting = [o for o in register.open_orders() if o.script is not None and not o.script.hangs]
        ends += [f"the venue works on {o.cl_ord_id}" for o in waiting if not _is_resting(o)]
        return ends

    def _submit(self, count: int) -> None:
        asked = [self._asked() for _ in range(count)]
        for result in desk.submit(asked):
            assert result.error is None, result.error
            self.orders.append(result.order_id)

    def _asked(self) -> Any:
        bond = self.dice.choice(BONDS)
        side = self.dice.choice(("buy", "buy", "sell"))
        ending = self.dice.choice(_ENDINGS)
        whole = {"buy": (99, 100, 101, 102), "sell": (98, 99, 100, 101)}[side]
        terms: dict[str, Any] = {"limit_price": D(f"{self.dice.choice(whole)}{ending}")}
        if self.dice.random() < 0.2:
            terms = {"limit_price": None, "ord_type": "market"}
        return trading.request(
            instrument_id=bond,
            side=side,
            qty=D(1000) * self.dice.randint(1, 40),
            account_id=self.dice.choice(ACCOUNTS),
            **terms,
        )

    def _stop(self, order_id: str) -> None:
        if Order.objects.get(pk=order_id).status != "pending_approval":
            desk.cancel([order_id], by=trading.person(), at=clock.now())


def _listed() -> list[Listing]:
    """What is traded here: the tops of all others would be nearly everything that the venue says,
    and cuts between them would leave the reports whole.
    """
    return [one for one in catalog.listings() if one.cusip in BONDS]


def _is_resting(order: Any) -> bool:
    return order.begun_at is not None and order.steps >= len(order.script.steps)


@contextmanager
def world(directory: Path, plan: Plan, now: datetime) -> Iterator[World]:
    """A venue of its own in a directory, for one seed."""
    loop = asyncio.new_event_loop()
    one = World(directory, plan, now, loop)
    try:
        yield one
    finally:
        one.session.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
