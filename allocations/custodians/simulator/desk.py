"""The simulated custodian's settlement desk, with a journal of its own.

It tells what the other side of each booking says, takes confirmations and instructions, and
settles on the settlement date what it was instructed to, once. Its day is the one its clients live
in: every question says what time it is. Also read by tests and `check_books` as its own account.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from allocations.custodians.simulator import behaviors
from allocations.custodians.simulator.behaviors import Settling
from allocations.custodians.simulator.books import Booking, Books
from allocations.custodians.simulator.books import Instruction as Confirmation
from allocations.custodians.simulator.journal import Conflict, Journal, digest, lines
from allocations.custodians.simulator.statements import Hand
from oms_site.kit import clock

NEW_YORK = ZoneInfo("America/New_York")
CENT = Decimal("0.01")
ZERO = Decimal(0)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a client instructs: deliver or receive against payment. Other fields are not read."""

    leg_id: str
    account: str
    cusip: str
    side: Literal["1", "2"]
    qty: Decimal
    net_money: Decimal
    settlement_date: date
    participant: str
    currency: str = "USD"


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="confirmation"):
    """A client's confirmation, as it came; older lines have no terms and no time."""

    key: str
    digest: str
    terms: Confirmation | None = None
    at: datetime | None = None


class Instructed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="instruction"):
    """An instruction that was taken, under a reference of ours."""

    key: str
    ref: str
    digest: str
    order: Order
    at: datetime | None = None


class Disputed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dispute"):
    """A client says that the other side has it wrong, or not at all: it looks again."""

    leg_id: str


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="withdrawal"):
    """Nothing more of it settles; also of what has not come, should it come later."""

    key: str
    at: datetime | None = None


class BuyIn(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="buy_in"):
    """A client bought in on this day: it settles on a later one."""

    key: str
    day: date


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="message"):
    """What clients are told, numbered without a gap."""

    seq: int
    body: dict[str, Any]


_Line = Confirmed | Disputed | Instructed | Withdrawn | BuyIn | Message
_decoder: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


