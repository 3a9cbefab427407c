"""What every custodian adapter must do before a leg is ever sent through it.

Run by `manage.py certify_custodian CODE` and by the tests, against a custodian's test account. It
books a little, takes it back, and knows the custodian only through the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    Custodian,
    CustodianCash,
    Notice,
    Refused,
)
from oms_site.kit import ids

D = Decimal
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement, and what spoke against it; empty when it is met."""

    requirement: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the requirements are tried with."""

    custodian: Custodian
    account: str
    cusip: str
    day: date

    def instruction(self, **changes: object) -> BookingInstruction:
        """A small booking under a fresh key."""
        key = ids.prefixed("bl")
        one = BookingInstruction(
            key=key,
            leg_id=key,
            account=self.account,
            cusip=self.cusip,
            side="1",
            qty=D(1000),
            price=D("99.1234567891"),
            principal=D("991.23"),
            accrued_interest=D("0.01"),
            net_money=D("991.24"),
            trade_date=self.day,
            settlement_date=self.day,
        )
        return replace(one, **changes)  # type: ignore[arg-type]  # names of its fields

    def held(self) -> Decimal:
        """The test account's position."""
        return sum(
            (
                row.qty
                for row in self.custodian.statement(as_of=self.day).positions
                if (row.account, row.cusip) == (self.account, self.cusip)
            ),
            D(0),
        )

    def money(self) -> CustodianCash | None:
        """The test account's line of dollars; None where the custodian tells of no money."""
        lines = self.custodian.statement(as_of=self.day).cash
        if lines is None:
            return None
        mine = [row for row in lines if (row.account, row.currency) == (self.account, "USD")]
        return mine[0] if mine else CustodianCash(self.account, "USD", D(0), D(0))

    def notice(self, **changes: object) -> Notice:
        """A small deposit under a fresh key."""
        one = Notice(
            key=ids.prefixed("mv"),
            account=self.account,
            kind="deposit",
            currency="USD",
            cash=D("10.01"),
            trade_date=self.day,
            settlement_date=self.day,
        )
        return replace(one, **changes)  # type: ignore[arg-type]  # names of its fields


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises has not been met. The account ends as it began."""
    return tried(REQUIREMENTS, trial)


def tried(requirements: Mapping[str, Callable[[T], Iterator[str]]], trial: T) -> list[Finding]:
    """What came of every requirement; one that raises has not been met."""
    return [_tried(name, check, trial) for name, check in requirements.items()]


def _tried(name: str, check: Callable[[T], Iterator[str]], trial: T) -> Finding:
    try:
        return Finding(name, "; ".join(check(trial)))
    except Exception as error:  # noqa: BLE001  whatever it raises, the requirement is not met
        return Finding(name, f"raised {error!r}")


def _repeats(trial: Trial) -> Iterator[str]:
    one = trial.instruction()
    before = trial.held()
    answers = [trial.custodian.book(one) for _ in range(3)]
    if not isinstance(answers[0], Booked) or len(set(answers)) != 1:
        yield f"the same key was answered differently: {answers}"
    if trial.held() - before != one.qty:
        yield f"three calls with one key moved the position by {trial.held() - before}"
    _undo(trial, one)


def _together(trial: Trial) -> Iterator[str]:
    one = trial.instruction()
    before = trial.held()
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: trial.custodian.book(one), range(8)))
    if len(answers) != 1 or trial.held() - before != one.qty:
        yield f"eight calls at once: {len(answers)} answers, {trial.held() - before} moved"
    _undo(trial, one)


def _conflicts(trial: Trial) -> Iterator[str]:
    one = trial.instruction()
    trial.custodian.book(one)
    answer = trial.custodian.book(replace(one, qty=D(2000)))
    if not isinstance(answer, Refused) or not answer.permanent:
        yield f"a key with other content was answered {answer}"
    _undo(trial, one)


def _finds(trial: Trial) -> Iterator[str]:
    one = trial.instruction()
    if trial.custodian.find(one.key) is not None:
        yield "a key that was never used is found"
    booked = trial.custodian.book(one)
    if trial.custodian.find(one.key) != booked:
        yield "what was booked is not found under its key"
    _undo(trial, one)


def _lists(trial: Trial) -> Iterator[str]:
    one = trial.instruction()
    trial.custodian.book(one)
    mine = [row for row in trial.custodian.bookings(trade_dates=[trial.day]) if row.key == one.key]
    if [(row.qty, row.net_money, row.side) for row in mine] != [(one.qty, one.net_money, "1")]:
        yield f"the list of bookings has {mine}"
    _undo(trial, one)


def _takes_back(trial: Trial) -> Iterator[str]:
    before = trial.held()
    one = trial.instruction()
    trial.custodian.book(one)
    _undo(trial, one)
    _undo(trial, one)
    if trial.held() != before:
        yield f"a booking and its reversal leave {trial.held() - before}"


def _window(trial: Trial) -> Iterator[str]:
    before = trial.day - timedelta(days=1)
    old, new = trial.instruction(trade_date=before), trial.instruction()
    for one in (old, new):
        trial.custodian.book(one)
    for days, keys in (
        ([before], {old.key}),
        ([trial.day], {new.key}),
        ([before, trial.day], {old.key, new.key}),
    ):
        rows = trial.custodian.bookings(trade_dates=days)
        found = {row.key for row in rows} & {old.key, new.key}
        if found != keys:
            yield f"asked for {days}, it lists {sorted(found)} of {sorted(keys)}"
    for one in (old, new):
        _undo(trial, one)


def _states(trial: Trial) -> Iterator[str]:
    made = trial.custodian.statement(as_of=trial.day)
    if made.as_of != trial.day:
        yield f"asked for {trial.day}, it stated {made.as_of}"
    if made.at.tzinfo is None:
        yield "the statement's moment has no time zone"
    lines = [(row.account, row.cusip) for row in made.positions]
    purses = [(row.account, row.currency) for row in made.cash or ()]
    if len(lines) != len(set(lines)) or len(purses) != len(set(purses)):
        yield "an account is stated twice in one security or currency"


def _states_money(trial: Trial) -> Iterator[str]:
    before = trial.money()
    if before is None:
        return  # it tells of no money: nothing is compared, and nothing is called clean
    one = trial.instruction()
    trial.custodian.book(one)
    after = trial.money()
    assert after is not None
    if (paid := after.settled - before.settled) != 0:
        yield f"a trade that has not settled moved settled money by {paid}"
    if None not in (before.traded, after.traded):
        moved = (after.traded or D(0)) - (before.traded or D(0))
        if moved != -one.net_money:
            yield f"a purchase for {one.net_money} moved traded money by {moved}"
    _undo(trial, one)


def _notes(trial: Trial) -> Iterator[str]:
    before, one = trial.money(), trial.notice()
    answers = [trial.custodian.note(one) for _ in range(3)]
    if isinstance(answers[0], Refused):
        if answers[0].code != "NOT_TOLD":
            yield f"a deposit was answered {answers[0]}"
        return
    if len(set(answers)) != 1:
        yield f"the same notice was answered differently: {answers}"
    again = trial.custodian.note(replace(one, cash=D("20.01")))
    if not isinstance(again, Refused) or not again.permanent:
        yield f"a key with other content was answered {again}"
    after = trial.money()
    if before is not None and after is not None and after.settled - before.settled != one.cash:
        yield f"a deposit of {one.cash} told three times moved {after.settled - before.settled}"
    trial.custodian.note(trial.notice(cash=-one.cash, kind="withdrawal"))


def _undo(trial: Trial, one: BookingInstruction) -> None:
    """Book the mirror, under a key of its own that is the same each time."""
    key = f"bl_{one.key[3:][::-1]}"
    trial.custodian.book(replace(one, key=key, leg_id=key, side="2"))


REQUIREMENTS: dict[str, Callable[[Trial], Iterator[str]]] = {
    "repeating a key books once and answers the same": _repeats,
    "the same key from many threads books once": _together,
    "a key with other content is refused for good": _conflicts,
    "a key is found once it is booked and not before": _finds,
    "the day's bookings are listed to the cent": _lists,
    "a reversal takes its booking back": _takes_back,
    "bookings are listed for exactly the days asked for": _window,
    "a statement is of the day asked for, each line once": _states,
    "a statement's money follows bookings to the cent": _states_money,
    "what moves without a trade is noted once": _notes,
}
