"""Where the reports of each owner go: as few processes as have little to do, in their order."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future
from typing import Any, cast

import pytest

from oms_site.firm.beside import Beside
from oms_site.kit import clock
from orders.reports.flow import TOGETHER, Flow, Owned
from orders.reports.lanes import BUSY_SECONDS, LARGE, MANY, Lanes
from orders.reports.loads import ENOUGH, Loads
from tests.conftest import TEN
from venues.inbox import Stored

FEW = ENOUGH // 3


class Slow:
    """Processes that finish a part when they are told to."""

    def __init__(self) -> None:
        self.given: dict[int, list[Stored]] = defaultdict(list)
        self._asked: dict[int, Future[None]] = {}

    def submit(self, number: int, work: Any, venue_id: str, rows: list[Stored]) -> Future[None]:
        """Take a part."""
        assert number not in self._asked, "one part at a time"
        self.given[number] += rows
        self._asked[number] = asked = Future[None]()
        return asked

    def fail(self) -> None:
        """What is being worked on."""
        self._asked.pop(min(self._asked)).set_exception(OSError("no disk"))

    def finish(self) -> None:
        """All that is being worked on, and all that follows it."""
        while self._asked:
            self._asked.pop(min(self._asked)).set_result(None)


def _flow() -> tuple[Flow, Slow]:
    slow = Slow()
    return Flow(cast(Beside, slow), "SIMA", Loads(3)), slow


def _reports(owner: str, count: int, *, after: int = 0) -> list[Owned]:
    numbers = range(after + 1, after + count + 1)
    return [(owner, Stored(n, n, f"{owner} {n}", TEN)) for n in numbers]


def _whose(rows: list[Stored]) -> set[str]:
    return {row.body.split()[0] for row in rows}


def test_what_one_process_does_soon_goes_to_no_other() -> None:
    flow, slow = _flow()
    flow.give([*_reports("A", FEW), *_reports("B", FEW)])
    assert {number: _whose(rows) for number, rows in slow.given.items()} == {0: {"A", "B"}}


def test_when_one_has_enough_the_next_gets_the_next_owner() -> None:
    flow, slow = _flow()
    each = {name: _reports(name, ENOUGH) for name in "ABCD"}
    flow.give([row for turn in zip(*each.values(), strict=True) for row in turn])
    flow.give(_reports("A", FEW, after=ENOUGH))
    slow.finish()
    homes = [_whose(slow.given[number]) for number in range(3)]
    assert [name for home in homes for name in sorted(home)].count("A") == 1
    assert homes[1:] == [{"B"}, {"C"}]
    assert homes[0] == {"A", "D"}
    assert flow.settle() is None


def test_what_other_venues_have_on_their_way_counts_and_is_free_again_when_it_fails() -> None:
    loads, one, two, three = Loads(3), Slow(), Slow(), Slow()
    first = Flow(cast(Beside, one), "SIMA", loads)
    first.give(_reports("A", 2 * TOGETHER))  # more than goes at once
    Flow(cast(Beside, two), "SIMB", loads).give(_reports("B", FEW))
    assert list(two.given) == [1], "the other venue's process has enough"
    one.fail()
    assert isinstance(first.settle(), OSError)
    first.give(_reports("C", ENOUGH, after=2 * TOGETHER))
    assert _whose(one.given[0]) == {"A"}, "nothing goes behind what has failed"
    Flow(cast(Beside, three), "SIMC", loads).give(_reports("D", FEW))
    assert list(three.given) == [0]


def test_reports_of_an_owner_keep_their_order_wherever_they_go() -> None:
    flow, slow = _flow()
    for turn in range(4):
        for name in "ABCDE":
            flow.give(_reports(name, FEW, after=turn * FEW))
        slow.finish()
    assert flow.settle() is None
    for name in "ABCDE":
        seen = [r.seq for n in range(3) for r in slow.given[n] if r.body.split()[0] == name]
        assert sorted(seen) == list(range(1, 4 * FEW + 1))
        for number in range(3):
            mine = [row.seq for row in slow.given[number] if row.body.split()[0] == name]
            assert mine == sorted(mine)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that is told to whoever asks how much has passed."""
    told = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: told[0])
    return told


def test_a_large_batch_is_worth_several_processes_and_what_follows_soon(now: list[float]) -> None:
    lanes = Lanes(3)
    assert not lanes._is_busy(LARGE - 1)
    assert lanes._is_busy(LARGE)
    now[0] += BUSY_SECONDS / 2
    assert lanes._is_busy(1)
    now[0] += BUSY_SECONDS
    assert not lanes._is_busy(1)


def test_many_small_batches_are_worth_them_as_well(now: list[float]) -> None:
    lanes, small = Lanes(3), 8
    told = [lanes._is_busy(small) for _ in range(MANY // small)]
    assert told == [False] * (MANY // small - 1) + [True]
    for _ in range(20):  # for as long as it goes on
        now[0] += BUSY_SECONDS / 5
        assert lanes._is_busy(MANY // 5 + 1)


def test_few_in_a_second_are_applied_right_there(now: list[float]) -> None:
    lanes = Lanes(3)
    for _ in range(50):
        now[0] += BUSY_SECONDS / 4
        assert not lanes._is_busy(MANY // 6)
