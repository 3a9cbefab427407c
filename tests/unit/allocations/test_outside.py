"""The outside world as a process of its own: killed, started again, and never part of us."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from allocations.custodians import outside
from allocations.custodians.port import BookingInstruction, CustodianError
from allocations.custodians.simulated.adapter import SimulatedCustodian
from oms_site.kit import clock
from venues import messages
from venues.gateways.port import GatewayError
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.simulator import journal

LEG = BookingInstruction(
    key="k1",
    leg_id="leg_1",
    account="ACC1",
    cusip="912810SX7",
    side="1",
    qty=Decimal(1_000),
    price=Decimal("100.50"),
    principal=Decimal("1005.00"),
    accrued_interest=Decimal("1.25"),
    net_money=Decimal("1006.25"),
    trade_date=date(2026, 11, 23),
    settlement_date=date(2026, 11, 24),
)
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "allocations.custodians.outside"]
        started.append(subprocess.Popen([*command, "--journal", str(tmp_path)]))
        return started[-1]

    yield begin
    while _clients:
        _clients.pop().close()
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(20)


_clients: list[SimulatedCustodian] = []


def await_custodian(journal_dir: Path) -> SimulatedCustodian:
    """A client of the custodian, once it answers."""
    for _ in range(400):
        ports = outside.read_ports(journal_dir)
        if ports is not None:
            client = SimulatedCustodian(f"http://127.0.0.1:{ports.custodian}/cust_bny")
            _clients.append(client)
            with contextlib.suppress(CustodianError):
                client.find("never")
                return client
        time.sleep(0.05)
    raise AssertionError("the outside world did not start")


def test_it_comes_back_on_its_ports_with_all_it_knew(tmp_path: Path, start: Start) -> None:
    process = start()
    ref = await_custodian(tmp_path).book(LEG)
    ports = outside.read_ports(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    process = start()
    assert await_custodian(tmp_path).find("k1") == ref
    assert outside.read_ports(tmp_path) == ports
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_two_processes_never_share_a_journal(tmp_path: Path, start: Start) -> None:
    start()
    await_custodian(tmp_path)
    assert start().wait(20) != 0


def test_a_killed_venue_has_said_nothing_it_does_not_remember(tmp_path: Path, start: Start) -> None:
    process = start()
    await_custodian(tmp_path)
    heard = asyncio.run(hear_until_killed(tmp_path, process))
    process.wait(20)
    assert len(heard) > 100
    kept = [messages.encode(r).decode() for r in journal.reports(tmp_path, "SIMA")]
    assert kept[: len(heard)] == heard
    start()
    await_custodian(tmp_path)
    rest = asyncio.run(hear_rest(tmp_path, next_seq=len(heard) + 1))
    assert [*heard, *rest] == kept


async def hear_until_killed(directory: Path, process: subprocess.Popen[bytes]) -> list[str]:
    """Reports received from a venue that is killed in the middle of a flood of orders."""
    heard: list[str] = []
    client = gateway(directory)
    await client.connect(1)

    async def flood() -> None:
        for turn in range(200):
            await client.send([order(f"A{turn}-{n}") for n in range(50)])
            await asyncio.sleep(0)

    flooding = asyncio.create_task(flood())
    with contextlib.suppress(GatewayError):
        async for batch in client.receive():
            heard += [f.text for f in batch if isinstance(f.message, messages.ExecutionReport)]
            if len(heard) > 1_000:
                process.kill()
    with contextlib.suppress(GatewayError):
        await flooding
    await client.close()
    return heard


async def hear_rest(directory: Path, next_seq: int) -> list[str]:
    """Everything the venue has to say from a number on."""
    client = gateway(directory)
    last_seq = await client.connect(next_seq)
    rest: list[str] = []
    while next_seq + len(rest) <= last_seq:
        batch = await anext(client.receive())
        rest += [f.text for f in batch if isinstance(f.message, messages.ExecutionReport)]
    await client.close()
    return rest


def gateway(directory: Path) -> SimulatorGateway:
    ports = outside.read_ports(directory)
    assert ports is not None
    return SimulatorGateway(session="SIMA", host="127.0.0.1", port=ports.venue)


def order(cl_ord_id: str) -> messages.NewOrder:
    return messages.NewOrder(
        cl_ord_id=cl_ord_id,
        security_id="912810FF0",
        side="1",
        ord_type="1",
        order_qty=Decimal(1_000),
        transact_time=clock.now(),
    )


def test_its_code_imports_only_what_an_outside_party_may() -> None:
    root = Path(outside.__file__).parents[2]
    files = [
        root / "allocations" / "custodians" / "outside.py",
        *(root / "allocations" / "custodians" / "simulator").glob("*.py"),
        *(root / "venues" / "simulator").glob("*.py"),
    ]
    assert len(files) > 15
    strange = {(file.name, name) for file in files for name in imports(file) if not is_free(name)}
    assert strange == set()


def imports(file: Path) -> Iterator[str]:
    """The full name of everything a file imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_free(name: str) -> bool:
    """Whether an outside party may import it: the kit, the wire, the catalog, itself."""
    ours = ("oms_site.kit.", "venues.messages.", "venues.catalog", "venues.simulator.")
    own = "allocations.custodians.simulator."
    first = name.split(".")[0]
    return (
        first in sys.stdlib_module_names | {"msgspec", "uvicorn"}
        or name.startswith((*ours, own))
        or name in ("venues.messages", "venues.simulator", "oms_site.kit")
    )


def test_it_never_loads_our_database_or_settings() -> None:
    ours = "'django.db', 'psycopg', 'oms_site.settings', 'oms_site.journal', 'venues.models'"
    asked = f"import allocations.custodians.outside, sys; print({{{ours}}} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True)
    assert answer.stdout.strip() == b"set()"
