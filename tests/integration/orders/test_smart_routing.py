"""Orders over live books: the split, what is kept of it, and what happens without a book."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import desk, routing, sor
from orders.models import ExecutionOrder, VenueOrder
from tests import trading
from tests.market import Venue, clean_shelf
from venues import instruments
from venues.market_data.shelf import shelf
from venues.messages import BookUpdate, ExecType, MdEntry
from venues.models import RoutingDecision

D = Decimal

MM = 1_000_000
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


@pytest.fixture
def venues() -> tuple[Venue, Venue]:
    """Both venues with their books: the best offer is 99.375 at each."""
    made = Venue("SIMA"), Venue("SIMB")
    for one in made:
        one.begin()
    return made


def routed(**changes: Any) -> list[VenueOrder]:
    """Submit an order, have it staged, and take all of it to market by smart order routing."""
    terms = {"limit_price": D("100.5"), "bypass_auto_execution": True, **changes}
    order_id = trading.submit(**terms)
    whole = bool(changes.get("all_or_none"))
    asked = trading.instruction(
        trading.order(order_id).order_qty,
        strategy="smart_order_routing",
        venue_id=None,
        all_or_none=whole,
    )
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    assert made.error is None, made.error
    return list(VenueOrder.objects.filter(order_id=order_id).order_by("venue_id"))


def quantities(children: list[VenueOrder]) -> dict[str, int]:
    return {child.venue_id: int(child.qty) for child in children}


def offered(venue: Venue) -> int:
    return int(venue.market.levels(trading.BOND, "1")[0].size)


def decision() -> RoutingDecision:
    return RoutingDecision.objects.get()


def test_a_small_order_goes_to_the_cheaper_venue(venues: tuple[Venue, Venue]) -> None:
    (child,) = routed()
    assert child.venue_id == "SIMA"
    assert "SIMA should fill 3,000 at once" in decision().reason


def test_the_rules_route_over_the_same_books(venues: tuple[Venue, Venue]) -> None:
    venues[1].hear(venues[1].move(-1))
    order_id = trading.submit(limit_price=D("100.5"))
    routing.drain()
    assert VenueOrder.objects.get(order_id=order_id).venue_id == "SIMB"


def test_an_order_that_breaks_its_batch_leaves_the_others_their_books(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    venues[1].hear(venues[1].move(-1))
    odd, good = (trading.submit(limit_price=D("100.5")) for _ in range(2))
    route = routing._route

    def fail(work: Any, one: Any, *args: Any, **named: Any) -> None:
        if one.order.id == odd:
            # A batch of many takes longer than what was looked at is known.
            shelf.forget()
            raise ValueError("odd")
        route(work, one, *args, **named)

    monkeypatch.setattr(routing, "_route", fail)
    routing.drain()
    assert not VenueOrder.objects.filter(order_id=odd).exists()
    assert VenueOrder.objects.get(order_id=good).venue_id == "SIMB"


def test_an_order_goes_where_the_price_is_better(venues: tuple[Venue, Venue]) -> None:
    venues[1].hear(venues[1].move(-1))
    (child,) = routed()
    assert child.venue_id == "SIMB"


def test_more_than_one_venue_offers_is_split_and_adds_up(venues: tuple[Venue, Venue]) -> None:
    a, b = (offered(venue) for venue in venues)
    children = routed(qty=D(a + b))
    assert quantities(children) == {"SIMA": a, "SIMB": b}
    trading.check_tree(children[0].order_id)
    for child in children:
        trading.receive(
            trading.report(child, ExecType.NEW),
            trading.fill(child, child.qty, cum=child.qty),
            venue_id=child.venue_id,
        )
    row = ExecutionOrder.objects.get()
    assert (row.status, row.cum_qty) == ("filled", D(a + b))
    trading.check_tree(row.order_id)


def test_the_decision_is_kept_with_the_quotes_it_saw(venues: tuple[Venue, Venue]) -> None:
    venues[1].feed.lose("the venue is not connected")
    (child,) = routed()
    kept = decision()
    assert kept.subject == child.execution_order_id
    assert kept.slices == [{"venue_id": "SIMA", "qty": 3_000, "take": 3_000}]
    first, second = kept.quotes["books"]
    assert (first["venue_id"], first["state"], second["state"]) == ("SIMA", "live", "stale")
    assert second["reason"] == "the venue is not connected"
    level = venues[0].market.levels(trading.BOND, "1")[0]
    assert first["asks"][0] == [level.px, level.size]
    assert kept.quotes["best_ask"] == {"px": level.px, "size": level.size, "venue_id": "SIMA"}
    scores = {score["venue_id"]: score for score in kept.scores}
    assert scores["SIMA"]["net_px"] == level.px + D("0.001")
    assert scores["SIMQ"]["why_not"] == "takes no limit orders"
    created = Event.objects.get(event_type="execution_order_create")
    assert kept.reason in created.body
    assert kept.id in created.changes


def test_a_decision_is_never_changed_or_removed(venues: tuple[Venue, Venue]) -> None:
    routed()
    for sql in (
        "UPDATE venues_routingdecision SET reason = ''",
        "DELETE FROM venues_routingdecision",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_without_live_books_all_goes_to_the_preferred_venue_and_the_row_says_so() -> None:
    (child,) = routed(qty=D(6 * MM), limit_price=D("99.5"))
    assert child.venue_id == "SIMA"
    assert decision().reason.startswith("SIMA is the preferred fitting venue, no book is live")
    assert decision().quotes == {"best_bid": None, "best_ask": None, "books": []}


def test_a_whole_order_goes_to_one_venue_that_has_it(venues: tuple[Venue, Venue]) -> None:
    most = max(offered(venue) for venue in venues)
    (child,) = routed(qty=D(most), all_or_none=True)
    assert child.qty == most


def test_our_own_resting_orders_are_nothing_to_trade_with(venues: tuple[Venue, Venue]) -> None:
    (mine,) = routed(side="sell", limit_price=D("99.3"))
    trading.receive(trading.report(mine, ExecType.NEW, order_id="SIMA-O1", side="2"))
    entry = MdEntry(entry_id="SIMA-O1", entry_type="1", px=D("99.3"), size=mine.qty)
    seen = BookUpdate(security_id=trading.BOND, rpt_seq=1, at=clock.now(), entries=(entry,))
    venues[0].feed.take([seen])
    routed()
    best = venues[0].market.levels(trading.BOND, "1")[0].px
    bought = RoutingDecision.objects.get(limit_price=D("100.5"))
    assert bought.quotes["best_ask"]["px"] == best > D("99.3")


def test_books_that_are_told_anew_within_a_batch_are_without_our_orders_too(
    venues: tuple[Venue, Venue],
) -> None:
    (mine,) = routed(side="sell", limit_price=D("99.3"))
    trading.receive(trading.report(mine, ExecType.NEW, order_id="SIMA-O1", side="2"))
    bond = instruments.find(trading.BOND)
    assert bond is not None

    def seen(work: Unit) -> dict[str, set[str]]:
        shelf.forget()  # a process reads a book again after a quarter of a second
        shelf.look([trading.BOND])
        books = sor.seen(work, bond.id, at=clock.now()).books
        return {book.venue_id: {one.entry_id for one in book.asks} for book in books}

    entries = tuple(
        MdEntry(entry_id=name, entry_type="1", px=D("99.3"), size=mine.qty)
        for name in ("SIMA-O1", "SIMA-O2")
    )
    update = BookUpdate(security_id=trading.BOND, rpt_seq=1, at=clock.now(), entries=entries)
    with unit.work(by=actors.system("routing"), at=clock.now()) as work:
        before = seen(work)
        venues[0].feed.take([update])
        after = seen(work)
    assert after == {**before, "SIMA": before["SIMA"] | {"SIMA-O2"}}


def test_a_trader_who_names_a_venue_gets_it(venues: tuple[Venue, Venue]) -> None:
    order_id = trading.submit(bypass_auto_execution=True, limit_price=D("100.5"))
    child = trading.execute(order_id, 3_000, venue_id="SIMB")
    assert child.venue_id == "SIMB"
    assert "SIMB should fill 3,000" in decision().reason
    assert "SIMA: not the venue asked for" in decision().reason
