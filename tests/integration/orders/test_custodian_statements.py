"""What custodians say accounts have, against our books: to the cent, and without a false alarm.

Trades are really booked and settled, deposits really told, at the simulator on a real port.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db.models import QuerySet

from allocations import booking, notices
from allocations.custodians.port import Booked, CustodianBooking, CustodianStatement, Refused
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.custodians.simulator import notices as told_there
from allocations.holdings import transactions
from allocations.holdings.transactions import Ask
from allocations.models import BookingLeg, Movement, MovementNotice
from oms_site.kit import clock
from orders import breaks, reconciliation
from orders.models import Adjustment, Break, Reconciliation
from orders.reconciling import custodian
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside
from tests.trading import D
from venues import drop_copy
from venues.drop_copy import DropCopy, DropCopyUnsupported

__all__ = ["outside"]  # a fixture
HOUSE = "cust_lpl"  # of ALPHA-002
CODE = "ALPHA-002"


@pytest.fixture(autouse=True)
def silent_venues(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Venues have nothing to do with this."""

    def ask(venue_id: str) -> DropCopy:
        raise DropCopyUnsupported(venue_id)

    for kind in list(drop_copy.PORTS):
        monkeypatch.setitem(drop_copy.PORTS, kind, ask)


def moved(kind: str, amount: str, *, account: str = "alpha-002", **more: Any) -> str:
    """Cash that people move; who checks agrees where that is needed."""
    ask = Ask(kind=kind, account_id=account, amount=D(amount), reason="a test", **more)
    made = transactions.submit(ask, by=trading.person("alpha_ops"), at=clock.now()).row
    if transactions.needs_checker(made):
        checker = trading.person("alpha_compliance")
        transactions.decide(made.id, approve=True, annotation="", by=checker, at=clock.now())
    return made.id


def says(outside: Outside, **wrong: Any) -> None:
    """Make a custodian state something else; nothing of it makes it right again."""
    body = {"custodian": HOUSE, **wrong}
    assert httpx.post(f"{outside.url}/faults/statement", json=body).status_code == 200


def compared() -> dict[str, Reconciliation]:
    """The outcome of each part of one custodian's answer."""
    made = reconciliation.run("intraday")
    return {row.kind: row for row in made if row.party == HOUSE}


def outcomes() -> dict[str, str]:
    return {kind: str(row.outcome) for kind, row in compared().items()}


def opened() -> QuerySet[Break]:
    """The breaks of comparing: a trade that was taken back opens some of its own."""
    return Break.objects.exclude(kind__in=("bust", "late_fill")).order_by("id")


def found() -> dict[str, str]:
    return {row.kind: row.key for row in opened().filter(closed_at=None)}


CLEAN = {"custodian": "clean", "settled": "clean", "cash": "clean"}


@pytest.fixture
def settled(outside: Outside) -> Iterator[datetime]:
    """Money in two currencies, a purchase, a sale and a bust; all has settled the day after."""
    moved("deposit", "5000")
    moved("deposit", "300.33", currency="EUR")
    moved("withdrawal", "100.01")
    moved("transfer", "50", to_account_id="alpha-005")  # of the same custodian
    moved("deposit", "77", account="alpha-files")
    story.traded(qty=3000)
    story.traded(qty=1000, side="sell", limit_price=D(99))
    gone = story.traded(qty=2000)
    story.bust(gone)
    story.turn()
    with story.on(11, 24, 11):
        story.turn(4)
        assert Movement.objects.filter(kind="deposit").count() == 3
        yield clock.now()


def test_clean_data_is_clean_after_real_trades_have_settled(
    settled: datetime, outside: Outside
) -> None:
    assert outcomes() == CLEAN
    assert found() == {}
    row = Reconciliation.objects.filter(party=HOUSE, kind="cash").latest("id")
    assert (row.compared, row.note) == (3, "")  # ALPHA-002 in two currencies, ALPHA-005 in one
    held = SimulatedCustodian(f"{outside.url}/{HOUSE}")
    made = held.statement(as_of=date(2026, 11, 24))
    held.close()
    (position,) = made.positions
    assert (position.qty, position.settled_qty) == (D(2000), D(2000))
    assert made.cash is not None
    assert {(one.account, one.currency) for one in made.cash} == {
        (CODE, "USD"),
        (CODE, "EUR"),
        ("ALPHA-005", "USD"),
    }
    assert all(one.settled == one.traded for one in made.cash)


def test_clean_data_is_clean_before_it_has_settled(outside: Outside) -> None:
    moved("deposit", "5000")
    story.traded(qty=3000)
    story.turn()
    assert outcomes() == CLEAN
    assert found() == {}


