"""Two people and two workers at the same confirmation: one wins, nothing is made twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from allocations import adapters
from allocations.models import SettlementFact, SettlementInstruction, TradeConfirm
from allocations.settlement import mailbox, making, people, rounds
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from tests import trading
from tests.integration.allocations.outside import CUSTODIANS, Outside
from tests.integration.settlement import story
from tests.races.racing import race, same

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outside(committed_sandbox: datetime, tmp_path: Path, settings: Any) -> Iterator[Outside]:
    settings.OUTSIDE_DIR = tmp_path
    world = Outside(tmp_path)
    yield world
    adapters.close()
    world.stop()


def affirm(name: str, confirm_id: str) -> str:
    try:
        people.affirm(confirm_id, by=trading.person(name), at=clock.now())
    except OmsError as error:
        return error.code
    return "affirmed"


def test_two_people_affirm_and_one_does(outside: Outside) -> None:
    story.policy(trade_affirmation="person")
    order_id = story.traded()
    story.turn()
    confirm_id = story.confirm_of(order_id).id
    outcomes = race(
        partial(affirm, "alpha_ops", confirm_id), partial(affirm, "alpha_admin", confirm_id)
    )
    assert sorted(outcomes) == ["affirmed", "already_affirmed"]
    assert story.events(order_id).count("confirm_affirm") == 1
    story.turn()
    assert story.events(order_id).count("settlement_accept") == 1


def test_an_affirmer_and_a_disputer_leave_one_answer(outside: Outside) -> None:
    story.policy(trade_affirmation="person")
    order_id = story.traded()
    story.turn()
    confirm_id = story.confirm_of(order_id).id

    def dispute() -> str:
        people.dispute(confirm_id, text="no", by=trading.person("alpha_admin"), at=clock.now())
        return "disputed"

    outcomes = race(partial(affirm, "alpha_ops", confirm_id), dispute)
    confirm, row = story.confirm_of(order_id), story.instruction_of(order_id)
    # Whoever came second: a dispute holds what was affirmed, and what is disputed is not affirmed.
    assert outcomes[1] == "disputed"
    assert (confirm.status, row.ask) == ("disputed", "")


def test_many_workers_make_one_confirmation_and_one_instruction(outside: Outside) -> None:
    orders = [story.traded(account) for account in ("alpha-002", "alpha-003", "alpha-004")]
    race(*same(making.drain, 4))
    assert TradeConfirm.objects.count() == SettlementInstruction.objects.count() == len(orders)


def test_many_workers_count_a_settlement_once(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    with story.on(11, 24):
        race(*(partial(mailbox.poll, one) for one in CUSTODIANS for _ in range(2)))
        assert SettlementFact.objects.count() == 1
        assert story.instruction_of(order_id).status == "settled"
    assert Event.objects.filter(event_type="settlement_settle").count() == 1


def test_all_of_it_at_once_ends_with_everything_settled(outside: Outside) -> None:
    orders = [story.traded(account) for account in ("alpha-002", "alpha-003", "alpha-004")]
    with story.on(11, 24):
        for _ in range(3):
            race(*same(rounds.run, 3))
        rounds.run()
        assert {story.instruction_of(one).status for one in orders} == {"settled"}
    assert SettlementFact.objects.count() == len(orders)
