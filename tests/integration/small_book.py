"""A small but real book, made by the story itself: orders, venue reports, allocations, bookings.

The venue is played by hand: what it gets and reports goes into a journal file as the simulated one
writes it. The custodians are the simulated ones, on a port, with their own journals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from allocations import rounds
from allocations.clearing import rounds as clearing
from allocations.clearing import sending as telling
from allocations.feed import outbox
from allocations.feed import people as feeds
from allocations.holdings import transactions
from allocations.models import BookingLeg
from allocations.settlement import making
from allocations.settlement import rounds as settling
from controls import listing, overrides
from oms_site.firm.principals import Principal
from oms_site.journal.sequencer import Sequencer
from oms_site.kit import clock
from orders import desk, lots, overriding, reports, routing, street
from orders.desk.external import TradeReport
from orders.models import Execution, ExecutionOrder, Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk, Instruction, OrderAsk, SubmitRequest
from venues import inbox, messages, transmission
from venues.inbox import Raw
from venues.messages import ExecType, ExecutionReport, OrdStatus
from venues.models import Venue
from venues.simulator.journal import Journal

VENUE = "SIMA"
CUSTODIANS = ("cust_bny", "cust_lpl", "cust_pershing")
ACCOUNT = "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4"
APPLE = "037833DP2"
_STATUS = {
    ExecType.NEW: OrdStatus.NEW,
    ExecType.TRADE: OrdStatus.PARTIALLY_FILLED,
    ExecType.TRADE_CANCEL: OrdStatus.NEW,
    ExecType.TRADE_CORRECT: OrdStatus.PARTIALLY_FILLED,
    ExecType.CANCELED: OrdStatus.CANCELED,
}


class HandMadeVenue:
    """Takes what is sent to it and reports what a test says, in its journal and in our inbox."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory, VENUE)
        self.reports: list[ExecutionReport] = []

    def listen(self) -> None:
        """Receive everything that is due for it."""
        for row in transmission.take_due(VENUE):
            self.journal.add(row.body.encode())
        self.journal.write(clock.now())

    def say(
        self,
        child: VenueOrder,
        exec_type: ExecType,
        *,
        cum: int,
        qty: int | None = None,
        px: str = "",
        ref: str = "",
        cancel: str = "",
    ) -> ExecutionReport:
        """Report, have it stored, and have it applied. `cum` is the venue's own tally."""
        left = 0 if exec_type is ExecType.CANCELED else child.qty - cum
        seq = len(self.reports) + 1
        report = ExecutionReport(
            seq=seq,
            exec_id=f"{VENUE}-{seq}",
            exec_type=exec_type,
            ord_status=_STATUS[exec_type],
            order_id=f"{VENUE}-O-{child.id[-6:]}",
            cl_ord_id=cancel or child.id,
            orig_cl_ord_id=child.id if cancel else "",
            security_id=APPLE,
            side="1" if child.order.side == "buy" else "2",
            order_qty=child.qty,
            cum_qty=Decimal(cum),
            leaves_qty=Decimal(left),
            transact_time=clock.now(),
            trade_date=clock.now().date(),
            last_qty=None if qty is None else Decimal(qty),
            last_px=Decimal(px) if px else None,
            exec_ref_id=ref,
        )
        self.reports.append(report)
        text = messages.encode(report)
        self.journal.add(text)
        self.journal.write(clock.now())
        reports.apply(VENUE, inbox.store(VENUE, [Raw(seq, text.decode())], at=clock.now()))
        return report