@pytest.mark.parametrize(
    ("wrong", "kind", "about", "differs"),
    [
        ({"cash": {"ALPHA-002/USD": "0.01"}}, "cash_differs", "USD", ["settled", "traded"]),
        ({"left_out": ["ALPHA-002/EUR"]}, "cash_not_there", "EUR", ["settled", "traded"]),
        ({"cash": {"ALPHA-002/GBP": "1"}}, "cash_not_here", "GBP", ["settled", "traded"]),
        (
            {"settled": {f"ALPHA-002/{trading.BOND}": "-1000"}},
            "settled_differs",
            trading.BOND,
            ["settled_qty"],
        ),
    ],
)
def test_what_a_custodian_has_otherwise_is_found_and_nothing_else(
    settled: datetime,
    outside: Outside,
    wrong: dict[str, Any],
    kind: str,
    about: str,
    differs: list[str],
) -> None:
    says(outside, **wrong)
    part = "settled" if kind == "settled_differs" else "cash"
    assert outcomes() == {**CLEAN, part: "breaks"}
    assert found() == {kind: f"{HOUSE}/{CODE}/{about}"}
    row = opened().get()
    assert (row.organization_id, row.evidence["differs"]) == ("alpha", differs)
    assert row.evidence["as_of"] == "2026-11-24"
    assert datetime.fromisoformat(row.evidence["stated_at"]).tzinfo is not None
    # Looking again opens nothing twice, and once they have mended it nothing is found.
    compared()
    assert opened().count() == 1
    says(outside)
    assert outcomes() == CLEAN


def test_a_break_of_money_is_closed_by_two_people_like_any_other(
    settled: datetime, outside: Outside
) -> None:
    says(outside, cash={"ALPHA-002/USD": "0.01"})
    compared()
    row, at = opened().get(), clock.now()
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    breaks.propose(row.id, reason_code="their_error", text="A cent.", by=ops, at=at)
    breaks.decide(row.id, agree=True, by=admin, at=at)
    entry = Adjustment.objects.get()
    assert entry.evidence["ours"] != entry.evidence["theirs"]


def test_what_was_our_error_is_clean_after_its_correction(
    settled: datetime, outside: Outside
) -> None:
    """A correction brings our books to what the custodian has: it is told of none."""
    says(outside, cash={"ALPHA-002/USD": "0.01"})
    assert outcomes()["cash"] == "breaks"
    moved("correction", "0.01")
    assert not MovementNotice.objects.filter(custodian_id=HOUSE).exclude(due_at=None).exists()
    assert outcomes() == CLEAN


def test_who_does_not_say_what_money_there_is_is_not_checked(
    settled: datetime, outside: Outside
) -> None:
    says(outside, says_cash=False)
    assert outcomes() == {**CLEAN, "cash": "not_checked"}
    row = Reconciliation.objects.filter(party=HOUSE, kind="cash").latest("id")
    assert (row.compared, row.note) == (
        0,
        "not_told: the custodian does not say what money there is",
    )
    says(outside, says_settled=False)
    assert outcomes() == {**CLEAN, "settled": "not_checked"}
    assert found() == {}


def test_a_custodian_that_does_not_answer_is_not_checked_in_any_part(outside: Outside) -> None:
    outside.fault(mode="down", custodian=HOUSE)
    assert outcomes() == dict.fromkeys(CLEAN, "not_checked")


def test_the_custodian_of_files_states_its_money_too(settled: datetime, outside: Outside) -> None:
    assert MovementNotice.objects.get(custodian_id="cust_northern").answered_at is None
    notices.turn("cust_northern")
    made = {row.kind: row for row in reconciliation.run("close") if row.party == "cust_northern"}
    assert {kind: str(row.outcome) for kind, row in made.items()} == CLEAN
    assert made["cash"].compared == 1


# --- what they are told of -------------------------------------------------------------------
def test_a_deposit_is_told_once_under_its_own_id_and_counts_when_it_was_taken(
    outside: Outside,
) -> None:
    source = moved("deposit", "10.01")
    movement = Movement.objects.get(source_id=source)
    # It waits: the custodian cannot know of it, and nobody is missed.
    row = compared()["cash"]
    assert (str(row.outcome), row.note) == ("clean", "1 under way and left for the next time")
    outside.fault(mode="down", custodian=HOUSE)
    assert notices.turn(HOUSE) == 1
    outside.fault(mode="normal")
    with clock.frozen_at(clock.now() + timedelta(minutes=10)):
        assert notices.turn(HOUSE) == 1
        assert notices.turn(HOUSE) == 0
    there = told_there.taken(outside.directory, HOUSE)
    assert [(key, one.notice.cash) for key, one in there.items()] == [(movement.id, D("10.01"))]
    notice = MovementNotice.objects.get()
    assert (notice.ref, notice.attempts) == (there[movement.id].ref, 2)
    assert outcomes() == CLEAN


