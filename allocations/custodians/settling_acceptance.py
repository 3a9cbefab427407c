"""What every settlement desk's adapter must do before a trade is ever settled through it.

Run by the tests, against a desk's test account. It instructs a little for a far day and withdraws
it again, and knows the desk only through the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from allocations.custodians.acceptance import Finding, tried
from allocations.custodians.port import Refused
from allocations.custodians.settling import (
    Confirmation,
    Delivery,
    SettlementDesk,
    Told,
    Withdrawn,
    read,
)
from oms_site.kit import ids

D = Decimal


@dataclass(frozen=True, slots=True)
class Trial:
    """What the requirements are tried with; nothing may settle before `now` plus a year."""

    desk: SettlementDesk
    account: str
    cusip: str
    now: datetime

    @property
    def far(self) -> date:
        """A settlement date that does not come during the trial."""
        return (self.now + timedelta(days=365)).date()

    def confirmation(self) -> Confirmation:
        """A small confirmation under a fresh key."""
        return sample(self.account, self.cusip, traded=self.now.date(), settles=self.far)

    def delivery(self) -> Delivery:
        """A small instruction under a fresh key."""
        return Delivery(
            key=ids.prefixed("si"),
            leg_id=ids.prefixed("bl"),
            account=self.account,
            cusip=self.cusip,
            side="1",
            qty=D(1000),
            net_money=D("991.24"),
            settlement_date=self.far,
            depository="DTC",
            participant="0901",
            delivery_account="",
        )


def sample(account: str, cusip: str, *, traded: date, settles: date) -> Confirmation:
    """A small purchase under a fresh key."""
    return Confirmation(
        key=ids.prefixed("cf"),
        leg_id=ids.prefixed("bl"),
        account=account,
        cusip=cusip,
        side="1",
        qty=D(1000),
        price=D("99.1234567891"),
        principal=D("991.23"),
        accrued_interest=D("0.01"),
        net_money=D("991.24"),
        trade_date=traded,
        settlement_date=settles,
    )


def numbered(ask: Callable[[int], Sequence[Told]]) -> Iterator[str]:
    """What is wrong with the messages after a number, as `ask` brings them."""
    first = everything(ask)
    if first != everything(ask)[: len(first)]:
        yield "the same question was answered differently"
    if [one.seq for one in first] != list(range(1, len(first) + 1)):
        yield "messages are not numbered from 1 without a gap"
    if first and ask(first[-1].seq)[:1] == first[:1]:
        yield "messages before the number asked for came again"


def everything(ask: Callable[[int], Sequence[Told]]) -> list[Told]:
    """All that is told, asked for as often as something newer comes."""
    found, last = list[Told](), 0
    while (told := ask(last)) and told[-1].seq > last:
        found += told
        last = told[-1].seq
    return found


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises has not been met."""
    return tried(REQUIREMENTS, trial)


def _repeats(trial: Trial) -> Iterator[str]:
    confirmation, delivery = trial.confirmation(), trial.delivery()
    said = [trial.desk.confirm(confirmation) for _ in range(3)]
    if isinstance(said[0], Refused) or len(set(said)) != 1:
        yield f"the same confirmation was answered differently: {said}"
    with ThreadPoolExecutor(8) as pool:
        taken = set(pool.map(lambda _: trial.desk.instruct(delivery), range(8)))
    if len(taken) != 1 or isinstance(next(iter(taken)), Refused):
        yield f"the same instruction was answered differently: {taken}"
    trial.desk.withdraw(delivery.key)


def _conflicts(trial: Trial) -> Iterator[str]:
    one = trial.delivery()
    trial.desk.instruct(one)
    answer = trial.desk.instruct(replace(one, qty=D(2000)))
    if not isinstance(answer, Refused) or not answer.permanent:
        yield f"a key with other content was answered {answer}"
    trial.desk.withdraw(one.key)


def _withdraws(trial: Trial) -> Iterator[str]:
    one = trial.delivery()
    trial.desk.instruct(one)
    answers = {trial.desk.withdraw(one.key) for _ in range(3)}
    if answers != {Withdrawn(D(0))}:
        yield f"what had not settled was withdrawn as {answers}"


def _keeps_out(trial: Trial) -> Iterator[str]:
    one = trial.delivery()
    trial.desk.withdraw(one.key)
    answer = trial.desk.instruct(one)
    if not isinstance(answer, Refused):
        yield f"an instruction that came after its withdrawal was answered {answer}"


def _tells(trial: Trial) -> Iterator[str]:
    trial.desk.confirm(trial.confirmation())

    def ask(after: int) -> Sequence[Told]:
        return trial.desk.messages(after=after, now=trial.now)

    yield from numbered(ask)
    for one in everything(ask):
        read(one.body)


REQUIREMENTS: dict[str, Callable[[Trial], Iterator[str]]] = {
    "repeating a key does nothing again and answers the same": _repeats,
    "a key with other content is refused for good": _conflicts,
    "what has not settled can be withdrawn, again and again": _withdraws,
    "a withdrawal keeps out what arrives after it": _keeps_out,
    "messages are numbered, readable and the same each time": _tells,
}
