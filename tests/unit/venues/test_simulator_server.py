"""The simulated venue over real sockets, met by our own gateway client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from oms_site.kit import clock
from venues import messages
from venues.gateways.port import Frame, GatewayError
from venues.gateways.simulator import gateway as gateways
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.messages import (
    CancelReject,
    ExecType,
    ExecutionReport,
    Heartbeat,
    LogonAck,
    NewOrder,
    Quote,
    StatusRequest,
    WireIn,
)
from venues.simulator import admin, journal, server
from venues.simulator.server import Venue

PLAIN = "91282CAA1"


@dataclass
class Listed:
    cusip: str = PLAIN
    reference_price: Decimal = Decimal(100)
    security_type: str = "note"
    min_increment: Decimal = Decimal(100)


async def leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is closed."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class World:
    """A venue on free ports, and clients of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._clients: list[SimulatorGateway] = []

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        self.venue = Venue(directory=self.directory, listings=[Listed()])
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.admin_port = (sock.getsockname()[1] for sock in sockets)
        servers = [
            await self.venue.listen(sockets[0]),
            await admin.listen(self.venue, sockets[1]),
        ]
        pulse = asyncio.create_task(self.venue.run())
        try:
            yield self
        finally:
            for client in self._clients:
                await client.close()
            pulse.cancel()
            for server in servers:
                server.close()
            self.venue.close()
            # What was closed is gone only after the loop has turned.
            await asyncio.sleep(0.05)

    async def client(self, next_seq: int = 1, session: str = "SIMA") -> SimulatorGateway:
        client = SimulatorGateway(session=session, host="127.0.0.1", port=self.port)
        self._clients.append(client)
        await client.connect(next_seq)
        return client

    async def tell(self, **command: object) -> dict[str, object]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.admin_port)
        writer.write(json.dumps(command).encode() + b"\n")
        answer: dict[str, object] = json.loads(await reader.readline())
        await leave(writer)
        return answer


