"""The tape from the venue's matches to what we keep: numbered, bounded, never too much."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.kit import clock
from tests.unit.venues.simulator_bench import LISTINGS, PLAIN, SHARE, START, Bench
from venues import messages
from venues.market_data import recorder
from venues.market_data.recorder import Recorder
from venues.messages import (
    ExecType,
    MarketDataRequest,
    Quote,
    TapeMessage,
    TapePrint,
    TapeSnapshot,
    TapeUpdate,
)
from venues.orderbook import BookState
from venues.simulator.background import Background
from venues.simulator.delivery import Faults
from venues.simulator.tape import Tape
from venues.tapes import MOST_PRINTS, Tapes, VenueTape

D = Decimal
ALL = MarketDataRequest(kind="1", about="tape")
MIDNIGHT = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # in New York


class Stand:
    """A tape over a bench, and what a peer has heard of it."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.tape = Tape(self.bench.market, lambda: self.bench.exchange.register, seed="SIMA")

    def asked(self, request: MarketDataRequest = ALL) -> dict[str, TapeSnapshot]:
        found = decoded(self.tape.asked(request, self.bench.now))
        return {m.security_id: m for m in found if isinstance(m, TapeSnapshot)}

    def trade(self, qty: int, security_id: str = PLAIN) -> Any:
        """Our peer buys at the market; the report of its trade."""
        reports = self.bench.order(security_id, qty=qty, px=None)
        self.tape.note(reports, self.bench.now)
        return next(r for r in reports if r.exec_type is ExecType.TRADE)

    def told(self, seconds: float = 1) -> list[TapeUpdate]:
        self.bench.now += timedelta(seconds=seconds)
        return [m for m in decoded(self.tape.updates(self.bench.now)) if isinstance(m, TapeUpdate)]


def decoded(lines: list[bytes]) -> list[TapeMessage]:
    found = [messages.decode_incoming(line) for line in lines]
    return [m for m in found if isinstance(m, TapeMessage)]


def volume(told: TapeSnapshot | TapeUpdate) -> Decimal:
    assert told.volume is not None
    return told.volume


def prints(updates: list[TapeUpdate], security_id: str = PLAIN) -> list[TapePrint]:
    return [one for update in updates if update.security_id == security_id for one in update.prints]