def test_an_answer_that_was_lost_is_asked_for_again_and_counts_once(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved("deposit", "10.01")
    note = SimulatedCustodian.note

    def lost(self: SimulatedCustodian, one: Any) -> Booked | Refused:
        note(self, one)
        raise KeyError("the answer")

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedCustodian, "note", lost)
        notices.turn(HOUSE)
    with clock.frozen_at(clock.now() + timedelta(minutes=10)):
        notices.turn(HOUSE)
        assert outcomes() == CLEAN
    assert len(told_there.taken(outside.directory, HOUSE)) == 1


def test_a_deposit_that_the_custodian_will_not_take_is_a_break(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved("deposit", "10.01")
    refusal = Refused("ACCOUNT_CLOSED", "no such account")
    monkeypatch.setattr(SimulatedCustodian, "note", lambda self, one: refusal)
    notices.turn(HOUSE)
    assert MovementNotice.objects.get().code == "ACCOUNT_CLOSED"
    assert outcomes() == {**CLEAN, "cash": "breaks"}
    assert found() == {"cash_not_there": f"{HOUSE}/{CODE}/USD"}


def test_trades_corrections_and_suspense_are_told_to_nobody(outside: Outside) -> None:
    story.traded(qty=1000)
    moved("correction", "1")
    moved("deposit", "5", account="suspense")
    assert not MovementNotice.objects.exists()


# --- timing ----------------------------------------------------------------------------------
def test_what_settles_while_the_custodian_answers_is_no_difference(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.traded(qty=3000)
    story.turn()
    statement = SimulatedCustodian.statement

    def slow(self: SimulatedCustodian, *, as_of: date) -> CustodianStatement:
        made = statement(self, as_of=as_of)
        story.turn()
        return made

    with story.on(11, 24, 11):
        monkeypatch.setattr(SimulatedCustodian, "statement", slow)
        assert outcomes() == CLEAN
        monkeypatch.setattr(SimulatedCustodian, "statement", statement)
        assert outcomes() == CLEAN
    assert found() == {}


def test_what_they_have_settled_and_not_told_us_yet_is_no_difference(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.traded(qty=3000)
    story.turn()
    with story.on(11, 24, 11):
        # Somebody has asked it and the answer was lost: it has settled, and we have not heard.
        asked = SimulatedCustodian(f"{outside.url}/{HOUSE}")
        asked.ask("GET", "messages", params={"after": "0", "now": clock.now().isoformat()})
        asked.close()
        made = compared()
        assert {kind: str(row.outcome) for kind, row in made.items()} == CLEAN
        assert made["settled"].note == "1 under way and left for the next time"
        story.turn()
        assert outcomes() == CLEAN
        assert compared()["settled"].note == ""


def test_what_is_booked_while_the_custodian_answers_is_no_difference(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    bookings = SimulatedCustodian.bookings

    def slow(self: SimulatedCustodian, **about: Any) -> list[CustodianBooking]:
        found = bookings(self, **about)
        story.book()
        return found

    monkeypatch.setattr(SimulatedCustodian, "bookings", slow)
    with clock.frozen_at(clock.now() + timedelta(minutes=5)):
        assert outcomes() == CLEAN
    assert BookingLeg.objects.get().status == "booked"
    booking.drain()


# --- which trade dates -----------------------------------------------------------------------
def test_bookings_are_compared_for_every_trade_date_that_can_still_change(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.RECONCILE_TRADE_DAYS = 0
    story.traded(qty=3000)
    stuck = story.traded("alpha-stuck", qty=1000)
    story.turn()
    with story.on(11, 25, 11):
        story.turn(4)
        asked: list[date] = []
        bookings = SimulatedCustodian.bookings

        def another(self: SimulatedCustodian, **about: Any) -> list[CustodianBooking]:
            asked.extend(about["trade_dates"])
            return [row for row in bookings(self, **about) if row.account != "ALPHA-STUCK"]

        monkeypatch.setattr(SimulatedCustodian, "bookings", another)
        # The one has settled, two days ago; the other is stuck, and somebody struck it out there.
        day = date(2026, 11, 25)
        assert custodian.window(HOUSE, day=day, look_back=0) == [day]
        trade_day = date(2026, 11, 23)
        assert custodian.window("cust_bny", day=day, look_back=0) == [trade_day, day]
        assert custodian.window(HOUSE, day=day, look_back=2) == [trade_day, date(2026, 11, 24), day]
        reconciliation.run("intraday")
        assert trade_day in asked
    leg = BookingLeg.objects.get(allocation__order_id=stuck)
    assert found() == {"booking_not_there": f"cust_bny/{leg.id}"}


def test_what_is_older_and_has_settled_is_looked_at_as_far_back_as_it_is_set(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    story.traded(qty=3000)
    story.turn()
    monkeypatch.setattr(SimulatedCustodian, "bookings", lambda self, **about: [])
    with story.on(11, 25, 11):
        story.turn(4)
        settings.RECONCILE_TRADE_DAYS = 1
        assert outcomes() == CLEAN
        settings.RECONCILE_TRADE_DAYS = 2
        assert outcomes() == {**CLEAN, "custodian": "breaks"}
