"""Busts and corrections after a trade was affirmed, instructed, or has settled in part or whole."""

from __future__ import annotations

import pytest

from allocations import holdings
from allocations.models import SettlementInstruction, TradeConfirm
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.trading import D

pytestmark = pytest.mark.django_db


def states(order_id: str) -> list[tuple[str, str, D, D]]:
    """Side, status, quantity and what settled of every instruction, oldest first."""
    rows = SettlementInstruction.objects.filter(order_id=order_id).order_by("id")
    return [(row.side, str(row.status), row.qty, row.settled_qty) for row in rows]


def confirms(order_id: str) -> list[tuple[str, str]]:
    rows = TradeConfirm.objects.filter(order_id=order_id).order_by("id")
    return [(row.side, str(row.status)) for row in rows]


def square(account: str) -> None:
    """Nothing is left of what was traded and nothing of what changed hands."""
    money = holdings.cash([account])[account, "USD"]
    assert (money.traded, money.settled) == (D(0), D(0))
    assert set(holdings.settled_positions([account]).values()) <= {D(0)}


def test_a_bust_before_it_was_affirmed_cancels_both_on_paper(outside: Outside) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    story.bust(order_id)
    story.turn()
    assert confirms(order_id) == [("buy", "canceled")]
    assert states(order_id) == [("buy", "canceled", D(1000), D(0))]
    assert "settlement_sent" not in story.events(order_id)


def test_a_bust_after_it_was_instructed_withdraws_it_at_the_custodian(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    story.bust(order_id)
    story.turn(3)
    assert confirms(order_id) == [("buy", "canceled")]
    assert states(order_id) == [("buy", "canceled", D(1000), D(0))]
    with story.on(11, 24):
        story.turn()
        square("alpha-002")
    assert story.theirs(outside) == {}


def test_a_bust_after_it_settled_sends_back_what_changed_hands(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    with story.on(11, 24):
        story.turn()
        story.bust(order_id)
        story.turn(3)
        assert states(order_id) == [
            ("buy", "settled", D(1000), D(1000)),
            ("sell", "settled", D(1000), D(1000)),
        ]
        square("alpha-002")
    assert confirms(order_id) == [("buy", "canceled"), ("sell", "affirmed")]
    assert len(story.theirs(outside)) == 2


def test_a_bust_between_two_parts_sends_back_the_part(outside: Outside) -> None:
    order_id = story.traded("alpha-part", qty=3000)
    story.turn()
    with story.on(11, 24):
        story.turn()
        story.bust(order_id)
        story.turn(2)
        assert states(order_id) == [("buy", "canceled", D(3000), D(1500))]
    with story.on(11, 24, 11):
        story.turn(3)
        assert states(order_id)[1][:3] == ("sell", "failed", D(1500))
    with story.on(11, 25):
        story.turn(2)
        assert states(order_id)[1] == ("sell", "settled", D(1500), D(1500))
        square("alpha-part")


def test_a_correction_after_affirmation_confirms_and_instructs_anew(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    first = story.confirm_of(order_id)
    story.correct(order_id, px="98.5")
    story.turn(4)
    second = story.confirm_of(order_id)
    assert (first.price, second.price) == (D("99.4"), D("98.5"))
    assert confirms(order_id) == [("buy", "canceled"), ("buy", "affirmed")]
    assert [state[1] for state in states(order_id)] == ["canceled", "instructed"]
    with story.on(11, 24):
        story.turn()
        money = holdings.cash(["alpha-002"])["alpha-002", "USD"]
        assert money.settled == money.traded == -second.net_money
    assert len(story.theirs(outside)) == 1


def test_a_bust_while_the_desk_is_down_waits_for_its_word(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    outside.fault(mode="down", desk="settlement")
    story.bust(order_id)
    story.turn()
    row = SettlementInstruction.objects.get(order_id=order_id)
    assert (row.status, row.ask) == ("instructed", "cancel")
    outside.fault(mode="normal", desk="settlement")
    with story.on(11, 23, 11):
        story.turn()
    assert states(order_id) == [("buy", "canceled", D(1000), D(0))]