class TestTheVenuesTape:
    def test_the_background_trades_by_seed_and_time_alone(self) -> None:
        upto = START + timedelta(hours=1)
        first, again, other = (
            Background(LISTINGS, seed=seed).between(START, upto)
            for seed in ("SIMA", "SIMA", "SIMB")
        )
        assert first == again != other
        assert {one.cusip for one in first} == {PLAIN, SHARE}
        assert [one.at for one in first] == sorted(one.at for one in first)
        half = START + timedelta(minutes=30)
        parts = [
            Background(LISTINGS, seed="SIMA").between(*span)
            for span in ((START, half), (half, upto))
        ]
        assert parts[0] + parts[1] == first

    def test_a_days_tally_is_what_happened_in_it(self) -> None:
        market = Background(LISTINGS, seed="SIMA")
        before = MIDNIGHT - timedelta(microseconds=1)
        all_of_it = [one for one in market.between(before, START) if one.cusip == SHARE]
        count, size, last = market.tally(SHARE, before, START, most=32)
        assert (count, size) == (len(all_of_it), sum(one.size for one in all_of_it))
        assert last == all_of_it[-32:]

    def test_a_snapshot_has_the_days_volume_and_its_last_trades(self) -> None:
        stand = Stand()
        told = stand.asked()[SHARE]
        assert told.day == MIDNIGHT.date()
        assert [one.seq for one in told.prints] == list(
            range(told.rpt_seq - len(told.prints) + 1, told.rpt_seq + 1)
        )
        assert volume(told) > sum(one.size for one in told.prints) > 0
        assert stand.asked() == stand.asked()

    def test_every_match_of_ours_is_printed_and_one_taken_back_is_told_so(self) -> None:
        stand = Stand()
        before = stand.asked()[PLAIN]
        trade = stand.trade(7_000)
        update = next(u for u in stand.told(0) if u.security_id == PLAIN)
        (ours,) = [one for one in update.prints if one.at == trade.transact_time]
        assert (ours.px, ours.size, ours.action) == (trade.last_px, D(7_000), "0")
        assert trade.exec_id not in (ours.trade_id, str(ours))
        assert ours.seq == before.rpt_seq + 1
        assert volume(update) == volume(before) + 7_000
        stand.bench.exchange.bust(trade.exec_id, stand.bench.now)
        stand.tape.note(stand.bench.reports(), stand.bench.now)
        update = next(u for u in stand.told(0) if u.security_id == PLAIN)
        (gone,) = update.prints
        assert (gone.seq, gone.trade_id, gone.action) == (ours.seq + 1, ours.trade_id, "2")
        assert update.volume == before.volume

    def test_a_restated_trade_is_taken_back_and_printed_anew_at_its_own_time(self) -> None:
        stand = Stand()
        before = stand.asked()[PLAIN]
        trade = stand.trade(7_000)
        stand.told(0)
        stand.bench.now += timedelta(seconds=5)
        exchange = stand.bench.exchange
        exchange.correct(trade.exec_id, stand.bench.now, qty=D(6_000), px=D(99))
        stand.tape.note(stand.bench.reports(), stand.bench.now)
        found = [one for one in prints(stand.told(0)) if one.at == trade.transact_time]
        assert [(one.action, one.size) for one in found] == [("2", D(7_000)), ("0", D(6_000))]
        assert found[0].trade_id != found[1].trade_id
        again = stand.asked(MarketDataRequest(kind="0", securities=(PLAIN,), about="tape"))[PLAIN]
        others = [one for one in again.prints if one.at > trade.transact_time]
        assert volume(again) == volume(before) + 6_000 + sum(one.size for one in others)

    def test_a_venue_that_begins_anew_tells_the_same_day(self) -> None:
        stand = Stand()
        stand.asked()
        for n in range(5):
            stand.trade(1_000 * (n + 1))
            stand.told(20)
        trade = stand.trade(50_000)
        stand.bench.exchange.bust(trade.exec_id, stand.bench.now)
        stand.tape.note(stand.bench.reports(), stand.bench.now)
        was = stand.asked()
        stand.tape = Tape(stand.bench.market, lambda: stand.bench.exchange.register, seed="SIMA")
        now = stand.asked()
        for name in (PLAIN, SHARE):
            assert now[name].volume == was[name].volume
            same = sorted((one.at, one.size) for one in was[name].prints)
            told = sorted((one.at, one.size) for one in now[name].prints)
            assert told[-20:] == same[-20:]

    def test_who_does_not_follow_is_told_nothing_and_finds_it_all_when_he_asks(self) -> None:
        stand = Stand()
        before = stand.asked(MarketDataRequest(kind="0", about="tape"))[PLAIN]
        stand.trade(3_000)
        assert stand.told(0) == []
        assert stand.tape.number(PLAIN) is None
        assert volume(stand.asked()[PLAIN]) == volume(before) + 3_000

    def test_a_new_day_begins_at_nothing(self) -> None:
        stand = Stand()
        stand.asked()
        stand.trade(3_000)
        tomorrow = (MIDNIGHT + timedelta(days=1) - stand.bench.now).total_seconds()
        stand.told(tomorrow + 1)
        told = stand.asked()[PLAIN]
        assert told.day == MIDNIGHT.date() + timedelta(days=1)
        assert told.volume == sum(one.size for one in told.prints) < 3_000_000


def printed(seq: int, size: int, *, seconds: float | None = None, action: str = "0") -> TapePrint:
    return TapePrint(
        seq=seq,
        trade_id=f"T{seq}",
        px=D(100),
        size=D(size),
        at=START + timedelta(seconds=seq if seconds is None else seconds),
        action=action,  # type: ignore[arg-type]  # one of the literals
    )


