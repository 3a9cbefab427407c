"""A schedule's share of the market: by the tape, never above its cap, never silently otherwise."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms_site.journal.models import Event
from oms_site.kit import clock
from orders.schedules import commands, sending
from tests import scheduling, trading
from tests.market import Printer, Venue, clean_shelf
from tests.scheduling import at, fill, sent, slices, staged, started, statuses
from venues.market_data.shelf import shelf, tape_shelf

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


@pytest.fixture
def tape() -> Printer:
    made = Printer(trading.VENUE)
    made.begin()
    return made


def bodies(order_id: str, name: str) -> list[dict[str, Any]]:
    found = Event.objects.filter(order_id=order_id, event_type=name).order_by("pk")
    return [json.loads(one.body)["event"] for one in found]


def capped(percent: int = 10, **more: Any) -> str:
    order_id = staged()
    started(order_id, max_participation=D(percent), **more)
    return order_id


def run(minutes: float, *tapes: Printer) -> int:
    """Let the drain look at that moment, after these venues have said that they are there."""
    with at(minutes):
        for tape in tapes:
            tape.beat()
    return scheduling.run(minutes)


def trade(tape: Printer, minutes: float, size: int, **more: Any) -> None:
    with at(minutes):
        tape.trade(size, **more)


def test_a_slice_takes_its_share_of_what_has_traded_and_no_more(tape: Printer) -> None:
    order_id = capped(10)
    assert run(0, tape) == 1
    assert slices(order_id)[0].reason == "participation_cap"
    trade(tape, 0.5, 13_000)
    run(1, tape)
    assert sent(order_id) == [1_000], "of two thousand that were due"
    (told,) = bodies(order_id, "schedule_slice_send")
    assert D(str(told["volume"])) == 13_000
    assert told["volume_note"] is None
    fill(order_id, 1)


def test_what_was_counted_for_one_slice_is_not_counted_for_the_next(tape: Printer) -> None:
    order_id = capped(10)
    trade(tape, 0.5, 13_000)
    run(1, tape)
    fill(order_id, 1)
    run(2, tape)
    assert slices(order_id)[2].reason == "participation_cap"
    trade(tape, 2.2, 12_000)
    run(3, tape)
    assert sent(order_id) == [1_000, 1_000]


def test_a_slice_that_was_skipped_leaves_its_volume_to_the_next(tape: Printer) -> None:
    order_id = capped(10)
    run(0, tape)
    for minutes in (0.5, 1.5):
        trade(tape, minutes, 6_000)
        run(minutes + 0.5, tape)
    assert [one.reason for one in slices(order_id)[:2]] == ["participation_cap"] * 2
    assert sent(order_id) == [1_000]


def test_what_a_venue_tells_late_is_counted_for_the_next_slice(tape: Printer) -> None:
    order_id = capped(10)
    trade(tape, 0.5, 10_000)
    with at(0.99):
        late = tape.trade(20_000, lost=True)
        run(1)
    assert sent(order_id) == [1_000]
    fill(order_id, 1)
    with at(1.01):
        tape._update(late)
    run(2, tape)
    assert sent(order_id) == [1_000, 2_000]


@pytest.mark.parametrize("seed", range(5))
def test_all_that_was_sent_is_never_above_the_cap_of_all_that_has_traded(
    tape: Printer, seed: int
) -> None:
    dice = random.Random(seed)
    percent = dice.choice((5, 10, 25))
    order_id = staged(qty=D(60_000))
    started(order_id, max_participation=D(percent), minutes=30, slices=30, max_slice=D(20_000))
    for step in range(1, 300):
        minutes = step / 10
        for _ in range(dice.randrange(3)):
            trade(tape, minutes, dice.randrange(1, 40) * 100, lost=dice.random() < 0.1)
        if dice.random() < 0.2:
            with at(minutes):
                tape.begin()
        if dice.random() < 0.15:
            tape_shelf.forget()  # as a process that has just started
        run(minutes, tape)
        ours = sum(sent(order_id))
        assert ours * 100 <= percent * tape.volume
        if dice.random() < 0.7:
            for child in scheduling.working(order_id):
                # Our own fills are on the tape too, as everybody's.
                trade(tape, minutes, int(child.leaves_qty))
            fill(order_id, minutes)
    assert sum(sent(order_id)) > 5_000
    trading.check_tree(order_id)


def test_a_tape_with_a_gap_does_not_count_and_the_slice_says_what_was_taken_instead(
    tape: Printer,
) -> None:
    venue = Venue(trading.VENUE)
    order_id = capped(1)
    trade(tape, 0.2, 500_000)
    trade(tape, 0.3, 500_000, lost=True)
    trade(tape, 0.4, 500_000)
    with at(1):
        venue.begin()
    run(1)
    assert sent(order_id) == [2_000], "the most that a slice may be, of millions in the book"
    note = "share of the books, without a live tape: SIMA: trade 2 is missing"
    assert slices(order_id)[1].reason == note
    (told,) = bodies(order_id, "schedule_slice_send")
    assert (told["volume_note"], told["volume_since"]) == (note, None)
    fill(order_id, 1)
    with at(1.5):
        tape.begin()
        tape.trade(100_000)
    run(2, tape)
    assert sent(order_id) == [2_000, 1_000]
    assert slices(order_id)[2].reason == ""


def test_without_tape_and_book_nothing_is_sent() -> None:
    order_id = capped(10)
    run(0)
    assert (statuses(order_id)[0], slices(order_id)[0].reason) == ("skipped", "no_live_book")
    (told,) = bodies(order_id, "schedule_slice_skip")
    assert told["volume_note"] == "share of the books, without a live tape"


def test_only_the_venue_that_a_schedule_names_counts(tape: Printer) -> None:
    other = Printer("SIMB")
    other.begin()
    order_id = capped(10)
    trade(tape, 0.5, 10_000)
    trade(other, 0.5, 90_000)
    run(1, tape, other)
    assert sent(order_id) == [1_000]
    free = staged()
    with at(1):
        started(free, max_participation=D(1), venue_id="")
    trade(tape, 1.5, 40_000)
    trade(other, 1.5, 90_000)
    run(2, tape, other)
    (told,) = bodies(free, "schedule_slice_send")
    assert D(str(told["volume"])) == 130_000


def test_a_process_that_starts_in_the_middle_sends_no_slice_twice_and_counts_on(
    tape: Printer,
) -> None:
    order_id = capped(10)
    trade(tape, 0.5, 13_000)
    run(1, tape)
    fill(order_id, 1)
    tape_shelf.forget()
    shelf.forget()
    # The gateway has begun anew too: its tape is the venue's snapshot.
    again = Printer(trading.VENUE)
    again.seq, again.stand = tape.seq, list(tape.stand)
    with at(1.1):
        again.begin()
    assert (run(1.1), run(1.2)) == (0, 0)
    trade(again, 1.5, 10_000)
    run(2, again)
    assert sent(order_id) == [1_000, 1_000]
    assert len(scheduling.execution_orders(order_id)) == 2


def test_a_schedule_that_breaks_its_page_leaves_the_others_their_tape(
    tape: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = capped(10), capped(10)
    trade(tape, 0.5, 13_000)
    look = sending._look

    def fail(turn: Any, one: Any, book: Any) -> None:
        if one.order.id == odd:
            # A page of many takes longer than what was looked at is known.
            tape_shelf.forget()
            shelf.forget()
            raise ValueError("odd")
        look(turn, one, book)

    monkeypatch.setattr(sending, "_look", fail)
    run(1, tape)
    assert scheduling.now(odd).status == "paused"
    assert sent(good) == [1_000]


def test_what_cannot_have_a_second_slice_is_not_capped() -> None:
    order_id = staged(qty=D(1_000))
    asked = scheduling.asked(max_participation=D(10), slices=2)
    made = commands.start(order_id, asked, by=scheduling.trader(), at=clock.now())
    assert made.error is not None
    assert (made.error.status, made.error.details[0].field) == (422, "slices")
    assert made.error.code == "participation_needs_slices"


def test_capped_schedules_cost_as_many_queries_as_one(tape: Printer) -> None:
    def queries(n: int, minutes: float) -> int:
        for k in range(n):
            with at(minutes):
                started(staged(client_order_id=f"p{n}-{k}"), max_participation=D(10))
        with CaptureQueriesContext(connection) as seen:
            assert run(minutes) == n
        return len(seen)

    queries(1, 0)  # reference data is in memory from here on
    few, many = queries(2, 0.01), queries(9, 0.02)
    assert many == few
