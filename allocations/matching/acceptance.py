"""What every adapter of a matching service must do before a trade is ever matched through it.

Run by the tests, against a test account of the service. It knows the service only through the port,
and the other side only through what `Trial.answer` has it say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from allocations.custodians import settling_acceptance
from allocations.custodians.acceptance import Finding, tried
from allocations.custodians.port import Refused
from allocations.custodians.settling import Affirmation, Confirmation, Statement, Told, read
from allocations.matching.port import MatchingClient

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
        today = self.now.date()
        return settling_acceptance.sample(self.account, self.cusip, traded=today, settles=today)


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises has not been met."""
    return tried(REQUIREMENTS, trial)


def _repeats(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    with ThreadPoolExecutor(8) as pool:
        taken = set(pool.map(lambda _: trial.client.confirm(one, counterparty="BROKER"), range(8)))
    if len(taken) != 1 or isinstance(next(iter(taken)), Refused):
        yield f"the same confirmation was answered differently: {taken}"
    about = {"leg_id": one.leg_id, "reason": "the price", "about": "version 1"}
    said = {trial.client.dispute(one.key, **about) for _ in range(3)}
    if len(said) != 1 or isinstance(next(iter(said)), Refused):
        yield f"the same dispute was answered differently: {said}"


def _conflicts(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    trial.client.confirm(one, counterparty="BROKER")
    for other, broker in ((replace(one, qty=D(2000)), "BROKER"), (one, "ANOTHER")):
        answer = trial.client.confirm(other, counterparty=broker)
        if not isinstance(answer, Refused) or not answer.permanent:
            yield f"a key with other content was answered {answer}"


def _withdraws(trial: Trial) -> Iterator[str]:
    told, untold = trial.confirmation(), trial.confirmation()
    trial.client.confirm(told, counterparty="BROKER")
    for one in (told, untold):
        said = {trial.client.withdraw(one.key, leg_id=one.leg_id) for _ in range(3)}
        if len(said) != 1 or isinstance(next(iter(said)), Refused):
            yield f"the same withdrawal was answered differently: {said}"
        late = trial.client.confirm(one, counterparty="BROKER")
        if not isinstance(late, Refused) or not late.permanent:
            yield f"what was withdrawn was taken later: {late}"


def _tells(trial: Trial) -> Iterator[str]:
    one = trial.confirmation()
    trial.client.confirm(one, counterparty="BROKER")
    trial.answer(one)

    def ask(after: int) -> Sequence[Told]:
        return trial.client.messages(after=after)

    yield from settling_acceptance.numbered(ask)
    said = [read(told.body) for told in settling_acceptance.everything(ask)]
    if not all(isinstance(word, Statement | Affirmation) for word in said):
        yield "something else was told than statements and affirmations"
    mine = [word for word in said if isinstance(word, Statement) and word.leg_id == one.leg_id]
    if not mine or (mine[0].qty, mine[0].price, mine[0].net_money) != (
        one.qty,
        one.price,
        one.net_money,
    ):
        yield f"the other side's version came as {mine}"


REQUIREMENTS: dict[str, Callable[[Trial], Iterator[str]]] = {
    "repeating a key does nothing again and answers the same": _repeats,
    "a key with other content is refused for good": _conflicts,
    "what is withdrawn stays withdrawn, whatever comes later": _withdraws,
    "messages are numbered, readable, the same each time, and exact": _tells,
}
