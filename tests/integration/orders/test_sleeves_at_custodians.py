"""Sleeves trade by themselves; their custodian knows one account, and no difference comes of it.

Trades are really booked and settled at the simulator on a real port, and compared as beat does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from allocations import notices
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.models import (
    BookingLeg,
    Movement,
    MovementNotice,
    SettlementFact,
    StandingInstruction,
)
from allocations.settlement import standing
from oms_site.firm import generation
from oms_site.kit import clock
from orders.books import custodian_accounts, holdings, money, settling
from orders.books.verdicts import Run
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.orders.test_custodian_statements import (
    CLEAN,
    HOUSE,
    found,
    moved,
    opened,
    outcomes,
    says,
    silent_venues,
)
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside
from tests.trading import D

__all__ = ["outside", "silent_venues"]  # fixtures
CODE = "ALPHA-WHOLE"
PARTS = ("alpha-whole", "alpha-core", "alpha-income")


def block(*parts: tuple[str, int]) -> str:
    """A filled block for these accounts, split and booked; its order's id."""
    asked = AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in parts),
    )
    whole = sum(qty for _, qty in parts)
    child = trading.routed(account_id=None, allocation=asked, qty=D(whole))
    trading.receive(trading.fill(child, whole, cum=whole))
    story.book()
    return child.order_id


@pytest.fixture
def settled(outside: Outside) -> Iterator[datetime]:
    """All three parts have money and trades, one was taken back; all has settled a day later."""
    for name in PARTS:
        moved("deposit", "5000", account=name)
    moved("deposit", "300.33", currency="EUR", account="alpha-core")
    moved("withdrawal", "100.01", account="alpha-income")
    story.traded("alpha-core", qty=3000)
    story.traded("alpha-core", qty=1000, side="sell", limit_price=D(99))
    block(("alpha-core", 1000), ("alpha-income", 1000), ("alpha-005", 2000))
    story.traded("alpha-whole", qty=1000)
    story.bust(story.traded("alpha-income", qty=2000))
    moved("transfer", "70", account="alpha-core", to_account_id="alpha-income")
    story.turn()
    with story.on(11, 24, 11):
        story.turn(4)
        yield clock.now()


def test_the_custodian_hears_of_one_account_and_which_sleeve_it_is_for(outside: Outside) -> None:
    story.traded("alpha-core")
    story.traded("alpha-whole")
    legs = {one.id: one for one in BookingLeg.objects.order_by("id")}
    there = outside.booked()
    assert {there[key].instruction.account for key in legs} == {CODE}
    own = BookingLeg.objects.filter(account_allocation__account="alpha-core").get()
    assert own.status == "booked"