class Desk:
    """The writing side; there is one per custodian and process."""

    def __init__(self, directory: Path, books: Books) -> None:
        self._books = books
        self.confirmed: dict[str, Confirmed] = {}
        self.instructed: dict[str, Instructed] = {}
        self.withdrawn: set[str] = set()
        self.bought_in: dict[str, date] = {}
        self.messages: list[Message] = []
        self.settled: dict[str, Decimal] = {}
        self._paid: dict[str, Decimal] = {}
        self._open: dict[str, Instructed] = {}
        self._failed: set[tuple[str, date]] = set()
        self._stated: set[str] = set()
        self._disputed: set[str] = set()
        self.hands: list[Hand] = []
        self._looked_at = 0
        self._journal = Journal(path_of(directory, books.custodian), _decoder, self._fold)

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    # --- what clients ask ---------------------------------------------------------------------
    def confirm(self, key: str, body: bytes) -> bool:
        """Take a confirmation and pass on the other side's answer; whether it is new."""
        said, terms = digest(body), msgspec.json.decode(body)
        known = self.confirmed.get(key)
        if known is not None:
            if known.digest != said:
                raise Conflict(key)
            return False
        taken = msgspec.convert(terms, Confirmation, strict=False)
        self._journal.add(Confirmed(key=key, digest=said, terms=taken, at=clock.machine_now()))
        refuses = behaviors.settling_of(str(terms["account"])) is Settling.DISPUTES
        self._tell(
            type="affirmation",
            reference=f"AU-{key}",
            confirm_id=key,
            affirm_status=2 if refuses else 3,
            text="not as we traded it" if refuses else "",
        )
        return True

    def dispute(self, leg_id: str) -> None:
        """The other side looks again and says what was booked; once."""
        booking = self._books.bookings.get(leg_id)
        if booking is not None and leg_id not in self._disputed:
            self._journal.add(Disputed(leg_id=leg_id))
            right = _statement(booking, Settling.NORMAL)
            self._tell(**{**right, "reference": f"{right['reference']}-2"})

    def instruct(self, key: str, order: Order, body: bytes) -> Instructed:
        """Take an instruction. Raises `Conflict` for another one, or one withdrawn before."""
        said = digest(body)
        known = self.instructed.get(key)
        if known is None and key in self.withdrawn:
            raise Conflict(key)
        if known is not None:
            if known.digest != said:
                raise Conflict(key)
            return known
        ref = f"{self._books.custodian.upper()}-S{len(self.instructed) + 1:08d}"
        at = clock.machine_now()
        taken = Instructed(key=key, ref=ref, digest=said, order=order, at=at)
        self._journal.add(taken)
        return taken

    def withdraw(self, key: str) -> Decimal:
        """Let nothing more of it settle; what has settled."""
        if key not in self.withdrawn:
            self._journal.add(Withdrawn(key=key, at=clock.machine_now()))
        return self.settled.get(key, ZERO)

    def buy_in(self, key: str, day: date) -> None:
        """Take note of a buy-in."""
        if key not in self.bought_in:
            self._journal.add(BuyIn(key=key, day=day))

    def after(self, seq: int, now: datetime, *, most: int = 500) -> list[Message]:
        """What is told after a number, once the day has been worked through up to `now`."""
        self._state()
        self._settle(now.astimezone(NEW_YORK).date())
        return self.messages[seq : seq + most]

    # --- working ------------------------------------------------------------------------------
    def _state(self) -> None:
        """Say of every booking what the other side has."""
        fresh = list(islice(self._books.bookings.items(), self._looked_at, None))
        self._looked_at += len(fresh)
        for key, booking in fresh:
            said = behaviors.settling_of(booking.instruction.account)
            if key not in self._stated and said is not Settling.SILENT:
                self._tell(**_statement(booking, said))

    def _settle(self, day: date) -> None:
        for key, taken in list(self._open.items()):
            order = taken.order
            if order.settlement_date > day:
                continue
            share = self._share(key, order, day)
            if share:
                self._pay(key, order, share, day)
            if key in self._open and (key, day) not in self._failed:
                self._tell(
                    type="failed",
                    reference=f"{taken.ref}-F{day:%Y%m%d}",
                    instruction_id=key,
                    day=day,
                    code="LACK",
                    text="the other side has not delivered",
                )

    def _share(self, key: str, order: Order, day: date) -> Decimal:
        """How much of it changes hands on this day."""
        left = order.qty - self.settled.get(key, ZERO)
        bought = self.bought_in.get(key)
        if bought is not None and bought < day:
            return left
        match behaviors.settling_of(order.account):
            case Settling.STUCK:
                return ZERO
            case Settling.LATE if day < order.settlement_date + timedelta(days=2):
                return ZERO
            case Settling.IN_PARTS if day == order.settlement_date:
                half = (order.qty / 2).to_integral_value()
                return half - self.settled.get(key, ZERO)
        return left

    def _pay(self, key: str, order: Order, qty: Decimal, day: date) -> None:
        done = self.settled.get(key, ZERO) + qty
        due = order.net_money * done / order.qty
        money = due.quantize(CENT, ROUND_HALF_UP) - self._paid.get(key, ZERO)
        told: dict[str, Any] = {
            "type": "settled",
            "reference": f"{self.instructed[key].ref}-{len(self.messages) + 1}",
            "instruction_id": key,
            "qty": qty,
            "net_money": money,
            "value_date": day,
        }
        self._tell(**told)
        if behaviors.settling_of(order.account) is Settling.TWICE:
            self._tell(**told)

    def _tell(self, **body: Any) -> None:
        self._journal.add(Message(seq=len(self.messages) + 1, body=body))

    def _fold(self, line: _Line) -> None:
        match line:
            case Confirmed():
                self.confirmed[line.key] = line
            case Instructed():
                self.instructed[line.key] = self._open[line.key] = line
            case Disputed():
                self._disputed.add(line.leg_id)
            case Withdrawn():
                self.withdrawn.add(line.key)
                self._open.pop(line.key, None)
            case BuyIn():
                self.bought_in[line.key] = line.day
            case Message():
                self._hear(line)

    def _hear(self, message: Message) -> None:
        body = message.body
        # What is told twice has changed hands once.
        known = {m.body["reference"] for m in self.messages[-1:]}
        self.messages.append(message)
        if body["type"] == "statement":
            self._stated.add(body["leg_id"])
        elif body["type"] == "failed":
            self._failed.add((body["instruction_id"], date.fromisoformat(body["day"])))
        elif body["type"] == "settled" and body["reference"] not in known:
            key, qty = body["instruction_id"], Decimal(body["qty"])
            order, day = self.instructed[key].order, date.fromisoformat(body["value_date"])
            self.settled[key] = self.settled.get(key, ZERO) + qty
            self._paid[key] = self._paid.get(key, ZERO) + Decimal(body["net_money"])
            sign, money = 1 if order.side == "1" else -1, Decimal(body["net_money"])
            named = (order.account, order.cusip, order.currency)
            self.hands.append(Hand(*named, sign * qty, -sign * money, day, message.seq))
            if self.settled[key] == order.qty:
                self._open.pop(key, None)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What changed hands, as the journal has it."""

    reference: str
    instruction_id: str
    qty: Decimal
    net_money: Decimal
    value_date: date
    seq: int = 0


def path_of(directory: Path, custodian: str) -> Path:
    """Where a settlement desk's journal is."""
    return directory / f"settlement-{custodian}.jsonl"


def settled(directory: Path, custodian: str) -> dict[str, Settled]:
    """Everything that has changed hands at a custodian, by its own reference."""
    found = {}
    for line in lines(path_of(directory, custodian), _decoder):
        if isinstance(line, Message) and line.body["type"] == "settled":
            one = msgspec.convert({**line.body, "seq": line.seq}, Settled, strict=False)
            found[one.reference] = one
    return found


def heard(directory: Path, custodian: str) -> list[Confirmed | Instructed | Withdrawn]:
    """What clients have told a custodian, in order: what was written twice is seen twice."""
    found = lines(path_of(directory, custodian), _decoder)
    return [line for line in found if isinstance(line, Confirmed | Instructed | Withdrawn)]


def instructed(directory: Path, custodian: str) -> dict[str, Order]:
    """Every instruction a custodian has taken, by our key."""
    found = lines(path_of(directory, custodian), _decoder)
    return {line.key: line.order for line in found if isinstance(line, Instructed)}


def _statement(booking: Booking, said: Settling) -> dict[str, Any]:
    """The other side's version of a booking, wrong where its account says so."""
    leg = booking.instruction
    off = {Settling.NET_OFF: Decimal("0.02"), Settling.CENT_OFF: CENT}.get(said, ZERO)
    return {
        "type": "statement",
        "reference": f"ST-{booking.booking_ref}",
        "leg_id": booking.key,
        "account": leg.account,
        "cusip": leg.cusip,
        "side": leg.side,
        "qty": leg.qty,
        "price": leg.price + (Decimal("0.125") if said is Settling.PRICE_OFF else ZERO),
        "principal": leg.principal,
        "accrued_interest": leg.accrued_interest,
        "net_money": leg.net_money + off,
        "trade_date": leg.trade_date,
        "settlement_date": leg.settlement_date,
    }