def snapshot(seq: int, volume: int, *given: TapePrint) -> TapeSnapshot:
    return TapeSnapshot(
        security_id=PLAIN, rpt_seq=seq, at=START, day=START.date(), volume=D(volume), prints=given
    )


def update(volume: int, *given: TapePrint) -> TapeUpdate:
    at = given[-1].at
    return TapeUpdate(security_id=PLAIN, at=at, day=START.date(), volume=D(volume), prints=given)


def kept(one: Recorder) -> VenueTape:
    tape = one.tape(PLAIN)
    assert tape is not None
    return tape


LATER = START + timedelta(days=1)


class TestWhatWeKeep:
    def test_prints_add_up_and_repeats_do_not(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(2, 300, printed(1, 100), printed(2, 200))])
        one.take([update(350, printed(3, 50)), update(350, printed(3, 50))])
        assert (kept(one).volume, kept(one).traded(START, LATER)) == (D(350), D(350))
        assert kept(one).traded(START + timedelta(seconds=1), LATER) == 250
        assert kept(one).traded(START, START + timedelta(seconds=2)) == 300
        assert kept(one).state is BookState.LIVE

    def test_what_is_taken_back_counts_no_more(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(2, 300, printed(1, 100), printed(2, 200))])
        gone = TapePrint(
            seq=3, trade_id="T1", px=D(100), size=D(100), at=printed(1, 1).at, action="2"
        )
        one.take([update(200, gone)])
        assert (kept(one).volume, kept(one).traded(START, LATER)) == (D(200), D(200))

    def test_a_gap_makes_the_tape_stale_until_its_snapshot_has_come(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(1, 100, printed(1, 100))])
        one.take([update(600, printed(3, 300))])
        assert (kept(one).state, kept(one).reason) == (BookState.STALE, "trade 2 is missing")
        assert (kept(one).volume, one.gaps) == (D(100), 1)
        assert (one.wanted(), one.wanted()) == ([PLAIN], [])
        one.take([update(1_000, printed(4, 400))])
        one.take([snapshot(3, 600, printed(1, 100), printed(2, 200), printed(3, 300))])
        assert (kept(one).state, kept(one).rpt_seq) == (BookState.LIVE, 4)
        assert (kept(one).volume, kept(one).traded(START, LATER)) == (D(1_000), D(1_000))

    def test_a_trade_that_was_lost_last_shows_by_the_venues_own_number(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(1, 100, printed(1, 100))])
        assert one.take([Quote(security_id=PLAIN, at=START, tape_seq=1)]) == set()
        assert one.take([Quote(security_id=PLAIN, at=START, tape_seq=None)]) == set()
        assert one.take([Quote(security_id=PLAIN, at=START, tape_seq=2)]) == {PLAIN}
        assert kept(one).state is BookState.STALE

    def test_one_that_is_as_it_was_is_told_again_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [100.0]
        monkeypatch.setattr(clock, "monotonic", lambda: now[0])
        one = Recorder("SIMA")
        one.take([snapshot(1, 100, printed(1, 100))])
        now[0] += recorder.TELL_AGAIN_SECONDS
        beat = Quote(security_id=PLAIN, at=LATER, tape_seq=1)
        assert (one.take([beat]), one.take([beat])) == ({PLAIN}, set())
        assert kept(one).heard_at == LATER

    def test_a_venue_that_counts_anew_is_counted_once(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(3, 600, printed(1, 100), printed(2, 200), printed(3, 300))])
        one.lose("the venue is not connected")
        assert kept(one).state is BookState.STALE
        again = (printed(1, 200, seconds=2), printed(2, 300, seconds=3))
        one.take([snapshot(2, 600, *again)])
        assert kept(one).traded(START, LATER) == 600
        assert kept(one).rpt_seq == 2

    def test_older_trades_are_kept_by_the_minute_and_never_too_much(self) -> None:
        one = Recorder("SIMA")
        one.take([snapshot(0, 0)])
        total = 0
        for n in range(1, 3 * MOST_PRINTS):
            total += n
            one.take([update(total, printed(n, n, seconds=7 * n))])
        tape = kept(one)
        assert (len(tape.prints), tape.volume) == (MOST_PRINTS, D(total))
        assert tape.traded(START - timedelta(minutes=1), LATER) == total
        for n in range(0, 3 * MOST_PRINTS, 5):
            since = START + timedelta(seconds=7 * n)
            truly = sum(range(n + 1, 3 * MOST_PRINTS))
            assert truly - 9 * (n + 9) <= tape.traded(since, LATER) <= truly

    def test_a_snapshot_of_what_is_kept_by_the_minute_already_is_counted_once(self) -> None:
        one, given = Recorder("SIMA"), [printed(n, 100, seconds=7 * n) for n in range(1, 151)]
        one.take([snapshot(0, 0), update(15_000, *given)])
        for first in (40, 43, 80, 149):
            one.take([snapshot(150, 15_000, *given[first:])])
            counted = kept(one).traded(START - timedelta(minutes=1), LATER)
            assert 15_000 - 1_700 <= counted <= 15_000, first

    @pytest.mark.parametrize("seed", range(6))
    def test_whatever_is_lost_a_live_tape_is_the_venues_own_and_a_window_never_too_much(
        self, seed: int
    ) -> None:
        stand, one, dice = Stand(), Recorder("SIMA"), random.Random(seed)
        began = stand.bench.now
        truth: list[TapePrint] = []
        one.take(stand.asked().values())
        stand.tape.spoil(Faults(drop=0.3, duplicate=0.3, reorder=3, seed=seed))
        # What the venue printed, whether or not anybody heard of it.
        make = stand.tape._print

        def note(cusip: str, *args: Any) -> TapePrint:
            made = make(cusip, *args)
            truth.extend([made] if cusip == PLAIN else [])
            return made

        stand.tape._print = note  # type: ignore[method-assign, assignment]  # heard beside
        for _ in range(150):
            if dice.random() < 0.5:
                stand.trade(dice.randrange(1, 9) * 1_000)
            one.take(stand.told(dice.choice((1, 5, 30))))
            if one.wanted():
                asked = MarketDataRequest(kind="0", securities=(PLAIN, SHARE), about="tape")
                one.take(stand.asked(asked).values())
            tape, since = kept(one), began + timedelta(seconds=dice.randrange(0, 900))
            truly = sum(p.size for p in truth if p.at > since)
            assert tape.traded(since, stand.bench.now) <= truly
            if tape.state is BookState.LIVE and tape.rpt_seq == stand.tape.number(PLAIN):
                assert tape.volume == stand.asked()[PLAIN].volume
        assert one.gaps > 5


def test_several_tapes_are_one_and_only_live_ones_count() -> None:
    one, two = Recorder("SIMA"), Recorder("SIMB")
    one.take([snapshot(1, 100, printed(1, 100))])
    two.take([snapshot(2, 500, printed(2, 500))])
    both = Tapes(PLAIN, START, (kept(one), kept(two)))
    assert (both.traded(START, LATER), both.volume_of(START.date())) == (D(600), D(600))
    assert both.volume_of(LATER.date()) == 0
    last = both.last()
    assert last is not None
    assert (last[0], last[1].size) == ("SIMB", D(500))
    assert [(venue, p.size) for venue, p in both.prints(most=9)] == [
        ("SIMB", D(500)),
        ("SIMA", D(100)),
    ]
    two.lose("gone")
    rest = Tapes(PLAIN, START, (kept(one), kept(two)))
    assert (rest.traded(START, LATER), rest.why_stale()) == (D(100), "SIMB: gone")
    assert rest.of("SIMB").live == []
