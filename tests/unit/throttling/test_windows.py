"""The arithmetic of sliding windows, bursts and strikes, with the clock in the test's hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from oms_site.throttling import lanes
from oms_site.throttling.limits import HOLD_MS, STANDARD, Item, Lane, Limits, Subject
from oms_site.throttling.windows import Windows

PLAIN = Limits(100, 1_000)
NOW = 1_700_000_000_000


def one(limits: Limits, *, struck: int = -1) -> Item:
    return Item((Subject("u1", limits),), struck=struck)


def spent(windows: Windows, item: Item, times: int, now: int) -> int:
    """How many of so many asks at one moment were let in."""
    return sum(windows.ask(item, now).granted for _ in range(times))


def test_the_101st_within_a_second_is_refused_and_told_when_to_come_again() -> None:
    windows = Windows()
    assert spent(windows, one(PLAIN), 100, NOW) == 100
    refused = windows.ask(one(PLAIN), NOW + 900)
    assert (refused.granted, refused.remaining, refused.limit) == (0, 0, 100)
    assert refused.wait_ms == 101
    assert windows.ask(one(PLAIN), NOW + 900 + refused.wait_ms).granted == 1


def test_the_1001st_within_a_minute_is_refused() -> None:
    windows = Windows()
    let_in = sum(spent(windows, one(PLAIN), 100, NOW + second * 1_001) for second in range(12))
    assert let_in == 1_000
    refused = windows.ask(one(PLAIN), NOW + 30_000)
    assert refused.granted == 0
    assert 30_000 <= refused.wait_ms <= 30_501


def test_a_burst_is_twice_the_rate_for_ten_seconds_and_then_both_are_used_up() -> None:
    windows, item = Windows(), one(STANDARD.lanes[Lane.ORDERS])
    for second in range(10):
        for tick in range(200):
            assert windows.ask(item, NOW + second * 1_000 + tick * 5 + second).granted == 1
    assert spent(windows, item, 200, NOW + 10_500) == 0


def test_a_burst_is_never_more_than_twice_the_rate_in_one_second() -> None:
    windows, item = Windows(), one(STANDARD.lanes[Lane.ORDERS])
    assert spent(windows, item, 300, NOW) == 200


def test_what_must_go_whole_goes_whole_or_not_at_all() -> None:
    windows = Windows()
    sixty = Item((Subject("u1", PLAIN),), wanted=60, whole=True)
    assert windows.ask(sixty, NOW).granted == 60
    assert windows.ask(sixty, NOW).granted == 0
    assert spent(windows, one(PLAIN), 50, NOW) == 40


def test_the_narrowest_subject_decides_and_a_refusal_costs_nobody_anything() -> None:
    windows = Windows()
    key, user = Subject("k1", Limits(5, 50)), Subject("u1", PLAIN)
    assert spent(windows, Item((key, user)), 20, NOW) == 5
    assert spent(windows, Item((user,)), 200, NOW) == 95


def test_strikes_double_the_pause_up_to_64_seconds_and_a_calm_minute_forgives() -> None:
    windows, item, now = Windows(), one(Limits(1, 1_000), struck=0), NOW
    for strike, pause in enumerate((1, 2, 4, 8, 16, 32, 64, 64, 64), start=1):
        assert windows.ask(item, now).granted == 1
        refused = windows.ask(item, now)
        assert (refused.granted, refused.strike) == (0, strike)
        assert refused.wait_ms >= pause * 1_000
        impatient = windows.ask(item, now + pause * 1_000 - 1)
        assert (impatient.granted, impatient.strike) == (0, 0)
        now += pause * 1_000 + 1
    now += 60_000
    windows.ask(item, now)
    assert windows.ask(item, now).strike == 1


def times_let_in(item: Item, arrivals: list[int]) -> tuple[list[int], int]:
    """When each of these arrivals goes on, and how many were refused."""
    windows, let_in, refused = Windows(), list[int](), 0
    for now in arrivals:
        counted = windows.ask(item, now)
        refused += 1 - counted.granted
        let_in += [now + (counted.holds or (0,))[0]] * counted.granted
    return let_in, refused


def most_within(times: list[int], span: int) -> int:
    """The most that any interval of this length holds, wherever it begins."""
    ordered = sorted(times)
    return max(
        sum(1 for at in ordered[n : n + 3_000] if at < first + span)
        for n, first in enumerate(ordered)
    )


def stalled(arrivals: list[int], *stalls: tuple[int, int]) -> list[int]:
    """The same arrivals when nothing came through for some time, and then all of it at once."""
    for start, length in stalls:
        arrivals = [start + length if start <= at < start + length else at for at in arrivals]
    return arrivals


BURST = STANDARD.lanes[Lane.ORDERS]
EVENLY = [NOW + n * 5 for n in range(2_000)]  # 200 a second for ten seconds
PATIENT = Item((Subject("u1", BURST),), struck=0, hold_ms=HOLD_MS)


@pytest.mark.parametrize("seed", range(10))
def test_who_sends_exactly_the_burst_is_let_in_however_the_network_bunches_it(seed: int) -> None:
    dice = random.Random(seed)
    late = sorted(at + dice.randint(0, 60) for at in EVENLY)
    stalls = [(NOW + dice.randint(0, 9_000), dice.randint(50, 150)) for _ in range(2)]
    for arrivals in (EVENLY, late, stalled(late, *stalls)):
        let_in, refused = times_let_in(PATIENT, sorted(arrivals))
        assert refused == 0
        assert most_within(let_in, 1_000) <= 200
        assert all(at < NOW + 10_000 + HOLD_MS + 300 for at in let_in)
    assert times_let_in(PATIENT, [*EVENLY, *(NOW + 10_000 + n * 5 for n in range(200))])[1] == 200


def test_a_stall_that_is_too_long_to_be_held_costs_requests_but_bars_nobody() -> None:
    windows = Windows()
    strikes = refused = 0
    for now in stalled(EVENLY, (NOW + 2_000, 450)):
        counted = windows.ask(PATIENT, now)
        refused += 1 - counted.granted
        strikes += counted.strike
    assert strikes == 0
    assert 0 < refused <= BURST.grace


def test_who_asks_for_more_than_the_limit_again_and_again_is_barred_all_the_same() -> None:
    windows = Windows()
    told = [windows.ask(PATIENT, NOW + n * 2) for n in range(500)]
    assert [one.strike for one in told if one.strike] == [1]
    assert sum(one.granted for one in told) <= 200 + 200 * HOLD_MS // 1_000
    assert windows.ask(PATIENT, NOW + 1_050).granted == 0


def test_what_must_go_whole_is_never_held() -> None:
    windows = Windows()
    assert spent(windows, PATIENT, 200, NOW) == 200
    bulk = Item(PATIENT.subjects, wanted=2, whole=True, hold_ms=HOLD_MS)
    assert windows.ask(bulk, NOW + 990) == windows.ask(replace(bulk, hold_ms=0), NOW + 990)


def test_places_of_the_near_future_are_taken_in_turn_and_by_all_who_count_together() -> None:
    windows, limits = Windows(), Limits(2, 1_000)
    both = Item((Subject("k1", limits), Subject("u1", limits)), hold_ms=250)
    other = Item((Subject("k2", limits), Subject("u1", limits)), wanted=3, hold_ms=250)
    assert windows.ask(both, NOW).granted == 1
    assert windows.ask(both, NOW + 100).granted == 1
    assert windows.ask(both, NOW + 900).holds == (101,)
    counted = windows.ask(other, NOW + 900)
    assert (counted.granted, counted.holds) == (1, (201,))
    assert windows.ask(both, NOW + 901).granted == 0


@pytest.mark.parametrize("seed", range(20))
def test_no_interval_holds_more_than_its_limit_when_requests_are_held(seed: int) -> None:
    dice = random.Random(seed)
    limits = Limits(7, 40, 7, 14, 120_000)
    arrivals, now = list[int](), NOW
    for _ in range(800):
        now += dice.choice((0, 1, 3, 40, 200, 999))
        arrivals.append(now)
    let_in, _ = times_let_in(Item((Subject("u1", limits),), hold_ms=250), arrivals)
    assert most_within(let_in, 1_000) <= 14
    assert most_within(let_in, 60_000) <= 40 + 14


@pytest.mark.parametrize("seed", range(20))
def test_no_interval_of_any_length_holds_more_than_its_limit(seed: int) -> None:
    dice = random.Random(seed)
    limits = Limits(7, 40, 7, 14, 120_000)
    windows, let_in, now = Windows(), [], NOW
    for _ in range(800):
        now += dice.choice((0, 1, 3, 40, 200, 999, 1_000))
        let_in += [now] * windows.ask(one(limits), now).granted
    for n, first in enumerate(let_in):
        assert sum(1 for at in let_in[n:] if at < first + 1_000) <= 14
        assert sum(1 for at in let_in[n:] if at < first + 60_000) <= 40 + 14


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("POST", "/v1/trading/order/", Lane.ORDERS),
        ("POST", "/v1/trading/order/bulk/", Lane.ORDERS),
        ("PUT", "/v1/trading/order/mo_1/", Lane.ORDERS),
        ("POST", "/v1/trading/order/mo_1/execution-order/lob/sor/", Lane.ORDERS),
        ("POST", "/v1/trading/list-rfq/", Lane.ORDERS),
        ("DELETE", "/v1/trading/order/mo_1/", Lane.CANCELS),
        ("POST", "/v1/trading/mass-cancel/", Lane.CANCELS),
        ("POST", "/v1/trading/order/mo_1/schedule/pause/", Lane.CANCELS),
        ("POST", "/v1/trading/order/mo_1/schedule/", Lane.ORDERS),
        ("POST", "/v1/kill-switch/", Lane.CANCELS),
        ("POST", "/v1/trading/order/mo_1/approve/", Lane.OTHERS),
        ("GET", "/v1/trading/order/", Lane.OTHERS),
        ("GET", "/v1/nothing/", Lane.OTHERS),
    ],
)
def test_method_and_address_say_the_lane(method: str, path: str, lane: Lane) -> None:
    assert lanes.of(method, path) is lane


def test_a_kill_switch_is_engaged_whatever_the_counters_say() -> None:
    assert lanes.passes_always("POST", "/v1/kill-switch/")
    assert not lanes.passes_always("POST", "/v1/trading/order/")
