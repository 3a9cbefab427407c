"""Where an order goes: net prices, depth, risk, pieces, and the reasons in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.venues.simulator_bench import PLAIN, START
from tests.unit.venues.test_orderbook import book
from venues.orderbook import BookState, Composite, VenueBook
from venues.smart_routing import Decision, VenueFacts, decide

D = Decimal

MM = 1_000_000


def venue(name: str, **more: Any) -> VenueFacts:
    fields: dict[str, Any] = {
        "name": name,
        "mpid": name,
        "status": "active",
        "asset_classes": frozenset(),
        "ord_types": frozenset(),
        "preference": 10,
        **more,
    }
    return VenueFacts(name, **fields)


def ask(
    *books: VenueBook, venues: list[VenueFacts] | None = None, qty: int = 5_000, **more: Any
) -> Decision:
    fields: dict[str, Any] = {"asset_class": "treasury", "ord_type": "limit", "qty": D(qty), **more}
    return decide(
        venues or [venue("A"), venue("B")], books=Composite(PLAIN, START, books), **fields
    )


def sliced(found: Decision) -> dict[str, int]:
    return {one.venue_id: int(one.qty) for one in found.slices}


def test_five_thousand_over_two_books_are_two_children_and_no_rest() -> None:
    found = ask(book("A", asks="50x2000 51x9000"), book("B", asks="50.01x3000"), limit=D(60))
    assert sliced(found) == {"A": 2_000, "B": 3_000}
    assert found.reason == (
        "A should fill 2,000 at once from 50 (50 after fees); "
        "B should fill 3,000 at once from 50.01 (50.01 after fees)"
    )


def test_of_equal_prices_the_one_that_is_cheaper_after_fees_is_taken() -> None:
    books = (book("A", asks="100x9000"), book("B", asks="100x9000"))
    dear = [venue("A", taker_fee=D("0.01")), venue("B", preference=90)]
    assert sliced(ask(*books, venues=dear)) == {"B": 5_000}
    rebate = [venue("A"), venue("B", preference=90, taker_fee=D("-0.001"))]
    assert sliced(ask(*books, venues=rebate)) == {"B": 5_000}
    assert sliced(ask(*books)) == {"A": 5_000}


def test_a_fee_larger_than_the_difference_turns_the_choice_for_both_sides() -> None:
    venues = [venue("A", taker_fee=D("0.02")), venue("B")]
    asks = (book("A", asks="100x9000"), book("B", asks="100.01x9000"))
    assert sliced(ask(*asks, venues=venues)) == {"B": 5_000}
    bids = (book("A", bids="100.01x9000"), book("B", bids="100x9000"))
    assert sliced(ask(*bids, venues=venues, side="sell")) == {"B": 5_000}


@pytest.mark.parametrize("risk", [{"latency_ms": 3_000}, {"fill_probability": D("0.1")}])
def test_a_slow_or_doubtful_venue_counts_worse(risk: dict[str, Any]) -> None:
    books = (book("A", asks="100x9000"), book("B", asks="100.01x9000"))
    assert sliced(ask(*books)) == {"A": 5_000}
    assert sliced(ask(*books, venues=[venue("A", **risk), venue("B")])) == {"B": 5_000}


def test_nothing_is_taken_beyond_the_limit_and_the_rest_waits_where_it_is_cheapest() -> None:
    books = (book("A", asks="100x2000 102x9000"), book("B", asks="101.5x9000"))
    venues = [venue("A", maker_fee=D("0.001")), venue("B", preference=90)]
    found = ask(*books, venues=venues, limit=D(101))
    assert sliced(found) == {"A": 2_000, "B": 3_000}
    assert [one.take for one in found.slices] == [2_000, 0]
    assert "B is the cheapest to wait at for the other 3,000" in found.reason


def test_without_a_live_book_the_preferred_venue_gets_all_and_the_reason_says_so() -> None:
    stale = book("B", asks="1x9000", state=BookState.STALE, reason="not connected")
    found = ask(stale, venues=[venue("A", preference=90), venue("B")])
    assert sliced(found) == {"B": 5_000}
    assert found.reason == (
        "B is the preferred fitting venue, no book is live: 5,000 "
        "(left out: B: its book is stale, not connected)"
    )


def test_a_stale_book_is_not_traded_with_however_good_it_looks() -> None:
    stale = book("B", asks="1x9000", state=BookState.STALE)
    found = ask(book("A", asks="100x9000"), stale)
    assert sliced(found) == {"A": 5_000}
    assert [(one.venue_id, one.book) for one in found.scores] == [("A", "live"), ("B", "stale")]


def test_venues_that_cannot_are_left_out_each_with_its_reason() -> None:
    venues = [
        venue("A", status="suspended"),
        venue("B", asset_classes=frozenset({"equity"})),
        venue("C", ord_types=frozenset({"rfq"})),
    ]
    found = ask(venues=venues)
    assert found.slices == ()
    assert found.reason == (
        "no venue can take it (A: not active; B: does not trade treasury; C: takes no limit orders)"
    )
    assert [one.why_not for one in found.scores] == [
        "not active",
        "does not trade treasury",
        "takes no limit orders",
    ]
    one = ask(book("D", asks="100x9000"), venues=[*venues, venue("D")])
    assert sliced(one) == {"D": 5_000}
    assert "A: not active" in one.reason


def test_only_one_venue_may_be_asked_for() -> None:
    books = (book("A", asks="100x9000"), book("B", asks="99x9000"))
    assert sliced(ask(*books, only="A")) == {"A": 5_000}


def test_a_whole_order_is_never_split() -> None:
    books = (book("A", asks="100x2000"), book("B", asks="101x9000"))
    assert sliced(ask(*books, whole=True)) == {"B": 5_000}
    nobody = ask(book("A", asks="100x2000"), book("B", asks="101x4000"), whole=True)
    assert len(nobody.slices) == 1
    assert nobody.slices[0].qty == 5_000


def test_a_large_order_shows_its_least_piece_to_the_dark_and_the_rest_is_lit() -> None:
    venues = [venue("A"), venue("D", is_dark=True, dark_min_size=D(1_000))]
    lit = book("A", asks="100x9000")
    found = ask(lit, venues=venues)
    assert [(one.venue_id, one.qty) for one in found.slices] == [("D", D(1_000)), ("A", D(4_000))]
    assert found.reason.startswith("D gets 1,000 unseen first (dark); A should fill 4,000")
    assert sliced(ask(lit, venues=venues, qty=1_900)) == {"A": 1_900}
    assert sliced(ask(lit, venues=venues, whole=True)) == {"A": 5_000}


def test_our_own_orders_are_nobody_to_trade_with() -> None:
    one = book("A", asks="100x9000 101x9000")
    mine = one.without(frozenset({"A0"}))
    assert [order.px for order in mine.asks] == [101]
    assert one.without(frozenset()) is one


def test_many_venues_are_decided_in_time_and_never_for_too_much() -> None:
    venues = [venue(f"V{n}") for n in range(12)]
    ladder = " ".join(f"{100 + n}x100000" for n in range(10))
    found = ask(*(book(v.id, asks=ladder) for v in venues), venues=venues, qty=7 * MM)
    assert sum(sliced(found).values()) == 7 * MM


def test_scores_tell_what_each_venue_offered() -> None:
    venues = [venue("A", taker_fee=D("0.01"), latency_ms=1_000), venue("B")]
    found = ask(book("A", asks="100x2000 101x1000"), book("B"), venues=venues, limit=D(101))
    score = found.scores[0]
    assert (score.best_px, score.net_px, score.scored_px) == (D(100), D("100.01"), D("100.02"))
    assert (score.depth, score.take, score.rest) == (D(3_000), D(3_000), D(0))
    assert (found.scores[1].best_px, found.scores[1].rest) == (None, D(2_000))


def test_an_urgent_order_shows_nothing_to_the_dark_first_and_counts_risk_double() -> None:
    venues = [venue("A"), venue("D", is_dark=True, dark_min_size=D(1_000))]
    found = ask(book("A", asks="100x9000"), venues=venues, urgency="high")
    assert sliced(found) == {"A": 5_000}
    assert found.reason.startswith("it is urgent: A should fill 5,000")
    risky = [venue("A", fill_probability=D("0.5")), venue("B", taker_fee=D("0.015"))]
    books = book("A", asks="100x9000"), book("B", asks="100x9000")
    assert sliced(ask(*books, venues=risky)) == {"A": 5_000}
    assert sliced(ask(*books, venues=risky, urgency="high")) == {"B": 5_000}


def test_an_order_that_has_time_takes_the_best_price_only_and_waits_with_the_rest() -> None:
    one = book("A", asks="100x2000 100.5x9000")
    (part,) = ask(one, venues=[venue("A")], limit=D(101)).slices
    assert (part.qty, part.take) == (D(5_000), D(5_000))
    found = ask(one, venues=[venue("A")], limit=D(101), urgency="low")
    assert [(s.qty, s.take) for s in found.slices] == [(D(5_000), D(2_000))]
    assert found.reason.startswith("it has time: A should fill 2,000")


def test_a_symbol_or_type_that_a_venue_lacks_keeps_it_out_with_its_reason() -> None:
    venues = [venue("A", asset_classes=frozenset({"equity"})), venue("B")]
    found = ask(book("A", asks="99x9000"), book("B", asks="100x9000"), venues=venues)
    assert sliced(found) == {"B": 5_000}
    assert "A: does not trade treasury" in found.reason
