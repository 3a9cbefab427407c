"""What every adapter of a matching service must do before a trade is ever matched through it.

Run by the tests, against a test account of the service. It knows the service only through the port,
and the other side only through what `Trial.answer` has it say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from allocations.custodians.acceptance import Finding, tried
from allocations.custodians.port import Refused
from allocations.custodians.settling import Affirmation, Confirmation, Statement, Told, read
from allocations.matching.port import MatchingClient
from oms_site.kit import ids

D = Decimal


@dataclass(frozen=True, slots=True)
class Trial:
    """What the requirements are tried with; `answer` has the other side agree to a trade."""

    client: MatchingClient
    account: str
    cusip: str
    now: datetime
    answer: Callable[[Confirmation], None]

    def confirmation(self) -> Confirmation:
        """A small confirmation under a fresh key."""
        return Confirmation(
            key=ids.prefixed("cf"),
            leg_id=ids.prefixed("bl"),
            account=self.account,
            cusip=self.cusip,
            side="1",
            qty=D(1000),
            price=D("99.1234567891"),
            principal=D("991.23"),
            accrued_interest=D("0.01"),
            net_money=D("991.24"),
            trade_date=self.now.date(),
            settlement_date=self.now.date(),
        )


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises has not been met."""
    return tried(REQUIREMENTS, trial)


def _repeats(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    with ThreadPoolExecutor(8) as pool:
        taken = set(pool.map(lambda _: trial.client.confirm(one, counterparty="BROKER"), range(8)))
    if len(taken) != 1 or isinstance(next(iter(taken)), Refused):
        yield f"the same confirmation was answered differently: {taken}"
    said = {trial.client.dispute(one.key, leg_id=one.leg_id, reason="the price") for _ in range(3)}
    if len(said) != 1 or isinstance(next(iter(said)), Refused):
        yield f"the same dispute was answered differently: {said}"


def _conflicts(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    trial.client.confirm(one, counterparty="BROKER")
    for other, broker in ((replace(one, qty=D(2000)), "BROKER"), (one, "ANOTHER")):
        answer = trial.client.confirm(other, counterparty=broker)
        if not isinstance(answer, Refused) or not answer.permanent:
            yield f"a key with other content was answered {answer}"


def _tells(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    trial.client.confirm(one, counterparty="BROKER")
    trial.answer(one)
    first = _all(trial)
    if not first or first != _all(trial)[: len(first)]:
        yield "the same question was answered differently"
    if [told.seq for told in first] != list(range(1, len(first) + 1)):
        yield "messages are not numbered from 1 without a gap"
    if trial.client.messages(after=first[-1].seq)[:1] == first[:1]:
        yield "messages before the number asked for came again"
    said = [read(told.body) for told in first]
    if not all(isinstance(word, Statement | Affirmation) for word in said):
        yield "something else was told than statements and affirmations"
    mine = [word for word in said if isinstance(word, Statement) and word.leg_id == one.leg_id]
    if not mine or (mine[0].qty, mine[0].price, mine[0].net_money) != (
        one.qty,
        one.price,
        one.net_money,
    ):
        yield f"the other side's version came as {mine}"


def _all(trial: Trial) -> list[Told]:
    found = list[Told]()
    while told := trial.client.messages(after=found[-1].seq if found else 0):
        found += told
    return found


REQUIREMENTS: dict[str, Callable[[Trial], Iterator[str]]] = {
    "repeating a key does nothing again and answers the same": _repeats,
    "a key with other content is refused for good": _conflicts,
    "messages are numbered, readable, the same each time, and exact": _tells,
}
