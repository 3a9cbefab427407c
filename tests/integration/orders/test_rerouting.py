"""Moving a resting order to where it would trade: the cancel is proven first, nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, rerouting
from orders.models import ExecutionOrder, VenueOrder
from orders.models.order import ZERO
from tests import poison, trading
from tests.market import Venue, clean_shelf
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound, RoutingDecision

D = Decimal
LIMIT = D("99.25")  # a tick below the best offer of both venues
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


@pytest.fixture
def venues() -> tuple[Venue, Venue]:
    made = Venue("SIMA"), Venue("SIMB")
    for one in made:
        one.begin()
    return made


@pytest.fixture
def resting(venues: tuple[Venue, Venue]) -> Iterator[VenueOrder]:
    """3,000 to buy that rest at one venue and have done so for a while."""
    order_id = trading.submit(limit_price=LIMIT, bypass_auto_execution=True)
    asked = trading.instruction(3_000, strategy=rerouting.STRATEGY, venue_id=None)
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    assert made.error is None, made.error
    child = VenueOrder.objects.get(order_id=order_id)
    trading.receive(trading.report(child, ExecType.NEW), venue_id=child.venue_id)
    with clock.frozen_at(clock.now() + rerouting.RESTS_FOR + timedelta(seconds=1)):
        for venue in venues:
            venue.beat()
        yield VenueOrder.objects.get(pk=child.id)


def other(venues: tuple[Venue, Venue], child: VenueOrder) -> Venue:
    return next(venue for venue in venues if venue.feed.venue_id != child.venue_id)


def cheaper_elsewhere(venues: tuple[Venue, Venue], child: VenueOrder) -> Venue:
    """The other venue now offers below our limit."""
    venue = other(venues, child)
    venue.hear(venue.move(-8))
    return venue


def kinds(child_ids: list[str]) -> list[str]:
    rows = Outbound.objects.filter(cl_ord_id__in=child_ids).order_by("id")
    return list(rows.values_list("kind", flat=True))


def exposed(order_id: str) -> Decimal:
    """All that venues may still trade for us."""
    rows = VenueOrder.objects.filter(order_id=order_id)
    return sum((row.leaves_qty for row in rows), ZERO)


def canceled(child: VenueOrder, *, cum: int = 0) -> None:
    asked = VenueOrder.objects.get(pk=child.id)
    report = trading.report(
        child,
        ExecType.CANCELED,
        cl_ord_id=asked.cancel_cl_ord_id,
        orig_cl_ord_id=child.id,
        ord_status=OrdStatus.CANCELED,
        cum_qty=D(cum),
        leaves_qty=ZERO,
    )
    trading.receive(report, venue_id=child.venue_id)


def test_the_cancel_is_proven_before_anything_is_sent_elsewhere(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    better = cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    asked = VenueOrder.objects.get(pk=resting.id)
    assert (asked.pending, asked.status) == ("cancel", "new")
    assert kinds([asked.cancel_cl_ord_id]) == ["F"]
    assert VenueOrder.objects.count() == 1
    assert rerouting.sweep() == 0
    assert exposed(resting.order_id) == 3_000

    canceled(resting)
    row = ExecutionOrder.objects.get()
    assert (row.status, row.leaves_qty) == ("pending_execution", D(3_000))
    assert exposed(row.order_id) == 0
    assert rerouting.sweep() == 1
    fresh = VenueOrder.objects.exclude(pk=resting.id).get()
    assert (fresh.venue_id, fresh.qty) == (better.feed.venue_id, D(3_000))
    assert fresh.limit_price == LIMIT
    assert kinds([fresh.id]) == ["D"]
    assert exposed(row.order_id) == 3_000
    assert rerouting.sweep() == 0
    moved = RoutingDecision.objects.get(kind="reroute")
    assert f"{fresh.venue_id} should fill 3,000 at once" in moved.reason
    trading.check_tree(row.order_id)
    names = list(Event.objects.filter(order_id=row.order_id).order_by("id"))
    assert "execution_order_reroute" in [event.event_type for event in names]
    asked_event = next(e for e in names if e.event_type == "venue_cancel_request")
    assert f"{fresh.venue_id} would trade now and {resting.venue_id} does not" in asked_event.body


def test_what_filled_before_the_cancel_is_not_bought_again(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    trading.receive(trading.fill(resting, 1_000, cum=1_000), venue_id=resting.venue_id)
    canceled(resting, cum=1_000)
    assert rerouting.sweep() == 1
    fresh = VenueOrder.objects.exclude(pk=resting.id).get()
    assert fresh.qty == 2_000
    trading.check_tree(resting.order_id)


def test_a_venue_that_filled_instead_leaves_nothing_to_move(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    trading.receive(
        trading.fill(resting, 3_000, cum=3_000),
        trading.cancel_refused(resting, reason=0, text="too late"),
        venue_id=resting.venue_id,
    )
    assert rerouting.sweep() == 0
    assert trading.order(resting.order_id).status == "filled"
    assert VenueOrder.objects.count() == 1


def test_a_refused_cancel_leaves_the_order_where_it_is(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    trading.receive(trading.cancel_refused(resting), venue_id=resting.venue_id)
    child = VenueOrder.objects.get()
    assert (child.status, child.pending) == ("new", "")
    assert ExecutionOrder.objects.get().pending == ""


def test_a_person_who_stops_it_meanwhile_has_his_way(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    (answer,) = desk.cancel([resting.order_id], by=trading.person(), at=clock.now())
    assert answer.outcome == "pending"
    canceled(resting)
    assert trading.order(resting.order_id).status == "canceled"
    assert rerouting.sweep() == 0
    assert VenueOrder.objects.count() == 1


def test_a_person_may_also_stop_it_while_no_venue_has_it(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    assert rerouting.sweep() == 1
    canceled(resting)
    (answer,) = desk.cancel([resting.order_id], by=trading.person(), at=clock.now())
    assert answer.outcome == "canceled"
    assert rerouting.sweep() == 0
    assert VenueOrder.objects.count() == 1


def test_a_venue_that_cancels_unasked_is_not_taken_for_our_wish(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    cheaper_elsewhere(venues, resting)
    report = trading.report(resting, ExecType.CANCELED, ord_status=OrdStatus.CANCELED)
    trading.receive(report, venue_id=resting.venue_id)
    assert ExecutionOrder.objects.get().status == "canceled"
    assert rerouting.sweep() == 0


def test_nothing_moves_without_cause(venues: tuple[Venue, Venue], resting: VenueOrder) -> None:
    assert rerouting.sweep() == 0
    venue = other(venues, resting)
    venue.hear(venue.move(-8))
    own = next(one for one in venues if one is not venue)
    own.hear(own.move(-8))
    assert rerouting.sweep() == 0, "both would trade at the same price"


def test_a_stale_book_moves_nothing(venues: tuple[Venue, Venue], resting: VenueOrder) -> None:
    venue = cheaper_elsewhere(venues, resting)
    venue.feed.lose("the venue is not connected")
    assert rerouting.sweep() == 0
    venue.begin()
    next(one for one in venues if one is not venue).feed.lose("gone")
    assert rerouting.sweep() == 0, "of the venue that we would leave nothing is known"


def test_an_order_that_has_just_been_sent_is_left_alone(venues: tuple[Venue, Venue]) -> None:
    order_id = trading.submit(limit_price=LIMIT, bypass_auto_execution=True)
    asked = trading.instruction(3_000, strategy=rerouting.STRATEGY, venue_id=None)
    desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    child = VenueOrder.objects.get()
    trading.receive(trading.report(child, ExecType.NEW), venue_id=child.venue_id)
    cheaper_elsewhere(venues, child)
    assert rerouting.sweep() == 0


def test_a_trader_who_named_the_venue_keeps_it(venues: tuple[Venue, Venue]) -> None:
    order_id = trading.submit(limit_price=LIMIT, bypass_auto_execution=True)
    child = trading.execute(order_id, 3_000, venue_id="SIMA")
    trading.receive(trading.report(child, ExecType.NEW))
    with clock.frozen_at(clock.now() + timedelta(seconds=6)):
        cheaper_elsewhere(venues, child)
        assert rerouting.sweep() == 0


def test_flickering_markets_are_not_chased(
    venues: tuple[Venue, Venue], resting: VenueOrder
) -> None:
    def follow(child: VenueOrder, level: int) -> VenueOrder | None:
        here = next(venue for venue in venues if venue.feed.venue_id == child.venue_id)
        there = other(venues, child)
        here.hear(here.move(level))
        there.hear(there.move(-level))
        if not rerouting.sweep():
            return None
        canceled(child)
        assert rerouting.sweep() == 1
        fresh = VenueOrder.objects.exclude(status="canceled").get()
        trading.receive(trading.report(fresh, ExecType.NEW), venue_id=fresh.venue_id)
        return fresh

    child: VenueOrder | None = resting
    moves = 0
    at = clock.now()
    while child is not None and moves < 10:
        with clock.frozen_at(at + timedelta(seconds=6 * moves)):
            for venue in venues:
                venue.beat()
            child = follow(child, 8 if moves == 0 else 16)
            moves += child is not None
    assert moves == rerouting.MOST_MOVES
    trading.check_tree(resting.order_id)


@pytest.fixture
def two(venues: tuple[Venue, Venue], resting: VenueOrder) -> list[VenueOrder]:
    """Two that rest at one venue, where the other one would trade by now."""
    asked = trading.instruction(2_000, strategy=rerouting.STRATEGY, venue_id=None)
    order_id = trading.submit(limit_price=LIMIT, qty=D(2_000), bypass_auto_execution=True)
    assert desk.execute(order_id, asked, by=trading.person(), at=clock.now()).error is None
    second = VenueOrder.objects.get(order_id=order_id)
    assert second.venue_id == resting.venue_id
    trading.receive(trading.report(second, ExecType.NEW), venue_id=second.venue_id)
    cheaper_elsewhere(venues, resting)
    return [resting, second]


def _looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which ones are weighed from now on; all of them stay."""
    looked = list[str]()

    def stays(child: VenueOrder, *, at: Any) -> str:
        looked.append(child.id)
        return ""

    monkeypatch.setattr(rerouting, "_why_move", stays)
    return looked


