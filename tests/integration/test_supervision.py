"""The supervisor with dummy applications over the real embedded PostgreSQL and Valkey."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from oms_site.supervisor import leftovers, logs, postgres, valkey
from oms_site.supervisor.data import ROOT, read_layout
from oms_site.supervisor.processes import BackOff
from oms_site.supervisor.temporary import temporary_servers
from oms_site.supervisor.terminal import CannotStart
from tests.product import clean_environment

PRODUCT = Path(__file__).with_name("fake_product.py")


class Copy:
    """One running copy of the fake product."""

    def __init__(self, data_dir: Path, *, port: int | None = None, fault: str = "") -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.output = data_dir.with_name(data_dir.name + ".out")
        env = {
            **clean_environment(),
            "OMS_DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            "FAKE_FAULT": fault,
            "PYTHONPATH": str(ROOT),
        }
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(PRODUCT)], env=env, stdout=out, stderr=out
            )

    def said(self) -> str:
        """All it wrote on the terminal."""
        return self.output.read_text()

    def wait_ready(self) -> Copy:
        """Wait for its ready line."""
        until(lambda: f"OEMS ready at http://127.0.0.1:{self.port}\n" in self.said(), self)
        return self

    def facts(self) -> dict[str, Any]:
        """The content of its run.json."""
        found: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return found

    def pid(self, name: str) -> int:
        """The process id it tells for a child; 0 while that is down."""
        return int(self.facts()["pids"].get(name, 0))

    def wait_other_pid(self, name: str, before: int) -> int:
        """Wait until a child runs again as another process."""
        until(lambda: self.pid(name) not in {0, before}, self)
        return self.pid(name)

    def ask(self, query: str) -> Any:
        """The first value a query of the product's own database gives."""
        with psycopg.connect(self.facts()["database_url"], autocommit=True) as link:
            answer = link.execute(query)
            return answer.fetchone()[0] if answer.description else None  # type: ignore[index]  # one row

    def stop(self) -> int:
        """Stop it as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def processes(self) -> list[str]:
        """Every process of this data directory that is still there, supervisor excepted."""
        found = [str(pid) for pid in leftovers.find_leftovers(self.data_dir)]
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(self.data_dir) in words and str(PRODUCT) not in words:
                found.append(words.replace("\0", " "))
        return [one for one in found if one != str(self.process.pid)]


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def until(condition: Callable[[], bool], copy: Copy, *, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s; it said:\n{copy.said()}"
        assert copy.process.poll() is None, f"it ended; it said:\n{copy.said()}"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Copy]]:
    copies: list[Copy] = []

    def start_one(name: str = "data", **options: Any) -> Copy:
        copies.append(Copy(tmp_path / name, **options))
        return copies[-1]

    yield start_one
    for copy in copies:
        if copy.process.poll() is None:
            copy.stop()


def test_a_start_ends_with_the_ready_line_and_the_sandbox_logins(
    start: Callable[..., Copy],
) -> None:
    copy = start().wait_ready()
    until(lambda: "oems_test_beta_admin" in copy.said(), copy)
    lines = copy.said().splitlines()
    assert f"OEMS ready at http://127.0.0.1:{copy.port}" in lines
    assert any("alpha_compliance2" in line and "sandbox" in line for line in lines)
    facts = copy.facts()
    assert facts["port"] == copy.port
    assert set(facts["pids"]) == {
        *("supervisor", "postgres", "valkey", "web", "worker", "stubborn"),
    }
    assert redis.from_url(facts["redis_url"]).ping()
    assert copy.data_dir.joinpath("run.json").stat().st_mode & 0o777 == 0o600
    assert copy.data_dir.joinpath("secret_key").stat().st_mode & 0o777 == 0o600


def test_an_acknowledged_commit_is_always_on_the_disk_and_the_role_is_no_superuser(
    start: Callable[..., Copy],
) -> None:
    copy = start().wait_ready()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert copy.ask(f"SHOW {setting}") == "on"
    assert copy.ask("SHOW listen_addresses") == ""
    assert copy.ask("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_a_crashed_child_is_restarted_alone_and_leaves_no_process(
    start: Callable[..., Copy],
) -> None:
    copy = start().wait_ready()
    before = copy.facts()["pids"]
    until(lambda: len(group_of(before["stubborn"])) == 2, copy)
    os.kill(before["stubborn"], signal.SIGKILL)
    copy.wait_other_pid("stubborn", before["stubborn"])
    after = copy.facts()["pids"]
    assert {name for name in before if before[name] != after[name]} == {"stubborn"}
    assert "ended (killed by SIGKILL); starting it again in 0.25 s" in copy.said()
    # The one it had started itself went with it.
    assert not group_of(before["stubborn"])


def test_a_log_line_of_trouble_is_repeated_on_the_terminal(start: Callable[..., Copy]) -> None:
    copy = start().wait_ready()
    until(lambda: "ERROR deaf on purpose" in copy.said(), copy)
    assert (copy.data_dir / "logs" / "worker.log").read_text() == "up\n"


def test_killed_servers_come_back_with_what_was_committed(start: Callable[..., Copy]) -> None:
    copy = start().wait_ready()
    copy.ask("CREATE TABLE kept AS SELECT 42 AS value")
    for name in ("postgres", "valkey"):
        before = copy.pid(name)
        os.kill(before, signal.SIGKILL)
        copy.wait_other_pid(name, before)
    until(lambda: postgres.accepts(copy.facts()["database_url"]), copy)
    assert copy.ask("SELECT value FROM kept") == 42
    until(lambda: valkey.answers(copy.facts()["redis_url"]), copy)


def test_ctrl_c_stops_everything_even_a_child_that_does_not_listen(
    start: Callable[..., Copy],
) -> None:
    copy = start().wait_ready()
    assert copy.processes()
    began = time.monotonic()
    assert copy.stop() == 0
    assert time.monotonic() - began < 10
    assert copy.processes() == []
    assert not (copy.data_dir / "run.json").exists()
    assert not (copy.data_dir / "postgres" / "postmaster.pid").exists()


def test_a_second_start_keeps_the_data(start: Callable[..., Copy]) -> None:
    first = start().wait_ready()
    first.ask("CREATE TABLE kept AS SELECT 42 AS value")
    key = (first.data_dir / "secret_key").read_text()
    first.stop()
    second = start(port=first.port).wait_ready()
    assert second.ask("SELECT value FROM kept") == 42
    assert (second.data_dir / "secret_key").read_text() == key


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_recovers(
    start: Callable[..., Copy],
) -> None:
    first = start().wait_ready()
    first.ask("CREATE TABLE kept AS SELECT 42 AS value")
    until(lambda: len(group_of(first.pid("stubborn"))) == 2, first)
    direct = [pid for name, pid in first.facts()["pids"].items() if name != "supervisor"]
    first.process.kill()
    first.process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in direct):
        assert time.monotonic() < deadline, first.processes()
        time.sleep(0.05)
    second = start(port=first.port).wait_ready()
    assert second.ask("SELECT value FROM kept") == 42
    second.stop()
    assert second.processes() == []


def test_a_stale_process_id_of_another_program_does_not_keep_postgres_from_starting(
    start: Callable[..., Copy],
) -> None:
    first = start().wait_ready()
    first.stop()
    cluster = first.data_dir / "postgres"
    other = subprocess.Popen(["sleep", "60"], user=cluster.stat().st_uid)
    note = f"{other.pid}\n{cluster}\n0\n5432\n/tmp\n\n0 0\nready\n"
    (cluster / "postmaster.pid").write_text(note)
    try:
        assert start(port=first.port).wait_ready().ask("SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_second_copy_on_the_same_data_is_refused(start: Callable[..., Copy]) -> None:
    first = start().wait_ready()
    second = start()
    assert second.process.wait(20) == 1
    said = second.said()
    assert f"Another copy (process {first.process.pid}) is already running" in said
    assert "OMS_DATA_DIR=.data-2 make run" in said
    assert first.process.poll() is None
    assert first.ask("SELECT 1") == 1


def test_a_taken_port_is_told_before_anything_is_started(start: Callable[..., Copy]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        copy = start(port=port)
        assert copy.process.wait(20) == 1
    assert f"Port {port} is taken by another program" in copy.said()
    assert f"PORT={port + 1} make run" in copy.said()
    assert not (copy.data_dir / "postgres").exists()


def test_two_copies_run_side_by_side(start: Callable[..., Copy]) -> None:
    one, two = start("one"), start("two")
    one.wait_ready()
    two.wait_ready()
    one.ask("CREATE TABLE mine AS SELECT 1")
    assert two.ask("SELECT to_regclass('mine')") is None
    one.stop()
    assert two.ask("SELECT 1") == 1


def test_a_failing_step_is_shown_and_everything_stopped(start: Callable[..., Copy]) -> None:
    copy = start(fault="step")
    assert copy.process.wait(30) == 1
    assert "the disk said no" in copy.said()
    assert "exit code 3" in copy.said()
    assert "OEMS ready" not in copy.said()
    assert copy.processes() == []


def test_a_child_that_never_stays_up_ends_the_start_with_its_last_words(
    start: Callable[..., Copy],
) -> None:
    copy = start(fault="crash")
    assert copy.process.wait(30) == 1
    assert "gateway does not stay up" in copy.said()
    assert "no such table: orders" in copy.said()
    assert copy.processes() == []


def test_a_data_directory_with_a_long_path_works(start: Callable[..., Copy]) -> None:
    copy = start("d" * 90)
    copy.data_dir.parent.mkdir(exist_ok=True)
    copy.wait_ready()
    assert "host=/tmp/oems-" in copy.facts()["database_url"]
    assert copy.ask("SELECT 1") == 1


def test_temporary_servers_are_quick_durable_and_leave_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    with temporary_servers(tmp_path) as servers:
        assert time.monotonic() - began < 10  # about 0.6 s on a quiet machine
        with psycopg.connect(servers.database_url, autocommit=True) as link:
            assert link.execute("SHOW fsync").fetchone() == ("on",)
            link.execute("CREATE DATABASE test_oms")
        assert redis.from_url(servers.redis_url).ping()
    for pid in (servers.postgres_pid, servers.valkey_pid):
        assert not Path(f"/proc/{pid}").exists()


def test_the_wait_before_a_restart_doubles_up_to_a_ceiling() -> None:
    back_off = BackOff(first=0.25, ceiling=5)
    assert [back_off.delay(n) for n in (1, 2, 3, 6, 99)] == [0.25, 0.5, 1.0, 5.0, 5.0]


@pytest.mark.parametrize("port", ["eighty", "0", "70000", "-1"])
def test_a_port_that_makes_no_sense_is_refused_in_plain_words(port: str) -> None:
    with pytest.raises(CannotStart, match="whole number from 1 to 65535"):
        read_layout({"PORT": port})


def test_a_large_log_is_put_aside_at_start_and_three_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LARGE", 10)
    log = tmp_path / "web.log"
    for n in range(6):
        log.write_text(f"run {n} was long")
        logs.rotate(log)
    kept = {path.name: path.read_text()[:5] for path in tmp_path.iterdir()}
    assert kept == {"web.log.1": "run 5", "web.log.2": "run 4", "web.log.3": "run 3"}


def group_of(pid: int) -> list[int]:
    """The processes in the group a process leads."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[2]) == pid and after_name[0] != "Z":
            found.append(int(entry.name))
    return found
