"""A custodian that is spoken to by files: once per leg, whatever becomes of the files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from allocations import adapters, rounds
from allocations.custodians import acceptance, settling_acceptance
from allocations.custodians.files import numbered
from allocations.custodians.files.adapter import FilesCustodian
from allocations.custodians.files.desk import FilesDesk
from allocations.custodians.files.exchange import Exchange
from allocations.custodians.port import Booked, BookingInstruction, CustodianError
from allocations.custodians.simulator import books, files
from allocations.custodians.simulator.app import CustodianApp
from allocations.models import BookingLeg, TradeConfirm
from allocations.settlement import making, sending
from oms_site.kit import clock
from orders import lots
from tests import trading
from tests.integration.allocations.outside import Outside

HOUSE = "cust_northern"
NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("America/New_York"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Outside]:
    """The custodian's own process, in a thread."""
    outside = Outside(tmp_path)
    yield outside
    outside.stop()


def adapter(directory: Path, patience: float = 20.0) -> FilesCustodian:
    return FilesCustodian(Exchange(directory / "files" / HOUSE, patience=patience))


def one(key: str = "bl_1", **changes: Any) -> BookingInstruction:
    trial = acceptance.Trial(adapter(Path("unused")), "ALPHA-FILES", "037833DP2", NOON.date())
    return trial.instruction(key=key, leg_id=key, **changes)


def lines(directory: Path) -> list[str]:
    """The keys that the custodian's own journal has, in its order: two bookings are seen twice."""
    text = books.path_of(directory, HOUSE).read_text()
    return [json.loads(line)["key"] for line in text.splitlines()]


