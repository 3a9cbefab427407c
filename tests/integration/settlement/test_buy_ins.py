"""Who buys in from whom: only what is bought, and only what the custodian has."""

from __future__ import annotations

import pytest

from allocations.settlement import people, views
from oms_site.kit import clock
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.trading import D

pytestmark = pytest.mark.django_db
DAYS = ((11, 24), (11, 25), (11, 27), (11, 30), (12, 1), (12, 7))


def _age() -> None:
    """Every evening until long after the policy's days are over."""
    for month, day in DAYS:
        with story.on(month, day, 18):
            story.turn(1)


def _shown(order_id: str) -> tuple[str, str, str | None]:
    """State, next step and the day of its buy-in, as a screen says them."""
    row = story.instruction_of(order_id)
    (told,) = views.instructions_shown([row], at=clock.now())
    return told["status"], told["next_step"], told["buy_in_due"] and str(told["buy_in_due"])


def _confirm_step(order_id: str) -> str:
    (told,) = views.confirms([story.confirm_of(order_id)])
    return str(told["next_step"])


def test_our_own_failing_sale_only_ages(outside: Outside) -> None:
    order_id = story.traded("alpha-stuck", side="sell", limit_price=D("99.1"))
    story.turn()
    _age()
    with story.on(12, 7, 19):
        row = story.instruction_of(order_id)
        assert (row.status, row.buy_in_on, row.ask, row.was_sent) == ("failed", None, "", True)
        assert _shown(order_id) == ("failed", "Deliver: the other side waits for it.", None)
        (told,) = views.instructions_shown([row], at=clock.now())
        assert told["days_failed"] == 13


@pytest.mark.parametrize(
    ("account", "step"),
    [
        ("alpha-net", "Affirm or resend: it was never instructed."),
        ("alpha-nossi", "Add a standing instruction, then resend it."),
        ("alpha-hold", "Resend: the custodian would not take it."),
    ],
)
def test_what_the_custodian_never_took_is_never_bought_in(
    outside: Outside, account: str, step: str
) -> None:
    order_id = story.traded(account)
    story.turn(3)
    _age()
    with story.on(12, 7, 19):
        row = story.instruction_of(order_id)
        assert (row.status, row.buy_in_on, row.ref) == ("failed", None, "")
        assert _shown(order_id) == ("failed", step, None)
        assert "settlement_buy_in" not in story.events(order_id)


def test_what_was_instructed_late_is_borne_from_the_day_it_was(outside: Outside) -> None:
    story.policy(trade_affirmation="person")
    order_id = story.traded("alpha-stuck")
    story.turn()
    _age()
    assert story.instruction_of(order_id).status == "failed"
    with story.on(12, 8):
        people.affirm(story.confirm_of(order_id).id, by=trading.person("alpha_ops"), at=clock.now())
        story.turn()
        # Long after its day, but the other side hears of it only now.
        assert _shown(order_id) == (
            "failed",
            "Chase the other side; bought in on 2026-12-14.",
            "2026-12-14",
        )
    with story.on(12, 11, 18):
        story.turn()
        assert story.instruction_of(order_id).status == "failed"
    with story.on(12, 14):
        story.turn()
        assert story.instruction_of(order_id).status == "bought_in"


def test_what_waits_for_a_standing_instruction_says_so_before_its_day(outside: Outside) -> None:
    order_id = story.traded("alpha-nossi")
    story.turn(3)
    assert _shown(order_id)[:2] == ("pending", "Add a standing instruction, then resend it.")
    step = "Add a standing instruction, then resend the settlement."
    assert _confirm_step(order_id) == step


def test_a_refused_instruction_is_what_its_confirmation_waits_for(outside: Outside) -> None:
    order_id = story.traded("alpha-hold")
    story.turn(3)
    assert _confirm_step(order_id) == "Resend the settlement: the custodian would not take it."


def test_what_settles_by_itself_needs_nothing(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    assert _confirm_step(order_id) == "Nothing: it settles."
    assert _shown(order_id)[:2] == ("instructed", "Wait for its day.")
