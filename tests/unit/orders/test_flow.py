"""Where the reports of each owner go: as few processes as have little to do, in their order."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future
from typing import Any, cast

from oms_site.firm.beside import Beside
from orders.reports.flow import ENOUGH, Flow, Owned
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

    def finish(self) -> None:
        """All that is being worked on, and all that follows it."""
        while self._asked:
            self._asked.pop(min(self._asked)).set_result(None)


def _flow() -> tuple[Flow, Slow]:
    slow = Slow()
    return Flow(cast(Beside, slow), "SIMA", count=3), slow


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
