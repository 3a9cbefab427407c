"""Whatever becomes of trades, each settles exactly once or is visibly open; sums are the facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocations import accounts, adapters, holdings
from allocations.models import BookingLeg, SettlementInstruction, TradeConfirm
from allocations.settlement import people
from oms_site.kit import clock
from tests import effort, trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.trading import D

pytestmark = pytest.mark.django_db
ACCOUNTS = ("alpha-002", "alpha-late", "alpha-part", "alpha-stuck", "alpha-twice", "alpha-px")
STEPS = st.lists(
    st.sampled_from(("trade", "bust", "correct", "turn", "down", "up", "dispute", "day")),
    min_size=4,
    max_size=14,
)
DAYS = ((11, 23), (11, 24), (11, 25), (11, 27), (11, 30), (12, 1), (12, 2), (12, 3))


@pytest.fixture
def outside(sandbox: datetime, tmp_path: Path, settings: Any) -> Iterator[Outside]:
    settings.OUTSIDE_DIR = tmp_path
    world = Outside(tmp_path)
    yield world
    adapters.close()
    world.stop()


class Play:
    """One made-up history; orders are only made on the first day, when prices are fresh."""

    def __init__(self, outside: Outside, account: str) -> None:
        self.outside, self.account = outside, account
        known = accounts.find_account("alpha", account)
        assert known is not None
        # The others have nothing to say; they are asked in the end.
        self.custodians = (known.custodian_id,)
        self.orders: list[str] = []
        self.day = 0

    def do(self, step: str) -> None:
        with story.on(*DAYS[self.day]):
            getattr(self, step)()

    def trade(self) -> None:
        if not self.day:
            self.orders.append(story.traded(self.account))

    def bust(self) -> None:
        if self.orders:
            story.bust(self.orders.pop())

    def correct(self) -> None:
        if self.orders:
            story.correct(self.orders[-1], px="98.5")

    def turn(self, times: int = 1) -> None:
        story.turn(times, custodians=self.custodians)

    def down(self) -> None:
        self.outside.fault(mode="down", desk="settlement")

    def up(self) -> None:
        self.outside.fault(mode="normal", desk="settlement")

    def dispute(self) -> None:
        for row in TradeConfirm.objects.filter(status="mismatched").order_by("id"):
            people.dispute(row.id, text="no", by=trading.person("alpha_ops"), at=clock.now())

    def day_(self) -> None:
        self.day = min(self.day + 1, 2)


def check(account: str) -> None:
    """What holds at every moment."""
    money = qty = D(0)
    for row in SettlementInstruction.objects.order_by("id"):
        facts = list(row.facts.order_by("cash_sequence"))
        assert sum((abs(one.qty) for one in facts), D(0)) == row.settled_qty <= row.qty
        assert sum((abs(one.cash) for one in facts), D(0)) == row.settled_money
        assert (row.status == "settled") == (row.settled_qty == row.qty)
        money += sum((one.cash for one in facts), D(0))
        qty += sum((one.qty for one in facts), D(0))
    held = holdings.cash([account]).get((account, "USD"))
    assert (held.settled if held else D(0)) == money
    assert sum(holdings.settled_positions([account]).values(), D(0)) == qty


def ended(play: Play) -> None:
    """In the end everything has settled once, or was taken back to nothing."""
    play.up()
    for n in range(len(DAYS)):
        for hour in (11, 12, 18):
            with story.on(*DAYS[n], hour):
                play.dispute()
                play.turn(2)
                check(play.account)
    with story.on(*DAYS[-1], 20):
        story.turn(1)
        check(play.account)
        held = holdings.cash([play.account]).get((play.account, "USD"))
        if held is not None:
            assert held.settled == held.traded
    rows = SettlementInstruction.objects.order_by("id")
    assert {str(row.status) for row in rows} <= {"settled", "canceled"}
    legs = BookingLeg.objects.filter(status="booked", reverses=None).order_by("id")
    undone = set(BookingLeg.objects.exclude(reverses=None).values_list("reverses_id", flat=True))
    for leg in legs:
        live = leg.confirms.exclude(status="canceled").count()
        assert live == (0 if leg.id in undone else 1)
    theirs = {one.reference: one.qty for one in story.theirs(play.outside).values()}
    ours = {one.reference: abs(one.qty) for row in rows for one in row.facts.order_by("id")}
    assert ours.items() <= theirs.items()


@settings(
    max_examples=effort.examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(account=st.sampled_from(ACCOUNTS), steps=STEPS)
def test_every_leg_settles_exactly_once_or_is_visibly_open(
    outside: Outside, account: str, steps: list[str]
) -> None:
    with trading.for_this_example():
        play = Play(outside, account)
        for step in ("trade", *steps):
            play.do("day_" if step == "day" else step)
            check(account)
        ended(play)
