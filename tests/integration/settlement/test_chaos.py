"""Settlement desks in trouble: answers lost, one down, told twice; each trade settles once.

The judge is the custodians' own journals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import httpx
import pytest

from allocations import adapters, holdings
from allocations.custodians import settling_acceptance
from allocations.custodians.settling import Delivery, Told
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.custodians.simulated.desk import SimulatedDesk
from allocations.models import CustodianMessage, SettlementInstruction
from allocations.settlement import mailbox, making, sending
from oms_site.kit import clock
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.trading import D

pytestmark = pytest.mark.django_db
# Accounts at three custodians.
ACCOUNTS = {"alpha-003": "cust_lpl", "alpha-004": "cust_bny", "alpha-002": "cust_pershing"}


def settled(order_id: str) -> tuple[str, D]:
    row = story.instruction_of(order_id)
    return str(row.status), row.settled_qty


def once(outside: Outside, *orders: str) -> None:
    """Every order settled once: in our books, and in the custodians' own."""
    theirs = [one.instruction_id for one in story.theirs(outside).values()]
    assert sorted(theirs) == sorted(story.instruction_of(order).id for order in orders)
    for order in orders:
        assert settled(order)[0] == "settled"
        assert len(story.facts(order)) == 1


def test_what_was_taken_and_answered_with_an_error_is_instructed_once(outside: Outside) -> None:
    order_id = story.traded()
    outside.fault(mode="error_after", desk="settlement")
    story.turn(1)
    assert story.instruction_of(order_id).status == "pending"
    outside.fault(mode="normal", desk="settlement")
    with story.on(11, 23, 10, 30):
        story.turn()
        assert story.instruction_of(order_id).status == "instructed"
    with story.on(11, 24):
        story.turn()
    once(outside, order_id)


def test_an_answer_that_comes_too_late_is_asked_for_again_with_the_same_key(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        adapters, "SimulatedCustodian", lambda url: SimulatedCustodian(url, timeout=0.3)
    )
    order_id = story.traded()
    outside.fault(mode="slow", desk="settlement", seconds=1.0)
    story.turn(1)
    outside.fault(mode="normal", desk="settlement")
    with story.on(11, 23, 10, 30):
        story.turn()
    with story.on(11, 24):
        story.turn()
    once(outside, order_id)


def test_one_desk_down_holds_none_of_the_others(outside: Outside) -> None:
    orders = {account: story.traded(account) for account in ACCOUNTS}
    custodian = {row.order_id: row.custodian_id for row in _instructions_after_a_turn()}
    down = orders["alpha-004"]
    outside.fault(mode="down", desk="settlement", custodian=custodian[down])
    outside.fault(mode="down", custodian=custodian[down])
    with story.on(11, 24):
        story.turn()
        assert settled(down)[0] != "settled"
        others = [one for one in orders.values() if custodian[one] != custodian[down]]
        assert {settled(one)[0] for one in others} == {"settled"}
    outside.fault(mode="normal", desk="settlement")
    outside.fault(mode="normal")
    with story.on(11, 24, 12):
        story.turn()
    once(outside, *orders.values())


def _instructions_after_a_turn() -> list[SettlementInstruction]:
    story.turn()
    return list(SettlementInstruction.objects.order_by("id"))


def test_the_process_dies_between_the_call_and_its_answer(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = story.traded()
    story.turn(1)
    apply = sending._apply

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "_apply", die)
    custodian = story.confirm_of(order_id).custodian_id
    with story.on(11, 23, 10, 5):
        story.bust(order_id)
        making.drain()
        with pytest.raises(KeyboardInterrupt):
            sending.run_round(custodian)
    monkeypatch.setattr(sending, "_apply", apply)
    with story.on(11, 23, 10, 10):
        story.turn()
    (row,) = SettlementInstruction.objects.filter(order_id=order_id)
    assert (row.status, row.settled_qty) == ("canceled", D(0))


def test_the_custodian_starts_again_and_its_journal_goes_on(outside: Outside) -> None:
    order_id = story.traded("alpha-part", qty=3000)
    story.turn()
    with story.on(11, 24):
        story.turn()
    outside.stop()
    outside.start()
    with story.on(11, 25):
        story.turn()
        assert settled(order_id) == ("settled", D(3000))
        money = holdings.cash(["alpha-part"])["alpha-part", "USD"]
        assert money.settled == money.traded
    assert len(story.theirs(outside)) == 2


def test_the_same_mailbox_read_twice_stores_and_counts_once(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    with story.on(11, 24) as now:
        story.turn()
        custodian = story.confirm_of(order_id).custodian_id
        told = httpx.get(
            f"{outside.url}/{custodian}/messages", params={"after": 0, "now": now.isoformat()}
        ).json()["messages"]
        before = CustodianMessage.objects.count()
        assert mailbox.store(custodian, [Told(one["seq"], "x") for one in told], at=now) == 0
        story.turn()
        assert CustodianMessage.objects.count() == before
    once(outside, order_id)


# --- what every adapter must do --------------------------------------------------------------
@pytest.fixture
def trial(outside: Outside) -> Iterator[settling_acceptance.Trial]:
    """The simulated desk as something to be certified."""
    client = SimulatedCustodian(f"{outside.url}/cust_bny")
    yield settling_acceptance.Trial(SimulatedDesk(client), "ALPHA-002", "037833DP2", clock.now())
    client.close()


def test_the_simulated_desk_does_what_every_desk_must(trial: settling_acceptance.Trial) -> None:
    found = settling_acceptance.certify(trial)
    assert [one for one in found if one.fault] == []
    assert len(found) == len(settling_acceptance.REQUIREMENTS)


def test_a_desk_that_takes_a_repeat_for_something_new_is_found(
    trial: settling_acceptance.Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruct, numbers = SimulatedDesk.instruct, count(1)

    def careless(self: SimulatedDesk, one: Delivery) -> object:
        return instruct(self, replace(one, key=f"{one.key}-{next(numbers)}"))

    monkeypatch.setattr(SimulatedDesk, "instruct", careless)
    faults = [one.requirement for one in settling_acceptance.certify(trial) if one.fault]
    assert faults == [
        "repeating a key does nothing again and answers the same",
        "a key with other content is refused for good",
        "a withdrawal keeps out what arrives after it",
    ]
