"""The shared counters on a real Valkey: exact over processes, equal to the model, safe without."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from oms_site.kit import clock
from oms_site.throttling import counting, gate
from oms_site.throttling.counting import Counters
from oms_site.throttling.limits import STANDARD, Counted, Item, Lane, Limits, Subject
from oms_site.throttling.windows import Windows
from tests.product import ROOT, until

NOW = 1_700_000_000_000


@pytest.fixture
def prefix() -> str:
    return f"test:{uuid4()}:"


@pytest.fixture
def shared(prefix: str) -> Counters:
    return Counters(settings.REDIS_URL, prefix=prefix, processes=2)


def one(limits: Limits, **given: object) -> Item:
    return replace(Item((Subject("u1", limits),)), **given)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("seed", range(6))
def test_the_script_answers_exactly_as_the_model(shared: Counters, seed: int) -> None:
    dice, model, now = random.Random(seed), Windows(), NOW
    subjects = (
        Subject("k1", Limits(5, 30, 5, 20, 300_000)),
        Subject("u1", Limits(8, 60)),
        Subject("o1", Limits(20, 90, 20, 40, 120_000)),
    )
    for _ in range(300):
        now += dice.choice((0, 1, 7, 100, 450, 1_000, 3_000, 30_000))
        some = tuple(dice.sample(subjects, dice.randint(1, 3)))
        wanted = dice.choice((1, 1, 1, 2, 6))
        item = Item(
            some,
            wanted,
            dice.random() < 0.3,
            dice.choice((0, 0, 4)),
            100,
            dice.choice((-1, -1, 0)),
            dice.choice((0, 0, 250, 900)),
        )
        assert shared.count([item], now=now) == [model.ask(item, now)]


def test_many_questions_in_one_call_are_answered_one_after_another(shared: Counters) -> None:
    item = one(Limits(3, 100))
    assert [found.granted for found in shared.count([item] * 5, now=NOW)] == [1, 1, 1, 0, 0]


def test_requests_that_are_held_share_one_call_and_wait_each_for_its_own_place(
    shared: Counters,
) -> None:
    item = one(Limits(3, 100), hold_ms=250)
    shared.count([one(Limits(3, 100))] * 2, now=NOW)
    shared.count([one(Limits(3, 100))], now=NOW + 50)
    asks = [(item, Future[Counted]()) for _ in range(5)]
    (group,) = counting._grouped(asks)
    (counted,) = shared.count([group[0]], now=NOW + 800)
    assert (counted.granted, counted.holds) == (2, (201, 201))
    counting._share(group[1], counted)
    told = [answer.result() for _, answer in asks]
    assert [one.granted for one in told] == [1, 1, 0, 0, 0]
    assert [one.holds for one in told] == [(201,), (201,), (), (), ()]


def test_a_burst_lasts_ten_seconds_at_twice_the_rate(shared: Counters) -> None:
    item = one(STANDARD.lanes[Lane.ORDERS], wanted=20)
    for second in range(10):
        for tick in range(10):
            (found,) = shared.count([item], now=NOW + second * 1_001 + tick * 100)
            assert found.granted == 20
    (found,) = shared.count([item], now=NOW + 10_500)
    assert found.granted == 0


_GREEDY = """
import sys, time, os
import django
django.setup()
from django.conf import settings
from oms_site.throttling.counting import Counters
from oms_site.throttling.limits import Item, Limits, Subject
counters = Counters(settings.REDIS_URL, prefix=sys.argv[1], processes=4)
print("ready", flush=True)
sys.stdin.readline()
item = Item((Subject("k1", Limits(10**6, 400)), Subject("u1", Limits(10**6, 400))))
answers = [counters.ask(item) for _ in range(300)]
print(sum(answer.result(20).granted for answer in answers), flush=True)
"""


def test_four_processes_at_once_let_in_exactly_the_limit(prefix: str) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "oms_site.settings"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _GREEDY, prefix],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    let_in = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(let_in) == 400


def test_what_is_lent_to_processes_never_exceeds_the_limit_together(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject("k1", Limits(2_000, 2_500))
    let_in = 0
    mine = [Counters(settings.REDIS_URL, prefix=prefix, processes=2) for _ in range(3)]
    slices: list[dict[object, object]] = [{} for _ in mine]
    for n in range(6_000):
        # Three processes take turns; each has slices of its own.
        monkeypatch.setattr(counting, "_made", mine[n % 3])
        monkeypatch.setattr(gate, "_slices", slices[n % 3])
        let_in += gate._of_subjects((subject,), Lane.ORDERS, 1, principal=None).allowed
    assert 2_000 <= let_in <= 2_500


@pytest.fixture
def own_valkey(tmp_path: object) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Valkey of this test alone, to be killed and started again."""
    from oms_site.supervisor import valkey

    path = f"/tmp/rates-{uuid4().hex[:8]}.sock"  # noqa: S108  a socket's path must be short
    running: list[subprocess.Popen[bytes]] = []
    yield f"unix://{path}", running
    for process in running:
        process.kill()
        process.wait()
    assert valkey.program().exists()


def start(url: str, running: list[subprocess.Popen[bytes]]) -> None:
    from oms_site.supervisor import valkey

    options = ["--port", "0", "--unixsocket", url.removeprefix("unix://"), "--save", ""]
    running.append(subprocess.Popen([str(valkey.program()), *options], stdout=subprocess.DEVNULL))
    until(lambda: valkey.answers(url), what="the Valkey")


def test_without_redis_each_process_counts_its_part_and_it_comes_back_by_itself(
    own_valkey: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    url, running = own_valkey
    start(url, running)
    counters = Counters(url, prefix="x:", processes=4)
    item = one(Limits(40, 400))
    assert sum(counters.ask(item).result(5).granted for _ in range(50)) == 40
    running[0].kill()
    running[0].wait()
    assert sum(counters.ask(item).result(5).granted for _ in range(30)) == 10
    assert counters.is_local
    start(url, running)

    def back() -> bool:
        counters.ask(one(Limits(1_000_000, 1_000_000))).result(5)
        return not counters.is_local

    until(back, what="the shared counters")


def test_a_redis_that_never_was_there_limits_all_the_same() -> None:
    counters = Counters("unix:///nowhere/valkey.sock", prefix="x:", processes=1)
    item = one(Limits(5, 50))
    assert sum(counters.ask(item).result(5).granted for _ in range(9)) == 5


def test_lost_counters_are_no_error(shared: Counters, prefix: str) -> None:
    item = one(Limits(3, 30))
    shared.count([item] * 3, now=NOW)
    link = redis.Redis.from_url(settings.REDIS_URL)
    link.delete(*link.keys(f"{prefix}*"))
    link.close()
    assert shared.count([item], now=NOW)[0].granted == 1


def test_a_slice_ends_a_tenth_of_a_second_after_it_was_asked_for(
    shared: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 500.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    monkeypatch.setattr(counting, "_made", shared)
    monkeypatch.setattr(gate, "_slices", {})
    subjects = (Subject("k1", Limits(2_000, 20_000)),)
    assert gate._of_subjects(subjects, Lane.ORDERS, 1, principal=None).allowed
    now = 500.099
    assert gate._borrowed(subjects, 1) is not None
    now = 500.1
    assert gate._borrowed(subjects, 1) is None
