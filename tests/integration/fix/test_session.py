"""The session rules on a real line and a real database, against a venue made by hand."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from oms_site.kit import clock
from orders import reports
from tests import trading
from tests.integration.fix import peer as venue
from tests.integration.fix.peer import Peer, report, text
from venues import inbox
from venues.gateways.fix import hearing
from venues.gateways.fix.gateway import Addresses, FixGateway
from venues.gateways.port import Frame, GatewayError
from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecType,
    ExecutionReport,
    NewOrder,
    OrdStatus,
    StatusRequest,
)
from venues.models import FixLine, FixMessage, FixNumbers, Outbound

D = Decimal
SESSION = "FIXSIM"
Story = Callable[[Peer, FixGateway], Coroutine[Any, Any, None]]


def order(cl_ord_id: str) -> NewOrder:
    return NewOrder(
        cl_ord_id=cl_ord_id,
        security_id="912810TL2",
        side="1",
        ord_type="2",
        order_qty=D(1000),
        price=D("99.5"),
        transact_time=clock.now(),
    )


def cancel(cl_ord_id: str, of: str) -> CancelRequest:
    return CancelRequest(
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=of,
        security_id="912810TL2",
        side="1",
        transact_time=clock.now(),
    )


def at(port: int) -> FixGateway:
    return FixGateway(
        session=SESSION, find=lambda address: ("127.0.0.1", port), addresses=Addresses()
    )


def _nobody() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def play(story: Story, *, due: int = 1) -> None:
    """A story on one connection that has logged on, and asked for reports from `due` on."""

    async def run() -> None:
        async with venue.listening() as (peer, port):
            gateway = at(port)
            await gateway.connect(due)
            await peer.until("1")
            try:
                await story(peer, gateway)
            finally:
                await gateway.close()

    asyncio.run(run())


async def hear(gateway: FixGateway, number: int) -> list[Frame]:
    """The next frames that are no heartbeats."""
    found: list[Frame] = []
    async with asyncio.timeout(10):
        async for frames in gateway.receive():
            found += [f for f in frames if f.text]
            if len(found) >= number:
                return found
    raise AssertionError("the line ended")


def names(frames: list[Frame]) -> list[str]:
    return [f.message.exec_id for f in frames if isinstance(f.message, ExecutionReport)]


def seqs(frames: list[Frame]) -> list[int]:
    return [f.message.seq for f in frames if isinstance(f.message, ExecutionReport)]


@pytest.mark.usefixtures("committed_sandbox")
class TestWhatComesIn:
    def test_reports_come_numbered_in_the_venues_order(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            for n in range(3):
                peer.say("8", report(f"E{n}"))
            frames = await hear(gateway, 3)
            assert names(frames) == ["E0", "E1", "E2"]
            assert seqs(frames) == [1, 2, 3]

        play(story)

    def test_a_hole_is_asked_for_and_what_came_behind_it_waits(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            due = peer.next_out
            peer.say("8", report("E2"), seq=due + 2)
            hearing = asyncio.create_task(hear(gateway, 3))
            asked = await peer.until("2")
            assert (text(asked, 7), text(asked, 16)) == (str(due), "0")
            for n in range(3):
                peer.say("8", report(f"E{n}"), seq=due + n, dup=True)
            assert names(await hearing) == ["E0", "E1", "E2"]

        play(story)

    def test_numbers_without_reports_are_filled(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            due = peer.next_out
            peer.say("8", report("E1"), seq=due + 5)
            hearing = asyncio.create_task(hear(gateway, 1))
            await peer.until("2")
            peer.say("4", [(123, "Y"), (36, due + 5)], seq=due, dup=True)
            assert names(await hearing) == ["E1"]

        play(story)
        assert FixNumbers.objects.get(pk=SESSION).next_in >= 6

    def test_what_was_heard_before_is_not_heard_again(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            seq = peer.say("8", report("E0"))
            peer.say("8", report("E0"), seq=seq, dup=True)
            peer.say("8", report("E1"))
            assert names(await hear(gateway, 2)) == ["E0", "E1"]

        play(story)

    def test_a_number_used_twice_ends_the_session_and_needs_a_person(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            seq = peer.say("8", report("E0"))
            await hear(gateway, 1)
            peer.say("8", report("E9"), seq=seq)
            with pytest.raises(GatewayError) as refused:
                await hear(gateway, 1)
            assert (refused.value.code, refused.value.permanent) == ("sequence_too_low", True)

        play(story)

    def test_a_garbled_message_is_told_and_asked_for_again(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            due = peer.next_out
            whole = peer.made("8", due, report("E0"))
            peer.write(whole.replace(b"31=99.5", b"31=98.5", 1))
            peer.say("8", report("E1"), seq=due + 1)
            hearing = asyncio.create_task(hear(gateway, 3))
            assert text(await peer.until("2"), 7) == str(due)
            peer.write(peer.made("8", due, report("E0"), dup=True))
            frames = await hearing
            assert names(frames) == ["E0", "E1"]
            assert [f.error for f in frames if f.error] == ["CheckSum(10) is wrong"]

        play(story)

    def test_an_unknown_ord_status_is_an_alarm_beside_the_report(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("8", report("E0", t39="Q"))
            peer.say("8", report("E1"))
            first, second = await hear(gateway, 2)
            assert isinstance(first.message, ExecutionReport)
            assert first.message.ord_status is OrdStatus.PARTIALLY_FILLED
            assert first.error.startswith("OrdStatus(39)=Q is not known")
            assert "39=Q" in first.error
            assert (second.error, seqs([first, second])) == ("", [1, 2])

        play(story)

    def test_a_report_that_cannot_be_read_keeps_its_number_and_bytes(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("8", report("E0", t32="many"))
            peer.say("8", report("E1"))
            first, second = await hear(gateway, 2)
            assert (first.message, first.number) == (None, 1)
            assert "32=many" in first.text
            assert seqs([second]) == [2]

        play(story)

    @pytest.mark.parametrize(
        "odd",
        [
            # Year 1 has no day in New York.
            {"t60": "00010101-00:00:00", "t75": ""},
            {"t14": "9E999999999999", "t38": ""},
            {"t38": "9E999999999999"},
            {"t54": "8"},
            {"t54": ""},
        ],
        ids=str,
    )
    def test_a_report_with_a_value_beyond_all_measure_stops_nobody(
        self, odd: dict[str, str]
    ) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            said = [(tag, value) for tag, value in report("E0", **odd) if value != ""]
            peer.say("8", said)
            peer.say("8", report("E1"))
            first, second = await hear(gateway, 2)
            assert (first.message, first.number, bool(first.error)) == (None, 1, True)
            assert seqs([second]) == [2]

        play(story)

    def test_a_reason_beyond_any_integer_costs_nobody_the_report(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("8", report("E0", t150="8", t39="8", t103="9" * 30))
            refusal: list[tuple[int, Any]] = [(11, "vc-1"), (41, "vo-1"), (39, "0")]
            stamp = [(102, "9" * 30), (60, "20261123-15:00:00.000")]
            peer.say("9", refusal + stamp)
            first, second = [frame.message for frame in await hear(gateway, 2)]
            assert isinstance(first, ExecutionReport)
            assert (first.exec_type, first.ord_rej_reason) == (ExecType.REJECTED, None)
            assert isinstance(second, CancelReject)
            assert second.cxl_rej_reason == 99

        play(story)

    def test_numbers_that_the_venue_resets_are_told_to_people(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            due = peer.next_out
            peer.say("8", report("E1"), seq=due + 1)
            hearing = asyncio.create_task(hear(gateway, 3))
            await peer.until("2")
            peer.say("4", [(36, due + 2)], seq=due)
            peer.next_out = due + 2
            peer.say("8", report("E2"))
            frames = await hearing
            assert names(frames) == ["E1", "E2"]
            assert [f.error for f in frames if f.error] == [
                f"the venue went on with {due + 2}: what it said before may be missing"
            ]

        play(story)

    def test_a_database_that_is_away_for_our_heartbeat_ends_the_session(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        FixLine.objects.filter(pk=SESSION).update(heartbeat_s=1)

        async def story(peer: Peer, gateway: FixGateway) -> None:
            def away(*args: Any, **kwargs: Any) -> Any:
                patch.undo()
                raise OperationalError("gone")

            patch.setattr(hearing, "speak", away)
            with pytest.raises(GatewayError) as broken:
                await hear(gateway, 1)
            assert broken.value.code == "venue_disconnected"

        with monkeypatch.context() as patch:
            play(story)

    def test_what_the_venue_will_not_deal_with_is_refused(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            await gateway.send([order("vo-1"), cancel("vc-1", "vo-1")])
            first = int(text(await peer.until("D"), 34))
            second = int(text(await peer.until("F"), 34))
            peer.say("j", [(45, first), (372, "D"), (380, 3), (58, "not today")])
            peer.say("3", [(45, second), (372, "F"), (373, 1)])
            told, refused = await hear(gateway, 2)
            assert isinstance(told.message, ExecutionReport)
            assert told.message.exec_type is ExecType.REJECTED
            assert (told.message.cl_ord_id, told.message.text) == ("vo-1", "not today (35=j)")
            assert isinstance(refused.message, CancelReject)
            assert (refused.message.cl_ord_id, refused.message.response_to) == ("vc-1", "1")

        play(story)

    def test_a_type_that_nobody_speaks_is_answered_and_told(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            seq = peer.say("AE", [(571, "T1")])
            (frame,) = await hear(gateway, 1)
            assert frame.error == "35=AE is not spoken here"
            said = await peer.until("j")
            assert (text(said, 45), text(said, 372), text(said, 380)) == (str(seq), "AE", "3")

        play(story)

    def test_the_venue_asks_whether_we_live(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("1", [(112, "are you there")])
            peer.say("8", report("E0"))
            await hear(gateway, 1)
            answers = {text(await peer.until("0"), 112)}
            assert "are you there" in answers

        play(story)


@pytest.mark.usefixtures("committed_sandbox")
class TestWhatGoesOut:
    def test_orders_are_not_sent_again_when_asked_for_and_cancels_are(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            await gateway.send([order("vo-1"), cancel("vc-1", "vo-1"), order("vo-2")])
            first = int(text(await peer.until("D"), 34))
            peer.say("2", [(7, first), (16, 0)])
            hearing = asyncio.create_task(hear(gateway, 1))
            gap, again, rest = [await _next(peer, "4", "F") for _ in range(3)]
            assert (text(gap, 34), text(gap, 36), text(gap, 123)) == (
                str(first),
                str(first + 1),
                "Y",
            )
            assert (text(again, 11), text(again, 43), text(again, 34)) == (
                "vc-1",
                "Y",
                str(first + 1),
            )
            assert text(again, 122)
            assert (text(rest, 34), int(text(rest, 36))) == (str(first + 2), first + 3)
            hearing.cancel()

        async def _next(peer: Peer, *kinds: str) -> Any:
            while True:
                message = await asyncio.wait_for(peer.heard.get(), 10)
                if text(message, 35) in kinds and text(message, 43) == "Y":
                    return message

        play(story)

    def test_what_a_canceled_send_left_behind_never_goes(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            wire = gateway._wire
            assert wire is not None
            peer.stop_reading()
            sending = asyncio.create_task(gateway._write(b"x" * (32 << 20)))
            while not wire.unsent:
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait({sending})
            assert not wire.unsent
            async with asyncio.timeout(10):
                await gateway.close()

        play(story)

    def test_a_venue_that_was_spoken_to_otherwise_goes_on_counting_its_reports(self) -> None:
        self._spoken_to_otherwise()

        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("8", report("E0"))
            assert seqs(await hear(gateway, 1)) == [6]

        play(story, due=6)

    def test_what_only_another_gateway_could_tell_again_needs_a_person(self) -> None:
        self._spoken_to_otherwise()

        async def story(peer: Peer, gateway: FixGateway) -> None:
            with pytest.raises(GatewayError) as missing:
                await hear(gateway, 1)
            assert (missing.value.code, missing.value.permanent) == ("reports_missing", True)

        play(story, due=3)

    def _spoken_to_otherwise(self) -> None:
        FixNumbers.objects.filter(pk=SESSION).delete()
        inbox.store(SESSION, [inbox.Raw(n, "{}") for n in range(1, 6)], at=clock.now())

    def test_numbers_go_on_where_they_were_after_a_cut(self) -> None:
        async def run() -> None:
            async with venue.listening() as (peer, port):
                first = at(port)
                await first.connect(1)
                await first.send([order("vo-1"), order("vo-2")])
                last = [int(text(await peer.until("D"), 34)) for _ in range(2)][-1]
                peer.cut()
                # Not closed in order: the object is gone as its process would be.
                second = at(port)
                await second.connect(1)
                assert text(await peer.until("A"), 34) == str(last + 1)
                await second.send([StatusRequest(cl_ord_id="vo-1", security_id="X", side="1")])
                assert int(text(await peer.until("H"), 34)) > last + 1
                await first.close()
                await second.close()

        asyncio.run(run())
        seqs = FixMessage.objects.filter(session=SESSION, way="o").order_by("seq")
        assert len(set(seqs.values_list("seq", flat=True))) == seqs.count()

    def test_the_backup_address_goes_on_with_the_same_numbers_both_ways(self) -> None:
        first, backup = FixLine.objects.get(pk=SESSION).addresses
        doors: dict[str, int] = {}
        tried: list[str] = []

        def find(address: str) -> tuple[str, int]:
            tried.append(address)
            return "127.0.0.1", doors[address]

        async def run() -> None:
            gateway = FixGateway(session=SESSION, find=find, addresses=Addresses())
            async with venue.listening() as (peer, port), venue.listening() as (other, spare):
                doors.update({first: port, backup: spare})
                await gateway.connect(1)
                await gateway.send([order("vo-1"), order("vo-2")])
                last = [int(text(await peer.until("D"), 34)) for _ in range(2)][-1]
                peer.say("8", report("E0"))
                assert names(await hear(gateway, 1)) == ["E0"]
                # The first address is gone; what the venue said then nobody heard.
                peer.cut()
                doors[first] = _nobody()
                missed, other.next_out = peer.next_out, peer.next_out + 1
                with pytest.raises(GatewayError):
                    await gateway.connect(2)
                connecting = asyncio.create_task(gateway.connect(2))
                asked = await other.until("2")
                assert int(text(asked, 7)) == missed
                other.say("8", report("E1"), seq=missed, dup=True)
                await connecting
                assert names(await hear(gateway, 1)) == ["E1"]
                await gateway.send([cancel("vc-1", "vo-1")])
                assert last < other.first < int(text(await other.until("F"), 34))
                # It stays where it works.
                other.cut()
                await gateway.connect(3)
                await gateway.close()

        asyncio.run(run())
        assert tried == [first, first, backup, backup]
        said = FixMessage.objects.filter(session=SESSION, way="o").order_by("seq")
        numbers = list(said.values_list("seq", flat=True))
        assert len(set(numbers)) == len(numbers)
        assert numbers[0] == 1

    def test_two_processes_never_count_the_same_session(self) -> None:
        async def run() -> None:
            async with venue.listening() as (peer, port):
                one, other = at(port), at(port)
                await one.connect(1)
                await other.connect(1)
                await other.send([order("vo-2")])
                with pytest.raises(GatewayError) as refused:
                    await one.send([order("vo-1")])
                assert refused.value.code in ("session_shared", "venue_disconnected")
                await one.close()
                await other.close()
                assert peer

        asyncio.run(run())

    def test_what_the_numbers_say_wrongly_is_for_people(self) -> None:
        async def story(peer: Peer, gateway: FixGateway) -> None:
            peer.say("5", [(58, "MsgSeqNum too low, expecting 9 but received 3")])
            with pytest.raises(GatewayError) as refused:
                await hear(gateway, 1)
            assert (refused.value.code, refused.value.permanent) == ("numbers_refused", True)

        play(story)


@pytest.mark.usefixtures("committed_sandbox")
class TestNumbersBeginAnew:
    def _connect(self, next_out: int, *, asks: bool = True) -> tuple[bool, int]:
        """Whether numbers began anew in a session, and where the venue's went on to.

        `asks`: what was lost is asked about in it.
        """

        async def run() -> tuple[bool, int]:
            async with venue.listening() as (peer, port):
                gateway, peer.next_out = at(port), next_out
                await gateway.connect(1)
                anew = gateway.line().anew
                if anew and asks:
                    await gateway.caught_up()
                    assert not gateway.line().anew
                await gateway.close()
                return anew, peer.next_out

        return asyncio.run(run())

    def _hung_up(self, next_out: int) -> int:
        """A venue that answers the Logon and goes; where its numbers went on to."""

        async def run() -> int:
            async with venue.listening() as (peer, port):
                peer.next_out, peer.hangs_up = next_out, True
                with pytest.raises(GatewayError):
                    await at(port).connect(1)
                return peer.next_out

        return asyncio.run(run())

    def _a_day_passes(self) -> None:
        yesterday = FixNumbers.objects.get(pk=SESSION).began_on - timedelta(days=1)
        FixNumbers.objects.filter(pk=SESSION).update(began_on=yesterday)

    def test_what_was_not_heard_before_is_known_to_be_lost(self) -> None:
        FixLine.objects.filter(pk=SESSION).update(reset=FixLine.Reset.DAILY)
        first_day, next_out = self._connect(1)
        again, next_out = self._connect(next_out)
        assert (first_day, again) == (False, False)
        self._a_day_passes()
        next_day, next_out = self._connect(next_out)
        again, _ = self._connect(next_out)
        assert (next_day, again) == (True, False)

    def test_it_stays_lost_until_it_has_been_asked_about(self) -> None:
        FixLine.objects.filter(pk=SESSION).update(reset=FixLine.Reset.DAILY)
        _, next_out = self._connect(1)
        self._a_day_passes()
        next_out = self._hung_up(next_out)
        assert FixNumbers.objects.get(pk=SESSION).next_in == 2, "the Logon was answered"
        behind, next_out = self._connect(next_out, asks=False)
        still, next_out = self._connect(next_out)
        after, _ = self._connect(next_out)
        assert (behind, still, after) == (True, True, False)

    def test_every_live_order_is_asked_about(self) -> None:
        child = trading.routed(limit_price=D(98))
        over = trading.routed(limit_price=D(98))
        trading.receive(trading.fill(over, over.qty, cum=over.qty))
        unsent = trading.routed(limit_price=D(98))
        sent = Outbound.objects.filter(cl_ord_id__in=[child.id, over.id])
        sent.update(sent_at=clock.now())
        reports.ask_all(trading.VENUE)
        asked = Outbound.objects.filter(kind="H").order_by("id")
        assert [row.cl_ord_id for row in asked] == [child.id]
        assert unsent.venue_id == child.venue_id


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_line_does_each_report_is_told_once_in_order(
    committed_sandbox: datetime, seed: int
) -> None:
    """Reports lost, late, repeated, the line cut, our side killed: in the end they are 1 to n."""
    dice, whole = random.Random(seed), 40

    async def run() -> list[str]:
        told: dict[int, str] = {}
        async with venue.listening() as (peer, port):
            said: dict[int, str] = {}
            made = 0
            answering = asyncio.create_task(_answer(peer, said, dice))
            while len(told) < whole:
                gateway = at(port)
                try:
                    await gateway.connect(len(told) + 1)
                    made = await _part(peer, gateway, told, said, dice, made, whole)
                except GatewayError:
                    pass
                finally:
                    if dice.random() < 0.5:
                        peer.cut()
                    await gateway.close()
            answering.cancel()
        return [told[n] for n in sorted(told)]

    told = asyncio.run(run())
    assert told == [f"E{n}" for n in range(whole)]
    assert FixNumbers.objects.get(pk=SESSION).reports == whole


async def _answer(peer: Peer, said: dict[int, str], dice: random.Random) -> None:
    """Resends go as told: reports again, everything else as a gap."""
    while True:
        asked = await peer.until("2")
        first, upto = int(text(asked, 7)), peer.next_out - 1
        for seq in range(first, upto + 1):
            if seq in said:
                peer.say("8", report(said[seq]), seq=seq, dup=True)
            else:
                peer.say("4", [(123, "Y"), (36, seq + 1)], seq=seq, dup=True)


async def _part(
    peer: Peer,
    gateway: FixGateway,
    told: dict[int, str],
    said: dict[int, str],
    dice: random.Random,
    made: int,
    whole: int,
) -> int:
    held: list[bytes] = []
    for _ in range(dice.randrange(1, 15)):
        if made < whole:
            seq, name = peer.next_out, f"E{made}"
            said[seq], made = name, made + 1
            peer.next_out += 1
            raw, luck = peer.made("8", seq, report(name)), dice.random()
            if luck < 0.15:
                continue  # lost
            if luck < 0.3:
                held.append(raw)  # late
                continue
            peer.write(raw)
            if luck > 0.9:
                peer.write(peer.made("8", seq, report(name), dup=True))
    dice.shuffle(held)
    for raw in held:
        peer.write(raw)
    peer.say("0", [])
    kills = dice.random() < 0.4 and made < whole
    async with asyncio.timeout(10):
        async for frames in gateway.receive():
            for frame in frames:
                if isinstance(frame.message, ExecutionReport):
                    known = told.setdefault(frame.message.seq, frame.message.exec_id)
                    assert known == frame.message.exec_id
            if kills or len(told) == made:
                return made
    return made