class Slow:
    """A custodian that looks at its files only when it is told to."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.app = directory, CustodianApp(directory)
        files.open_doors(directory / "files")

    @property
    def house(self) -> Path:
        return self.directory / "files" / HOUSE

    def look(self) -> int:
        return asyncio.run(files.look(self.house, self.app.ask))

    def look_until(self, batches: int) -> None:
        """Until so many have been answered."""
        while batches > 0:
            batches -= self.look()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    custodian = Slow(tmp_path)
    yield custodian
    custodian.app.close()


def test_it_meets_every_requirement_of_a_custodian(world: Outside, tmp_path: Path) -> None:
    trial = acceptance.Trial(adapter(tmp_path), "CERTIFY-001", "912810SX7", date(2026, 11, 23))
    assert [found for found in acceptance.certify(trial) if found.fault] == []


def test_it_meets_every_requirement_of_a_settlement_desk(world: Outside, tmp_path: Path) -> None:
    trial = settling_acceptance.Trial(
        FilesDesk(adapter(tmp_path)), "CERTIFY-001", "912810SX7", NOON
    )
    assert [found for found in settling_acceptance.certify(trial) if found.fault] == []


def test_what_is_booked_at_one_moment_goes_out_as_one_file(slow: Slow, tmp_path: Path) -> None:
    custodian = adapter(tmp_path, patience=0.3)
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(custodian.book, one(f"bl_{n}")) for n in range(8)]
        assert all(isinstance(wait.exception(), CustodianError) for wait in waits)
    batches = sorted(slow.house.glob("to/*.jsonl"))
    assert len(batches) < 8
    told = [record["key"] for path in batches for record in numbered.parse(path.read_bytes())[1]]
    assert sorted(told) == [f"bl_{n}" for n in range(8)]


def test_a_late_acknowledgement_is_taken_and_nothing_is_sent_again(
    slow: Slow, tmp_path: Path
) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    for _ in range(3):
        with pytest.raises(CustodianError) as waits:
            custodian.book(one())
        assert (waits.value.code, waits.value.waits) == ("acknowledgement_awaited", True)
    assert len(list(slow.house.glob("to/*.jsonl"))) == 1
    slow.look()
    assert isinstance(custodian.book(one()), Booked)
    assert lines(tmp_path) == ["bl_1"]


def test_after_a_crash_the_same_leg_goes_out_again_and_is_booked_once(
    slow: Slow, tmp_path: Path
) -> None:
    with pytest.raises(CustodianError):
        adapter(tmp_path, patience=0.05).book(one())
    with pytest.raises(CustodianError):  # another process, which remembers nothing
        adapter(tmp_path, patience=0.05).book(one())
    assert slow.look() == 2
    answers = [
        numbered.parse(path.read_bytes())[1] for path in sorted(slow.house.glob("from/*.jsonl"))
    ]
    assert answers[0] == answers[1]
    assert lines(tmp_path) == ["bl_1"]


def test_a_custodian_that_died_between_answer_and_tidying_answers_the_same(
    slow: Slow, tmp_path: Path
) -> None:
    with pytest.raises(CustodianError):
        adapter(tmp_path, patience=0.05).book(one())
    (batch,) = slow.house.glob("to/*.jsonl")
    content = batch.read_bytes()
    slow.look()
    batch.write_bytes(content)  # it had answered, and not put the batch aside
    slow.look()
    (slow.house / "from" / batch.name).unlink()
    batch.write_bytes(content)  # it had booked, and not answered
    slow.look()
    assert lines(tmp_path) == ["bl_1"]
    assert len(list(slow.house.glob("from/*.jsonl"))) == 1


@pytest.mark.parametrize("cut", [2, 10, 200])
def test_an_acknowledgement_that_was_cut_short_is_not_believed(
    slow: Slow, tmp_path: Path, cut: int
) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    with pytest.raises(CustodianError):
        custodian.book(one())
    slow.look()
    (path,) = slow.house.glob("from/*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with pytest.raises(CustodianError) as waits:
        custodian.book(one())
    assert (waits.value.code, waits.value.waits) == ("acknowledgement_unreadable", True)
    path.write_bytes(whole)
    assert isinstance(custodian.book(one()), Booked)


def test_an_acknowledgement_with_another_reference_is_not_believed(
    slow: Slow, tmp_path: Path
) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    with pytest.raises(CustodianError):
        custodian.book(one())
    slow.look()
    (path,) = slow.house.glob("from/*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"00000001", b"00000007"))
    with pytest.raises(CustodianError, match="trailer"):
        custodian.book(one())


def test_what_an_acknowledgement_leaves_out_is_sent_again(slow: Slow, tmp_path: Path) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    with pytest.raises(CustodianError):
        custodian.book(one())
    (batch,) = slow.house.glob("to/*.jsonl")
    numbered.put(slow.house / "from" / batch.name, numbered.text_of({}, []))
    with pytest.raises(CustodianError) as waits:
        custodian.book(one())
    assert waits.value.code == "acknowledgement_partial"
    with pytest.raises(CustodianError) as again:
        custodian.book(one())
    assert again.value.code == "acknowledgement_awaited"
    slow.look()
    assert isinstance(custodian.book(one()), Booked)
    assert lines(tmp_path) == ["bl_1"]


def test_a_batch_that_was_changed_on_its_way_is_refused_whole_and_goes_again(
    slow: Slow, tmp_path: Path
) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    with pytest.raises(CustodianError):
        custodian.book(one())
    (batch,) = slow.house.glob("to/*.jsonl")
    batch.write_bytes(batch.read_bytes().replace(b"991.24", b"991.25"))
    slow.look()
    with pytest.raises(CustodianError) as refused:
        custodian.book(one())
    assert refused.value.code == "batch_refused"
    with pytest.raises(CustodianError):
        custodian.book(one())
    slow.look()
    assert isinstance(custodian.book(one()), Booked)


def test_no_number_is_given_twice_even_to_two_processes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: numbered.next_number(tmp_path), range(40)))
    assert sorted(found) == list(range(1, 41))
    (tmp_path / ".last").unlink()
    numbered.put(tmp_path / numbered.name_of(77), numbered.text_of({}, []))
    assert numbered.next_number(tmp_path) == 78


def test_a_question_that_its_asker_cleared_away_at_once_stops_nobody(
    slow: Slow, tmp_path: Path
) -> None:
    custodian = adapter(tmp_path, patience=0.05)
    with pytest.raises(CustodianError):
        custodian.find("bl_1")
    (batch,) = slow.house.glob("to/*.jsonl")

    async def ask(*about: Any) -> tuple[int, dict[str, Any]]:
        batch.unlink()  # the asker has read the answer before the batch is put aside
        return await slow.app.ask(*about)

    assert asyncio.run(files.look(slow.house, ask)) == 1
    assert slow.look() == 0


def test_a_custodian_whose_directory_is_gone_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(CustodianError) as away:
        adapter(tmp_path).book(one())
    assert (away.value.code, away.value.waits) == ("files_unreachable", False)


@pytest.mark.django_db
def test_a_leg_is_booked_by_files_however_late_they_are_and_never_given_up(
    sandbox: datetime, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTSIDE_DIR = tmp_path
    custodian = Slow(tmp_path)
    quick = adapter(tmp_path, patience=0.05)
    monkeypatch.setitem(adapters.ADAPTERS, "files", lambda facts: quick)
    child = trading.routed(account_id="alpha-files", qty=trading.D(1000))
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    at = clock.now()
    for n in range(rounds.ATTEMPTS_MAX + 3):
        with clock.frozen_at(at + timedelta(hours=n)):
            assert rounds.run_round(HOUSE, most=10).claimed == 1
    (leg,) = BookingLeg.objects.all()
    assert (leg.status, leg.code) == ("sent", "acknowledgement_awaited")
    custodian.look()
    with clock.frozen_at(at + timedelta(days=2)):
        rounds.run_round(HOUSE, most=10)
    leg = BookingLeg.objects.get(pk=leg.pk)
    assert leg.status == "booked"
    assert lines(tmp_path) == [leg.id]
    custodian.app.close()


@pytest.mark.django_db
def test_a_confirmation_is_told_by_files_however_late_they_are_and_never_given_up(
    sandbox: datetime, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTSIDE_DIR = tmp_path
    custodian = Slow(tmp_path)
    quick = adapter(tmp_path, patience=0.05)
    monkeypatch.setitem(adapters.ADAPTERS, "files", lambda facts: adapter(tmp_path, patience=5))
    monkeypatch.setitem(adapters.DESKS, "files", lambda facts: FilesDesk(quick))
    monkeypatch.setattr(sending, "ATTEMPTS_MAX", 2)
    child = trading.routed(account_id="alpha-files", qty=trading.D(1000))
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(custodian.look_until, 1)
        assert rounds.run_round(HOUSE, most=10).claimed == 1
        answering.result()
    assert BookingLeg.objects.get().status == "booked"
    making.drain()
    at = clock.now()
    for n in range(5):
        with clock.frozen_at(at + timedelta(hours=n)):
            assert sending.run_round(HOUSE) == (1, True)
    row = TradeConfirm.objects.get()
    assert (row.attempts, row.code, row.received_at) == (5, "", None)
    custodian.look()
    with clock.frozen_at(at + timedelta(days=1)):
        assert sending.run_round(HOUSE) == (1, False)
    row = TradeConfirm.objects.get()
    assert (row.attempts, row.code, row.due_at) == (6, "", None)
    assert row.received_at is not None
    custodian.app.close()