def test_who_stays_where_it_is_keeps_nobody_from_being_looked_at(
    two: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = _looked_at(monkeypatch)
    with clock.frozen_at(clock.now() + rerouting.RESTS_FOR + timedelta(seconds=1)):
        for _ in range(3):
            rerouting.sweep(limit=1)
    assert sorted(looked[:2]) == sorted(child.id for child in two)
    assert looked[2] == looked[0]


def test_what_nobody_takes_now_keeps_nothing_else_from_being_sent_on(
    venues: tuple[Venue, Venue], two: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.frozen_at(clock.now() + rerouting.RESTS_FOR + timedelta(seconds=1)):
        for venue in venues:
            venue.beat()
        assert rerouting.sweep() == 2
        for child in two:
            canceled(child)
        sent, looked = rerouting._send_on, list[str]()

        def refuse(work: Any, one: Any, row: Any, *, at: Any) -> int:
            looked.append(row.order_id)
            return 0

        monkeypatch.setattr(rerouting, "_send_on", refuse)
        for _ in range(2):
            rerouting.sweep(limit=1)
        assert sorted(looked) == sorted(child.order_id for child in two)
        monkeypatch.setattr(rerouting, "_send_on", sent)
        assert rerouting.sweep() == 2
        monkeypatch.setattr(rerouting, "_send_on", refuse)
        looked.clear()
        rerouting.sweep()
        assert not looked, "what was sent on is locked and looked at again"


def test_what_cannot_be_sent_on_keeps_nothing_else_where_no_venue_has_it(
    venues: tuple[Venue, Venue], two: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = sorted(child.order_id for child in two)
    with clock.frozen_at(clock.now() + rerouting.RESTS_FOR + timedelta(seconds=1)):
        for venue in venues:
            venue.beat()
        assert rerouting.sweep() == 2
        for child in two:
            canceled(child)
        poison.breaks(monkeypatch, rerouting, "_send_on", odd)
        assert rerouting.sweep() == 1
        assert VenueOrder.objects.filter(order_id=good).count() == 2
        assert VenueOrder.objects.filter(order_id=odd).count() == 1
        assert poison.aside("reroute").order_id == odd
        monkeypatch.undo()
        assert rerouting.sweep() == 0
        poison.wait(monkeypatch)
        assert rerouting.sweep() == 1
    assert VenueOrder.objects.filter(order_id=odd).count() == 2


@pytest.mark.parametrize("step", ["_why_move", "_request"])
def test_what_cannot_be_asked_about_keeps_no_other_from_being_moved(
    venues: tuple[Venue, Venue], two: list[VenueOrder], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    odd, good = sorted(two, key=lambda child: child.order_id)
    with clock.frozen_at(clock.now() + rerouting.RESTS_FOR + timedelta(seconds=1)):
        for venue in venues:
            venue.beat()
        poison.breaks(monkeypatch, rerouting, step, odd.order_id)
        assert rerouting.sweep() == 1
    assert VenueOrder.objects.get(pk=good.id).pending == "cancel"
    assert VenueOrder.objects.get(pk=odd.id).pending == ""
    assert poison.aside("reroute").order_id == odd.order_id


def test_where_no_other_venue_would_trade_nothing_is_weighed(
    resting: VenueOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = _looked_at(monkeypatch)
    rerouting.sweep()
    assert not looked