def test_what_is_told_of_a_sleeve_names_it_and_of_a_whole_says_nothing(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    book = SimulatedCustodian.book

    def heard(self: SimulatedCustodian, one: Any) -> Any:
        told.append(one.told())
        return book(self, one)

    monkeypatch.setattr(SimulatedCustodian, "book", heard)
    story.traded("alpha-core")
    story.traded("alpha-whole")
    assert [(one["account"], one.get("sleeve")) for one in told] == [
        (CODE, "ALPHA-CORE"),
        (CODE, None),
    ]


def test_sleeves_and_their_whole_together_are_what_the_custodian_has(
    settled: datetime, outside: Outside
) -> None:
    assert outcomes() == CLEAN
    assert found() == {}
    hands = SettlementFact.objects.exclude(account_id="alpha-005")
    assert set(hands.values_list("account_id", flat=True)) == set(PARTS)


def test_sleeves_that_have_not_settled_yet_open_no_break(outside: Outside) -> None:
    for name in PARTS:
        moved("deposit", "500", account=name)
        story.traded(name)
    story.turn()
    assert outcomes() == CLEAN
    assert found() == {}


@pytest.mark.parametrize(
    ("wrong", "part", "kind", "about"),
    [
        ({"cash": {f"{CODE}/USD": "0.01"}}, "cash", "cash_differs", "USD"),
        ({"left_out": [f"{CODE}/EUR"]}, "cash", "cash_not_there", "EUR"),
        (
            {"settled": {f"{CODE}/{trading.BOND}": "-1000"}},
            "settled",
            "settled_differs",
            trading.BOND,
        ),
    ],
)
def test_what_differs_in_the_whole_is_one_break_of_the_whole(
    settled: datetime, outside: Outside, wrong: dict[str, Any], part: str, kind: str, about: str
) -> None:
    says(outside, **wrong)
    assert outcomes() == {**CLEAN, part: "breaks"}
    assert found() == {kind: f"{HOUSE}/{CODE}/{about}"}
    assert opened().get().organization_id == "alpha"
    says(outside)
    assert outcomes() == CLEAN


def test_a_sleeve_that_a_custodian_names_is_nothing_that_it_may_know(
    settled: datetime, outside: Outside
) -> None:
    says(outside, cash={"ALPHA-CORE/USD": "1"})
    assert outcomes() == {**CLEAN, "cash": "breaks"}
    assert found() == {"cash_not_here": f"{HOUSE}/ALPHA-CORE/USD"}


def test_a_deposit_to_a_sleeve_is_told_for_the_whole(outside: Outside) -> None:
    moved("deposit", "10.01", account="alpha-core")
    notices.turn(HOUSE)
    assert outcomes() == CLEAN


@pytest.mark.parametrize(
    ("giver", "taker"),
    [("alpha-core", "alpha-income"), ("alpha-whole", "alpha-core"), ("alpha-core", "alpha-whole")],
)
def test_what_moves_within_an_account_is_told_to_nobody(
    outside: Outside, giver: str, taker: str
) -> None:
    moved("deposit", "500", account=giver)
    notices.turn(HOUSE)
    moved("transfer", "70", account=giver, to_account_id=taker)
    assert Movement.objects.filter(kind="transfer").count() == 2
    assert set(MovementNotice.objects.values_list("movement__kind", flat=True)) == {"deposit"}
    assert outcomes() == CLEAN


def test_securities_move_within_an_account_too(outside: Outside) -> None:
    story.traded("alpha-core", qty=3000)
    story.turn()
    with story.on(11, 24, 11):
        story.turn(4)
        moved(
            "transfer",
            "0",
            account="alpha-core",
            to_account_id="alpha-income",
            instrument_id=trading.BOND,
            qty=D(1000),
            cost=D(994),
        )
        assert not MovementNotice.objects.exists()
        assert outcomes() == CLEAN


def test_what_leaves_the_account_is_told_by_both_sides(outside: Outside) -> None:
    moved("deposit", "500", account="alpha-core")
    moved("transfer", "70", account="alpha-core", to_account_id="alpha-005")
    rows = MovementNotice.objects.filter(movement__kind="transfer")
    accounts = rows.values_list("movement__account_id", flat=True)
    assert sorted(accounts) == ["alpha-005", "alpha-core"]
    notices.turn(HOUSE)
    assert outcomes() == CLEAN


def test_the_books_with_sleeves_are_clean(settled: datetime, outside: Outside) -> None:
    one = Run(
        at=clock.now() + timedelta(minutes=2),
        machine_at=clock.machine_now(),
        outside=outside.directory,
    )
    rooms = (custodian_accounts, settling, holdings, money)
    tallies = {check.name: check.run(one) for room in rooms for check in room.CHECKS}
    assert tallies["custodians_agree_on_bookings"].looked_at > 4
    assert tallies["custodians_agree_on_settlements"].looked_at > 4
    assert {name: tally.first for name, tally in tallies.items() if tally.first} == {}


def test_a_sleeve_settles_where_its_whole_does_unless_it_has_its_own_place(
    outside: Outside,
) -> None:
    row = {"organization_id": "alpha", "custodian_id": HOUSE, "depository": "DTC"}
    StandingInstruction.objects.create(**row, account_id="alpha-whole", participant="1111")
    StandingInstruction.objects.create(**row, account_id="alpha-income", participant="2222")
    generation.check()
    places = [standing.find("alpha", HOUSE, name) for name in (*PARTS, "alpha-005")]
    assert [one and one.participant for one in places] == ["1111", "1111", "2222", "0901"]
    order = story.traded("alpha-core")
    story.turn()
    assert story.confirm_of(order).account_id == "alpha-core"
    assert story.confirm_of(order).status == "affirmed"
    assert story.instruction_of(order).place == "DTC/1111"
