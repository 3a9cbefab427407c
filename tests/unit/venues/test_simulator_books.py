"""What the simulated venue publishes: books by order, numbered changes, faults, a living curve."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.unit.venues.simulator_bench import PLAIN, SHARE, START, Bench
from venues import catalog, messages
from venues.messages import BookSnapshot, BookUpdate, MarketDataRequest, MdEntry
from venues.simulator import curve, depth, matching
from venues.simulator.delivery import Faults
from venues.simulator.market import LEVELS, Level, Market
from venues.simulator.publication import Publication

D = Decimal

ALL = MarketDataRequest(kind="1")


class Stand:
    """A publication over a bench."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.books = Publication(lambda: [PLAIN, SHARE], self.read)

    def read(self, cusip: str) -> tuple[MdEntry, ...]:
        resting = self.bench.exchange.register.live.get(cusip, {})
        return depth.entries(self.bench.market, cusip, resting.values())

    def snapshots(self, request: MarketDataRequest = ALL) -> dict[str, BookSnapshot]:
        found = [messages.decode_incoming(text) for text in self.books.asked(request, START)]
        return {m.security_id: m for m in found if isinstance(m, BookSnapshot)}

    def updates(self) -> list[BookUpdate]:
        self.books.note(self.bench.reports(), self.bench.market.take_moved())
        found = [messages.decode_incoming(text) for text in self.books.updates(START)]
        return [m for m in found if isinstance(m, BookUpdate)]


def test_a_snapshot_holds_every_order_best_first_and_its_sizes_are_the_levels() -> None:
    stand = Stand()
    book = stand.snapshots()[PLAIN]
    bids = [e for e in book.entries if e.entry_type == "0"]
    asks = [e for e in book.entries if e.entry_type == "1"]
    assert [e.px for e in bids] == sorted((e.px for e in bids), reverse=True)
    assert [e.px for e in asks] == sorted(e.px for e in asks)
    assert len({e.px for e in bids}) == len({e.px for e in asks}) == LEVELS
    for level in stand.bench.market.levels(PLAIN, "1"):
        assert sum(e.size for e in asks if e.px == level.px) == level.size
    assert len({e.entry_id for e in book.entries}) == len(book.entries)


def test_who_does_not_follow_books_is_told_nothing() -> None:
    stand = Stand()
    stand.bench.market.move(PLAIN, 1)
    assert stand.updates() == []
    stand.snapshots(MarketDataRequest(kind="0", securities=(PLAIN,)))
    stand.bench.market.move(PLAIN, 1)
    assert stand.updates() == []


def test_an_order_that_rests_is_seen_at_its_place_and_leaves_with_its_end() -> None:
    stand = Stand()
    best = stand.snapshots()[PLAIN].entries[0].px
    stand.bench.exchange.handle(_buy("A", px=str(best)), START)
    (update,) = stand.updates()
    (entry,) = update.entries
    assert (update.rpt_seq, entry.action, entry.px, entry.size) == (1, "0", best, D(1_000))
    order = stand.bench.exchange.register.orders["A"]
    assert entry.entry_id == order.order_id
    at_best = [e for e in stand.read(PLAIN) if e.entry_type == "0" and e.px == best]
    assert at_best[-1].entry_id == order.order_id
    stand.bench.cancel(orig="A")
    stand.books.note([], [PLAIN])
    (update,) = stand.updates()
    assert [(e.action, e.entry_id) for e in update.entries] == [("2", order.order_id)]


def test_a_trade_is_told_with_its_price_and_size() -> None:
    stand = Stand()
    stand.snapshots()
    stand.bench.exchange.handle(_buy("A", px="101"), START)
    (update,) = stand.updates()
    assert update.trade is not None
    assert (update.trade.px, update.trade.size) == (D("100.03125"), D(1_000))
    assert stand.snapshots()[PLAIN].trade == update.trade