def run(directory: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def play() -> None:
        async with asyncio.timeout(20), World(directory).open() as world:
            await story(world)

    asyncio.run(play())


def order(cl_ord_id: str, security_id: str = PLAIN, px: str | None = None) -> NewOrder:
    return NewOrder(
        cl_ord_id=cl_ord_id,
        security_id=security_id,
        side="1",
        ord_type="2" if px else "1",
        order_qty=Decimal(1_000),
        price=Decimal(px) if px else None,
        transact_time=clock.now(),
    )


async def hear(client: SimulatorGateway, enough: Callable[[list[WireIn]], bool]) -> list[WireIn]:
    """Everything said until it is enough."""
    heard: list[WireIn] = []
    async for batch in client.receive():
        heard += [frame.message for frame in batch if frame.message is not None]
        if enough(heard):
            break
    return heard


def reports(heard: list[WireIn]) -> list[ExecutionReport]:
    return [m for m in heard if isinstance(m, ExecutionReport)]


def of(count: int) -> Callable[[list[WireIn]], bool]:
    return lambda heard: len(reports(heard)) >= count


def seqs(heard: list[WireIn]) -> list[int]:
    return [report.seq for report in reports(heard)]


def test_a_peer_is_greeted_with_quotes_and_answered_with_reports(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await client.send([order("A"), order("B")])
        heard = await hear(client, of(4))
        assert [r.exec_type for r in reports(heard)] == [ExecType.NEW, ExecType.TRADE] * 2
        quoted = {m.security_id: m for m in heard if isinstance(m, Quote)}
        assert quoted[PLAIN].bid_px == Decimal("99.96875")
        assert (quoted["880591DM1"].bid_px, quoted["3130A2UW4"].ask_px) == (None, Decimal(101))
        await client.close()

    run(tmp_path, story)


def test_a_fill_comes_by_itself_when_its_time_has_come(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await client.send([order("A", "912810SX7", "101")])
        heard = reports(await hear(client, of(2)))
        assert heard[1].transact_time - heard[0].transact_time >= timedelta(seconds=1)
        await client.close()

    run(tmp_path, story)


def test_a_peer_gets_every_report_it_asks_for_also_from_before_a_restart(tmp_path: Path) -> None:
    async def before(world: World) -> None:
        client = await world.client()
        await client.send([order(f"A{n}") for n in range(50)])
        assert seqs(await hear(client, of(100))) == list(range(1, 101))

    async def after(world: World) -> None:
        client = await world.client(next_seq=31)
        await client.send([order("A7"), StatusRequest(cl_ord_id="A8", security_id=PLAIN, side="1")])
        heard = await hear(client, of(72))
        assert seqs(heard) == list(range(31, 103))
        assert {r.ord_status for r in reports(heard)[-2:]} == {messages.OrdStatus.FILLED}
        await client.close()

    run(tmp_path, before)
    run(tmp_path, after)
    assert len(journal.orders(tmp_path, "SIMA")) == 50


def test_a_long_past_is_served_in_order_while_new_reports_arrive(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first = await world.client()
        await first.send([order(f"A{n}") for n in range(2_000)])
        await hear(first, of(4_000))
        second = await world.client()
        await second.send([order(f"B{n}") for n in range(500)])
        assert seqs(await hear(second, of(5_000))) == list(range(1, 5_001))
        await second.close()
        await first.close()

    run(tmp_path, story)


def test_a_peer_that_reads_slowly_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "WRITE_BUFFER", 1 << 12)

    async def story(world: World) -> None:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", world.port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=4_096)
        sent: list[messages.WireOut] = [messages.Logon(session="SIMA", next_seq=1, now=clock.now())]
        sent += [order(f"A{n}") for n in range(12_000)]
        for start in range(0, len(sent), 200):
            writer.write(b"".join(messages.encode(m) + b"\n" for m in sent[start : start + 200]))
            await writer.drain()
        line = world.venue.session("SIMA")
        while line.journal.last_seq < 24_000:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # what is going to be written has been written by then
        assert line._line is not None
        assert line._line.get_write_buffer_size() < 1 << 20
        heard: list[int] = []
        while len(heard) < 24_000:
            message = messages.decode_incoming(await reader.readline())
            heard += [message.seq] if isinstance(message, ExecutionReport) else []
        assert heard == list(range(1, 24_001))
        writer.write(messages.encode(order("last")) + b"\n")
        while len(heard) < 24_002:
            message = messages.decode_incoming(await reader.readline())
            heard += [message.seq] if isinstance(message, ExecutionReport) else []
        assert heard[-2:] == [24_001, 24_002]
        await leave(writer)

    run(tmp_path, story)


def test_a_new_logon_replaces_the_old_connection(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        former = await world.client()
        other = await world.client(session="SIMB")
        latter = await world.client()
        with pytest.raises(GatewayError) as caught:
            await hear(former, lambda _: False)
        assert (caught.value.code, caught.value.permanent) == ("venue_disconnected", False)
        for client in (latter, other):
            await client.send([order("A")])
            assert seqs(await hear(client, of(2))) == [1, 2]
            await client.close()
        await former.close()

    run(tmp_path, story)


def test_the_venue_lives_at_its_peers_moment(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await client.send([order("A")])
        heard = reports(await hear(client, of(2)))
        assert abs(heard[0].transact_time - clock.now()) < timedelta(seconds=5)
        assert heard[0].trade_date.isoformat() == "2020-02-29"
        await client.close()

    clock.shift_to(datetime(2020, 2, 29, 17, 0, tzinfo=UTC) - clock.machine_now())
    try:
        run(tmp_path, story)
    finally:
        clock.shift_to(timedelta(0))


def test_both_sides_keep_the_line_alive(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        beats = await hear(client, lambda heard: any(isinstance(m, Heartbeat) for m in heard))
        assert beats
        await client.close()

    run(tmp_path, story)


def test_a_silent_venue_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "DEAD_AFTER_SECONDS", 0.3)

    async def story(world: World) -> None:
        client = await world.client()
        await world.tell(cmd="silence", on=True)
        await client.send([order("A")])
        with pytest.raises(GatewayError, match="nothing heard"):
            await hear(client, lambda _: False)
        with pytest.raises(GatewayError, match="no logon"):
            await client.connect(1)
        await world.tell(cmd="silence", on=False)
        monkeypatch.setattr(gateways, "DEAD_AFTER_SECONDS", 3)
        await client.connect(1)
        assert seqs(await hear(client, of(2))) == [1, 2]
        await client.close()

    run(tmp_path, story)


def test_a_cut_line_is_noticed_and_nobody_listening_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await world.tell(cmd="disconnect")
        with pytest.raises(GatewayError):
            await hear(client, lambda _: False)
        await client.close()
        with pytest.raises(GatewayError):
            await client.send([order("A")])
        with pytest.raises(GatewayError):
            await SimulatorGateway(session="SIMA", host="127.0.0.1", port=1).connect(1)

    run(tmp_path, story)


@pytest.mark.parametrize(
    "faults", [{"drop": 0.3}, {"duplicate": 0.5}, {"reorder": 8}, {"delay_ms": 150}]
)
def test_faults_spoil_delivery_and_never_the_journal(
    tmp_path: Path, faults: dict[str, float]
) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        assert await world.tell(cmd="fault", seed=7, **faults) == {"ok": True}
        await client.send([order(f"A{n}") for n in range(100)])
        got: list[int] = []

        async def listen() -> None:
            async for batch in client.receive():
                got.extend(f.message.seq for f in batch if isinstance(f.message, ExecutionReport))

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0.1)
        early = len(got)
        await asyncio.sleep(0.6)
        listening.cancel()
        everything = list(range(1, 201))
        if "drop" in faults:
            assert 0 < len(got) < 200
        if "duplicate" in faults:
            assert len(got) > 200
            assert sorted(set(got)) == everything
        if "reorder" in faults:
            assert sorted(got) == everything != got
        if "delay_ms" in faults:
            assert early == 0
            assert got == everything
        assert [r.seq for r in journal.reports(tmp_path, "SIMA")] == everything
        await client.connect(1)
        assert seqs(await hear(client, of(200))) == everything
        await client.close()

    run(tmp_path, story)


def test_trades_are_amended_from_the_back_door(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        client = await world.client()
        await client.send([order("A"), order("B"), order("C", px="90.5")])
        fills = [r for r in reports(await hear(client, of(5))) if r.exec_type is ExecType.TRADE]
        await world.tell(cmd="bust", exec_id=fills[0].exec_id)
        await world.tell(cmd="correct", exec_id=fills[1].exec_id, qty="900", px="99.5")
        await world.tell(cmd="late_fill", cl_ord_id="C", qty="100", px="90")
        await world.tell(cmd="move", security_id=PLAIN, ticks=-400)
        heard = reports(await hear(client, of(6)))
        assert [r.exec_type.name for r in heard[:3]] == ["TRADE_CANCEL", "TRADE_CORRECT", "TRADE"]
        # What a bust or correction has reopened is matched again when the quote moves.
        again = {r.cl_ord_id: r.last_qty for r in heard[3:]}
        assert again == {"A": 1_000, "B": 100, "C": 900}
        assert (await world.tell(cmd="bust", exec_id="never"))["ok"] is False
        assert (await world.tell(cmd="dance"))["ok"] is False
        await client.close()

    run(tmp_path, story)


def test_what_cannot_be_read_is_handed_over_as_text(tmp_path: Path) -> None:
    async def poison(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"msg":"logon_ack","last_seq":0}\n{"msg":"8","seq":1}\n\xff\xfe\n')
        await writer.drain()
        await reader.read()
        await leave(writer)

    async def play() -> list[Frame]:
        server = await asyncio.start_server(poison, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = SimulatorGateway(session="SIMA", host="127.0.0.1", port=port)
        assert await client.connect(1) == 0
        frames: list[Frame] = []
        async for batch in client.receive():
            frames += batch
            if len(frames) == 2:
                break
        await client.close()
        server.close()
        await server.wait_closed()
        return frames

    short, bytes_ = asyncio.run(play())
    assert (short.text, short.message) == ('{"msg":"8","seq":1}', None)
    assert "exec_id" in short.error
    assert bytes_.message is None


def test_nonsense_from_a_peer_is_passed_over(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(b"hello\n")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await leave(writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        logon = messages.Logon(session="SIMA", next_seq=1, now=clock.now())
        writer.write(messages.encode(logon) + b"\nhello\n" + messages.encode(order("A")) + b"\n")
        heard: list[WireIn] = []
        while len(reports(heard)) < 2:
            heard.append(messages.decode_incoming(await reader.readline()))
        assert not any(isinstance(m, CancelReject) for m in heard)
        await leave(writer)

    run(tmp_path, story)


def test_what_a_canceled_send_left_behind_never_goes() -> None:
    taken, whole = 0, 32 << 20
    resume, gone = asyncio.Event(), asyncio.Event()

    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await reader.readline()
        writer.write(messages.encode(LogonAck(last_seq=0)) + b"\n")
        await resume.wait()
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1 << 20):
                taken += len(chunk)
        writer.close()
        gone.set()

    async def story() -> None:
        server = await asyncio.start_server(stuck, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = SimulatorGateway(session="SIMA", host="127.0.0.1", port=port)
        await client.connect(1)
        assert client._writer is not None
        left = client._writer.transport.get_write_buffer_size
        sending = asyncio.create_task(client.send([order("x" * whole)]))
        while not left():
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait({sending})
        async with asyncio.timeout(10):
            await client.close()
        resume.set()
        await gone.wait()
        server.close()
        await asyncio.sleep(0.05)

    asyncio.run(story())
    assert taken < whole
