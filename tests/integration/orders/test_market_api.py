"""Books over REST: levels, places in the queue, staleness, estimates, and decisions of an order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.kit import clock
from orders import desk
from tests import trading
from tests.market import BOND, Printer, Venue, clean_shelf
from venues.market_data.shelf import TAPE_MAX_AGE_S, shelf, tape_shelf
from venues.messages import BookUpdate, ExecType, ExecutionReport, MdEntry, OrdStatus

D = Decimal
Api = Callable[..., Any]
PATH = f"/v1/trading/market/{BOND}/"
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


@dataclass
class Answer:
    status: int
    body: Any


@pytest.fixture
def get(api: Api) -> Callable[[str], Answer]:
    def ask(path: str) -> Answer:
        shelf.forget()  # a process reads a book again after a moment only
        tape_shelf.forget()
        return Answer(*api("alpha_trader").get(path))

    return ask


def test_the_top_is_the_best_of_all_venues_with_yield_and_source(
    get: Any, venues: tuple[Venue, Venue]
) -> None:
    venues[1].hear(venues[1].move(-1))
    answer = get(PATH)
    assert answer.status == 200, answer.body
    found = answer.body
    assert (found["state"], found["stale"], found["instrument_id"]) == ("live", False, BOND)
    assert (found["ask"]["venue_id"], found["bid"]["venue_id"]) == ("SIMB", "SIMA")
    assert D(str(found["ask"]["price"])) == venues[1].market.levels(BOND, "1")[0].px
    assert 0 < found["ask"]["yield_to_maturity"] < found["bid"]["yield_to_maturity"] < 20
    assert [quote["venue_id"] for quote in found["quotes"]] == ["SIMA", "SIMB"]
    assert found["reference"]["source"] == "composite"


def test_level_two_has_ten_levels_a_side_and_joins_venues_when_asked(
    get: Any, venues: tuple[Venue, Venue]
) -> None:
    book = get(f"{PATH}book/").body
    assert (len(book["bids"]), len(book["asks"]), book["level"]) == (20, 20, 2)
    prices = [row["price"] for row in book["asks"]]
    assert prices == sorted(prices)
    one = get(f"{PATH}book/?venue_id=SIMB&depth=3").body
    assert [row["venue_id"] for row in one["asks"]] == ["SIMB"] * 3
    joined = get(f"{PATH}book/?aggregated=true").body
    assert len(joined["asks"]) == 10
    both = sum(venue.market.levels(BOND, "1")[0].size for venue in venues)
    assert (joined["asks"][0]["venue_id"], joined["asks"][0]["size"]) == ("SIMA+SIMB", both)


def test_level_three_sums_to_level_two_and_shows_our_place_in_the_queue(
    api: Api, get: Any, venues: tuple[Venue, Venue]
) -> None:
    best = venues[0].market.levels(BOND, "2")[0].px
    order_id = trading.submit(limit_price=best, bypass_auto_execution=True)
    child = trading.execute(order_id, 3_000)
    trading.receive(trading.report(child, ExecType.NEW, order_id="SIMA-O1"))
    entry = MdEntry(entry_id="SIMA-O1", entry_type="0", px=best, size=child.qty)
    venues[0].feed.take([_update(entry)])
    levels = get(f"{PATH}book/?level=2&depth=50&venue_id=SIMA").body["bids"]
    orders = get(f"{PATH}book/?level=3&depth=50&venue_id=SIMA").body["bids"]
    for level in levels:
        same = [row for row in orders if row["price"] == level["price"]]
        assert (sum(row["size"] for row in same), len(same)) == (level["size"], level["orders"])
    (mine,) = [row for row in orders if row["cl_ord_id"]]
    assert mine["cl_ord_id"] == child.id
    ahead = [row for row in orders if row["price"] == mine["price"]][:-1]
    assert mine["position"] == len(ahead) + 1
    assert mine["ahead"] == sum(row["size"] for row in ahead) > 0
    _, theirs = api("beta_trader").get(f"{PATH}book/?level=3&depth=50&venue_id=SIMA")
    assert [row for row in theirs["bids"] if row["cl_ord_id"]] == []


def test_a_stale_book_says_so_and_gives_no_best_price(
    get: Any, venues: tuple[Venue, Venue]
) -> None:
    for venue in venues:
        venue.feed.lose("the venue is not connected")
    found = get(PATH).body
    assert (found["state"], found["stale"], found["bid"], found["mid"]) == (
        "stale",
        True,
        None,
        None,
    )
    assert [one["reason"] for one in found["venues"]] == ["the venue is not connected"] * 2
    assert found["quotes"][0]["ask"]["price"] > 0


def test_an_estimate_equals_the_sweep_of_the_book(get: Any, venues: tuple[Venue, Venue]) -> None:
    first, second = venues[0].market.levels(BOND, "1")[:2]
    other = venues[1].market.levels(BOND, "1")[0]
    qty = first.size + other.size + 1_000_000
    found = get(f"{PATH}estimate/?side=buy&amount={qty}").body
    gross = (first.size + other.size) * first.px + 1_000_000 * second.px
    assert D(str(found["average_price"])) == round(gross / qty, 8)
    assert (found["fillable"], D(str(found["worst_price"]))) == (qty, second.px)
    assert found["slippage"] > 0
    limited = get(f"{PATH}estimate/?side=buy&amount={qty}&limit_price={first.px:f}").body
    assert limited["fillable"] == first.size + other.size
    nothing = get(f"{PATH}estimate/?side=sell&amount=1000&limit_price=150").body
    assert (nothing["fillable"], nothing["average_price"]) == (0, None)


def test_the_last_trade_is_told_with_its_venue(get: Any, venues: tuple[Venue, Venue]) -> None:
    assert get(f"{PATH}trade/").body["last_trade"] is None
    venues[1].books.note([_report()], [])
    venues[1].hear(venues[1].books.updates(clock.now()))
    last = get(f"{PATH}trade/").body["last_trade"]
    assert (last["price"], last["size"], last["venue_id"]) == (99.5, 1_000, "SIMB")
    assert get(f"{PATH}trade/?venue_id=SIMA").body["last_trade"] is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/trading/market/NOSUCH/", 404, "not_found"),
        (f"{PATH}book/?level=4", 422, "invalid_query"),
        (f"{PATH}book/?depth=0", 422, "invalid_query"),
        (f"{PATH}book/?depth=x", 422, "invalid_query"),
        (f"{PATH}book/?venue_id=NOSUCH", 404, "not_found"),
        (f"{PATH}estimate/?side=hold&amount=1", 422, "invalid_query"),
        (f"{PATH}estimate/?side=buy&amount=1e9", 422, "invalid_query"),
        (f"{PATH}estimate/?side=buy&amount=0", 422, "invalid_query"),
    ],
)
def test_what_cannot_be_asked_is_refused(get: Any, path: str, status: int, code: str) -> None:
    answer = get(path)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_an_orders_decisions_are_read_by_its_owner_only(
    api: Api, get: Any, venues: tuple[Venue, Venue]
) -> None:
    order_id = trading.submit(limit_price=D("100.5"), bypass_auto_execution=True)
    asked = trading.instruction(3_000, strategy="smart_order_routing", venue_id=None)
    assert desk.execute(order_id, asked, by=trading.person(), at=clock.now()).error is None
    (found,) = get(f"/v1/trading/order/{order_id}/routing/").body["decisions"]
    assert (found["kind"], found["quantity"]) == ("route", 3_000)
    assert found["slices"] == [{"venue_id": "SIMA", "qty": 3_000, "take": 3_000}]
    assert "SIMA should fill 3,000 at once" in found["reason"]
    assert len(found["quotes"]["books"]) == 2
    status, _ = api("beta_trader").get(f"/v1/trading/order/{order_id}/routing/")
    assert status == 404


def _at(seconds: float) -> Any:
    return clock.frozen_at(clock.now() + timedelta(seconds=seconds))


def test_the_tape_tells_the_last_trades_and_the_volume_of_every_venue(get: Any) -> None:
    one, two = Printer("SIMA"), Printer("SIMB")
    for tape in (one, two):
        tape.begin()
    one.trade(1_000)
    with _at(30):
        two.trade(5_000)
        taken_back = one.trade(70_000)
        one.take_back(taken_back)
    with _at(35):
        answer = get(f"{PATH}tape/?limit=5&window=20")
        whole = get(PATH).body["volume"]
        only = get(f"{PATH}tape/?venue_id=SIMA").body
    assert answer.status == 200, answer.body
    found = answer.body
    told = [(row["venue_id"], int(row["size"]), row["rpt_seq"]) for row in found["trades"]]
    assert told == [("SIMB", 5_000, 1), ("SIMA", 1_000, 1)]
    assert (found["state"], int(found["day_volume"]), int(found["window_volume"])) == (
        "live",
        6_000,
        5_000,
    )
    assert found["last_trade"]["venue_id"] == "SIMB"
    assert [(row["venue_id"], int(row["day_volume"])) for row in found["venues"]] == [
        ("SIMA", 1_000),
        ("SIMB", 5_000),
    ]
    assert (int(whole["window_volume"]), whole["window_seconds"]) == (6_000, 300)
    assert [row["venue_id"] for row in only["trades"]] == ["SIMA"]
    assert int(only["day_volume"]) == 1_000


def test_a_stale_tape_says_why_shows_its_trades_and_counts_for_nothing(get: Any) -> None:
    tape = Printer("SIMA")
    tape.begin()
    tape.trade(1_000)
    tape.trade(2_000, lost=True)
    tape.trade(4_000)
    found = get(f"{PATH}tape/").body
    assert (found["state"], int(found["day_volume"]), len(found["trades"])) == ("stale", 0, 1)
    assert found["venues"][0]["reason"] == "trade 2 is missing"
    tape.begin()
    assert int(get(f"{PATH}tape/").body["day_volume"]) == 7_000
    with _at(TAPE_MAX_AGE_S + 1):
        assert get(f"{PATH}tape/").body["venues"][0]["reason"] == "not heard of for 41 s"


def test_a_new_day_has_no_volume_yet(get: Any) -> None:
    tape = Printer("SIMA")
    tape.begin()
    tape.trade(1_000)
    with _at(24 * 3600):
        tape.beat()
        found = get(f"{PATH}tape/").body
    assert (found["state"], int(found["day_volume"])) == ("live", 0)
    assert found["last_trade"] is not None


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "window=0", "window=x"])
def test_a_tape_is_asked_for_within_bounds(get: Any, query: str) -> None:
    answer = get(f"{PATH}tape/?{query}")
    assert (answer.status, answer.body["code"]) == (422, "invalid_query")


def _update(entry: MdEntry) -> BookUpdate:
    return BookUpdate(security_id=BOND, rpt_seq=1, at=clock.now(), entries=(entry,))


def _report() -> ExecutionReport:
    """A trade of somebody else, as the venue notes it."""
    return ExecutionReport(
        seq=1,
        exec_id="E",
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED,
        order_id="X",
        cl_ord_id="X",
        security_id=BOND,
        side="1",
        order_qty=D(1_000),
        cum_qty=D(1_000),
        leaves_qty=D(0),
        transact_time=clock.now(),
        trade_date=clock.now().date(),
        last_qty=D(1_000),
        last_px=D("99.5"),
    )