class Book:
    """The orders by what became of them, and where the outside parties keep their journals."""

    def __init__(self, directory: Path, caller: Callable[[str], Principal]) -> None:
        self.directory = directory
        self.venue = HandMadeVenue(directory)
        self.trader = caller("alpha_trader")
        self._compliance, self._other = caller("alpha_compliance"), caller("alpha_compliance2")
        self._ops, self._admin = caller("alpha_ops"), caller("alpha_admin")
        self.ids: dict[str, str] = {}
        self._trades: dict[str, ExecutionReport] = {}

    def fill(self) -> None:
        """Everything that a day brings, in small."""
        Venue.objects.exclude(id=VENUE).update(status="suspended")
        self._submit("filled", qty=3000)
        self._submit("partial", qty=3000, side="sell")
        self._submit("canceled", qty=2000)
        self._submit("corrected", qty=2000)
        self._submit("flagged", qty=1000, limit_price=Decimal(107))
        self._submit("rejected", qty=1000, limit_price=Decimal(150))
        self._submit("external", qty=5000, bypass_auto_execution=True)
        block = [(ACCOUNT, 3000), ("alpha-002", 2000), ("alpha-003", 1000)]
        self._submit("block", qty=6000, allocation=_pro_rata(block), account_id=None)
        self._submit("unsettled", qty=1000, account_id="alpha-002")
        self._submit("undone", qty=1000, account_id="alpha-002")
        self._approve("flagged")
        self._except("excepted")
        routing.drain()
        self.venue.listen()
        self._trade()
        self._cancel()
        self._deposit()
        self._report_by_hand()
        self._book()
        making.drain()
        self._take_back("unsettled")
        self._settle()
        self._take_back("undone")
        self._settle()
        self._feed()
        self._hear_venues()
        Sequencer.resume().run_once()

    def child(self, name: str) -> VenueOrder:
        """The only venue order of an order."""
        return VenueOrder.objects.select_related("order").get(order_id=self.ids[name])

    def _submit(self, name: str, **changes: Any) -> None:
        (result,) = desk.submit([SubmitRequest(order_of(**changes), self.trader, clock.now())])
        assert result.error is None
        self.ids[name] = result.order_id

    def _approve(self, name: str) -> None:
        decision = desk.decide(
            self.ids[name],
            approve=True,
            annotation="seen",
            client_decision_id="",
            by=self._compliance,
            at=clock.now(),
        )
        assert decision.error is None

    def _except(self, name: str) -> None:
        """An account that may not trade, and one order of it that two people let pass."""
        by, at = self._compliance, clock.now()
        row = listing.draft("stop", kind="do_not_trade", accounts=["alpha-009"], by=by, at=at)
        listing.approve(row, by=self._other, at=at)
        terms = {"account_id": "alpha-009", "bypass_auto_execution": True}
        self._submit("refused", **terms)
        asked = overriding.ask(self.ids["refused"], reason="It closes.", by=self.trader, at=at)
        overrides.decide(asked.id, grant=True, note="Seen.", by=by, at=at)
        self._submit(name, **terms)

    def _trade(self) -> None:
        say, trade = self.venue.say, ExecType.TRADE
        for name in (
            *("filled", "partial", "canceled", "corrected", "flagged", "block"),
            *("unsettled", "undone"),
        ):
            say(self.child(name), ExecType.NEW, cum=0)
        say(self.child("filled"), trade, cum=1000, qty=1000, px="99.25")
        say(self.child("filled"), trade, cum=3000, qty=2000, px="99.37")
        say(self.child("partial"), trade, cum=1000, qty=1000, px="99.5")
        say(self.child("partial"), trade, cum=2000, qty=1000, px="99.875")
        say(self.child("flagged"), trade, cum=1000, qty=1000, px="100.5")
        say(self.child("block"), trade, cum=1000, qty=1000, px="99.01")
        say(self.child("block"), trade, cum=6000, qty=5000, px="99.03")
        for name in ("unsettled", "undone"):
            told = say(self.child(name), trade, cum=1000, qty=1000, px="99.125")
            self._trades[name] = told
        first = say(self.child("corrected"), trade, cum=1000, qty=1000, px="99")
        second = say(self.child("corrected"), trade, cum=2000, qty=1000, px="99.1")
        correct, bust = ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL
        say(self.child("corrected"), correct, cum=2000, qty=1000, px="98", ref=first.exec_id)
        say(self.child("corrected"), bust, cum=1000, qty=1000, px="99.1", ref=second.exec_id)

    def _deposit(self) -> None:
        """Money that a custodian is told of, and an address that is told of positions."""
        with clock.frozen_at(clock.now() - timedelta(minutes=5)):
            told = {"name": "Positions", "url": "http://127.0.0.1:9/"}
            feeds.register(by=self._admin, at=clock.now(), **told)
        money = transactions.Ask(kind="deposit", account_id="alpha-002", amount=Decimal("500.00"))
        transactions.submit(money, by=self._ops, at=clock.now())

    def _feed(self) -> None:
        """What is due for the address is put into words, as before every attempt."""
        for endpoint in outbox.due_endpoints(at=clock.now()):
            outbox.claim(endpoint, at=clock.now(), most=100)

    def _take_back(self, name: str) -> None:
        """The venue takes back a trade that is booked."""
        self._clear()
        ref = self._trades[name].exec_id
        bust = ExecType.TRADE_CANCEL
        self.venue.say(self.child(name), bust, cum=0, qty=1000, px="99.125", ref=ref)
        self._book()
        self._clear()

    def _book(self) -> None:
        lots.drain()
        for custodian in CUSTODIANS:
            rounds.run_round(custodian, most=100)

    def _cancel(self) -> None:
        desk.cancel([self.ids["canceled"]], by=self.trader, at=clock.now())
        self.venue.listen()
        child = self.child("canceled")
        self.venue.say(child, ExecType.CANCELED, cum=0, cancel=child.cancel_cl_ord_id)

    def _report_by_hand(self) -> None:
        order_id = self.ids["external"]
        instruction = Instruction(protocol="external", strategy="external", qty=Decimal(5000))
        made = desk.execute(order_id, instruction, by=self.trader, at=clock.now())
        assert made.row is not None
        for qty, outside in ((2000, False), (1000, True)):
            report = TradeReport(
                qty=Decimal(qty), price=Decimal("99.5"), bypass_trade_booking=outside
            )
            done = desk.report_trade(order_id, made.row.id, report, by=self.trader, at=clock.now())
            assert done.error is None

    def _clear(self) -> None:
        """Everything is told to the clearing parties, on this very connection."""
        while street.drain():
            pass
        for party in telling.due_parties(at=clock.now()):
            clearing.turn(party)

    def _settle(self) -> None:
        """The next day, custodians say that everything booked has changed hands."""
        for days in (0, 1):
            with clock.frozen_at(clock.now() + timedelta(days=days)):
                for _ in range(2):
                    making.drain()
                    for custodian in CUSTODIANS:
                        settling.turn(custodian)

    def _hear_venues(self) -> None:
        later = clock.now() + timedelta(minutes=2)
        Venue.objects.filter(id=VENUE).update(connected_at=later, last_heard_at=later)

    # --- what corruptions aim at ---------------------------------------------------------------
    def names(self) -> dict[str, Any]:
        """Parameters for statements: the ids a corruption may name."""
        executions = Execution.objects.filter(order_id=self.ids["filled"]).order_by("sequence")
        named = {
            **self.ids,
            "execution": executions[0].id,
            "long_ago": clock.now() - timedelta(minutes=10),
        }
        for name in ("filled", "partial"):
            named[f"{name}_child"] = self.child(name).id
            named[f"{name}_worked"] = ExecutionOrder.objects.get(order_id=self.ids[name]).id
        block_legs = BookingLeg.objects.filter(allocation__order_id=self.ids["block"])
        named["block_leg"] = block_legs.order_by("id")[0].id
        for name in ("unsettled", "undone"):
            legs = BookingLeg.objects.filter(allocation__order_id=self.ids[name])
            named[f"{name}_leg"] = legs.get(reverses=None).id
            named[f"{name}_mirror"] = legs.exclude(reverses=None).get().id
        named["other_screening"] = Order.objects.get(id=self.ids["block"]).screening_id
        return named


def order_of(**changes: Any) -> OrderAsk:
    """The request of a plain order, with some of it changed."""
    ask: dict[str, Any] = {
        "instrument_id": APPLE,
        "side": "buy",
        "ord_type": "limit",
        "amount_type": "par",
        "qty": 1000,
        "limit_price": Decimal("99.5"),
        "account_id": ACCOUNT,
        **changes,
    }
    return OrderAsk(**{**ask, "qty": Decimal(ask["qty"])})


def _pro_rata(parts: list[tuple[str, int]]) -> AllocationAsk:
    return AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=tuple(AccountAsk(account_id=key, qty=Decimal(qty)) for key, qty in parts),
    )