def test_updates_applied_to_a_snapshot_give_the_next_snapshot() -> None:
    stand = Stand()
    book = {e.entry_id: e for e in stand.snapshots()[PLAIN].entries}
    for n in range(20):
        stand.bench.market.move(PLAIN, (-1) ** n * (n % 4))
        stand.bench.exchange.handle(_buy(f"A{n}", px=f"{99 - n}.5"), START)
        for update in stand.updates():
            for entry in update.entries:
                if entry.action == "2":
                    del book[entry.entry_id]
                else:
                    book[entry.entry_id] = entry
    now = {e.entry_id: (e.px, e.size) for e in stand.snapshots()[PLAIN].entries}
    assert {name: (e.px, e.size) for name, e in book.items()} == now


def test_numbers_go_up_by_one_per_security_and_a_snapshot_says_the_last() -> None:
    stand = Stand()
    stand.snapshots()
    for n in range(3):
        stand.bench.market.move(PLAIN, 1)
        assert [u.rpt_seq for u in stand.updates()] == [n + 1]
    again = stand.snapshots(MarketDataRequest(kind="0"))
    assert (again[PLAIN].rpt_seq, again[SHARE].rpt_seq) == (3, 0)
    assert (stand.books.number(PLAIN), stand.books.number(SHARE)) == (3, 0)


def test_faults_lose_repeat_and_reorder_updates_and_never_a_snapshot() -> None:
    def heard(faults: Faults) -> list[int]:
        stand = Stand()
        stand.books.spoil(faults)
        assert set(stand.snapshots()) == {PLAIN, SHARE}
        seen = []
        for _ in range(60):
            stand.bench.market.move(PLAIN, 1)
            seen += [u.rpt_seq for u in stand.updates()]
        held = [messages.decode_incoming(text) for text in stand.books.release()]
        return seen + [m.rpt_seq for m in held if isinstance(m, BookUpdate)]

    everything = list(range(1, 61))
    assert heard(Faults()) == everything
    assert 0 < len(heard(Faults(drop=0.3, seed=1))) < 60
    assert len(heard(Faults(duplicate=0.5, seed=1))) > 60
    reordered = heard(Faults(reorder=4, seed=1))
    assert sorted(reordered) == everything != reordered


def test_a_level_is_taken_in_its_pieces_and_leaves_nothing_too_small() -> None:
    level = Level(
        D(100), D(1_000), min_size=D(200), min_increment=D(100), min_balance_remaining=D(300)
    )
    asked = (100, 250, 650, 750, 999, 1_000)
    assert [matching.allowed(D(q), level) for q in asked] == [0, 200, 600, 700, 700, 1_000]
    fills = matching.match(side="1", limit=None, qty=D(150), levels=[level], whole=False)
    assert fills == []


def test_all_venues_follow_one_curve_and_are_never_crossed() -> None:
    markets = [Market(catalog.listings(), seed=name) for name in ("SIMA", "SIMB")]
    changed = 0
    for step in range(0, 2_000, 50):
        for market in markets:
            market.drift(step)
        changed += len(markets[0].take_moved())
        for cusip in markets[0].securities():
            quotes = [market.quote(cusip, START) for market in markets]
            bids = [q.bid_px for q in quotes if q.bid_px is not None]
            asks = [q.ask_px for q in quotes if q.ask_px is not None]
            assert not bids or not asks or max(bids) < min(asks)
    assert changed > 1_000


def test_a_long_bond_moves_further_than_a_short_one_and_comes_back() -> None:
    by_length = sorted(
        (one for one in catalog.listings() if one.maturity_date is not None),
        key=lambda one: one.maturity_date or date.max,
    )
    short, long = by_length[0], by_length[-1]
    reach = {
        one.cusip: max(abs(curve.change(one, step)) for step in range(2_000))
        for one in (short, long)
    }
    assert reach[long.cusip] > 3 * reach[short.cusip]
    assert reach[long.cusip] < long.reference_price / 50


def _buy(cl_ord_id: str, *, px: str) -> messages.NewOrder:
    return messages.NewOrder(
        cl_ord_id=cl_ord_id,
        security_id=PLAIN,
        side="1",
        ord_type="2",
        order_qty=D(1_000),
        price=D(px),
        transact_time=START,
    )
