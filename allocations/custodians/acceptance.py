"""What every custodian adapter must do before a leg is ever sent through it.

Run by `manage.py certify_custodian CODE` and by the tests, against a custodian's test account. It
books a little, takes it back, and knows the custodian only through the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from allocations.custodians.port import Booked, BookingInstruction, Custodian, Refused
from oms_site.kit import ids

D = Decimal


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
                for row in self.custodian.positions(as_of=self.day)
                if (row.account, row.cusip) == (self.account, self.cusip)
            ),
            D(0),
        )


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises has not been met. The account ends as it began."""
    return [_tried(name, check, trial) for name, check in REQUIREMENTS.items()]


def _tried(name: str, check: Callable[[Trial], Iterator[str]], trial: Trial) -> Finding:
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
    mine = [row for row in trial.custodian.bookings(trade_date=trial.day) if row.key == one.key]
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
}
