"""Bad luck at the simulated venue: drawn from a seed, told at the back door, all in the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.venues.test_simulator_server import World, hear, of, order, reports, run, seqs
from venues import messages
from venues.messages import ExecType, Heartbeat
from venues.simulator import journal
from venues.simulator.misfortunes import EVERY, Crashed, Misfortune, Misfortunes, Plan, schedule

LINES = [b"a", b"b", b"c"]


def _struck(*kinds: Misfortune) -> Misfortunes:
    luck = Misfortunes(Plan(seed=1, rate=1.0))
    luck._on_the_wire = list(kinds)
    return luck


def test_without_a_rate_nothing_happens() -> None:
    luck = Misfortunes()
    assert luck.deliver(LINES) == LINES
    assert not luck.cuts()
    luck.crash_if_due()
    assert schedule(Plan(seed=4), 1000) == []


def test_what_happens_depends_on_seed_and_number_alone() -> None:
    plan = Plan(seed=9, rate=0.25)
    whole = schedule(plan, 400)
    assert whole[:10] == schedule(plan, 400)[:10]
    assert [one for one in whole if one[0] <= 100] == schedule(plan, 100)
    assert 60 < len(whole) < 140
    only = schedule(Plan(seed=9, rate=1.0, kinds=(Misfortune.BUST,)), 20)
    assert only == [(n, Misfortune.BUST) for n in range(1, 21)]


def test_the_line_drops_doubles_holds_back_and_mixes() -> None:
    assert _struck(Misfortune.DROP).deliver(LINES) == []
    assert _struck(Misfortune.DUPLICATE).deliver(LINES) == [b"a", b"a", b"b", b"b", b"c", b"c"]
    assert sorted(_struck(Misfortune.REORDER).deliver(LINES)) == LINES
    late = _struck(Misfortune.DELAY)
    assert late.deliver(LINES) == []
    late.number += 2
    assert late.deliver([b"d"]) == [b"d"]
    late.number += 1
    assert late.deliver([b"e"]) == [b"e", *LINES]


def test_a_crash_is_between_writing_and_saying(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        session = world.venue.session("SIMA")
        session.misfortunes = Misfortunes(Plan(rate=1.0, kinds=(Misfortune.CRASH,)))
        assert session._line is not None
        with pytest.raises(Crashed):
            session.receive(session._line, [messages.encode(order("A"))])
        assert "A" in journal.orders(tmp_path, "SIMA")
        session.misfortunes = Misfortunes()
        await client.close()

    run(tmp_path, story)
    assert [r.seq for r in journal.reports(tmp_path, "SIMA")] == [1, 2]


def test_bad_luck_is_told_at_the_back_door_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        told = await world.tell(cmd="misfortune", seed=3, rate=1.0, kinds=["drop"])
        assert told == {"ok": True}
        await client.send([order("A")])
        heard = await hear(client, lambda all_: any(isinstance(m, Heartbeat) for m in all_))
        assert reports(heard) == []
        beats = [m for m in heard if isinstance(m, Heartbeat)]
        assert beats[-1].last_seq == 2
        await world.tell(cmd="misfortune")
        again = await world.client(next_seq=1)
        assert seqs(await hear(again, of(2))) == [1, 2]
        refused = await world.tell(cmd="misfortune", rate=1.0, kinds=["laziness"])
        assert refused["ok"] is False

    run(tmp_path, story)


def test_a_refused_order_is_refused_for_ever(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await world.tell(cmd="misfortune", seed=3, rate=1.0, kinds=["reject"])
        await client.send([order("A")])
        assert reports(await hear(client, of(1)))[0].exec_type is ExecType.REJECTED
        await client.send([order("A")])
        (again,) = reports(await hear(client, of(1)))
        assert (again.exec_type, str(again.leaves_qty)) == (ExecType.ORDER_STATUS, "0")

    run(tmp_path, story)
    assert {kind for _, kind in schedule(Plan(seed=1, rate=1.0), 300)} == set(EVERY)
