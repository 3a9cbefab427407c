"""A report that nobody can read is kept under its number: what follows it is applied."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from controls.models import Halt
from orders import breaking, last_look, reports
from orders.models import Break, VenueOrder
from tests import trading
from tests.integration.fix.peer import Peer
from venues import messages
from venues.connection import Connection, Handlers
from venues.fix import codec
from venues.fix.codec import Message
from venues.gateways.fix import hearing, store
from venues.gateways.port import Frame
from venues.gateways.simulator import gateway
from venues.messages import MarketDataRequest, SecurityStatus
from venues.models import Inbound, SecurityNotice

pytestmark = pytest.mark.django_db


def connection() -> Connection:
    handlers = Handlers(
        apply=reports.apply, unreadable=reports.unreadable, before_wire=last_look.before_wire
    )
    return Connection(trading.VENUE, cast(Any, None), handlers)


def framed(message: messages.Report) -> Frame:
    return Frame(messages.encode(message).decode(), message)


def test_an_unknown_ord_status_stops_nobody(sandbox: datetime) -> None:
    child = trading.routed(limit_price=Decimal(98))
    good = trading.fill(child, child.qty, cum=child.qty, seq=2)
    text = messages.encode(good).replace(b'"seq":2', b'"seq":1')
    text = text.replace(b'"ord_status":"2"', b'"ord_status":"Q"')
    assert b'"Q"' in text
    bad = gateway._frame(text)
    assert (bad.message, bad.number) == (None, 1)
    connection()._take([bad, framed(good)])
    rows = Inbound.objects.filter(venue_id=trading.VENUE).order_by("seq")
    assert [(row.seq, row.verdict) for row in rows] == [(1, "unreadable"), (2, "applied")]
    assert '"ord_status":"Q"' in rows[0].body
    assert Break.objects.filter(kind="unreadable_report").count() == 1
    assert VenueOrder.objects.get(pk=child.pk).cum_qty == child.qty


def test_books_that_cannot_be_read_are_one_break_however_many_come(
    sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def unreadable(venue_id: str, text: str, why: str) -> None:
        told.append(why)
        reports.unreadable(venue_id, text, why)

    asked = {"book": MarketDataRequest(kind="1", securities=(trading.BOND,), md_req_id="book")}
    opened = store.open_session("FIXSIM", at=sandbox)
    peer = Peer()
    frames: list[Frame] = []
    for seq in range(5, 9):
        # Without RptSeq(83), each at its own time; the last one is of another security.
        name = trading.BOND if seq < 8 else "912810RX8"
        body = [(262, "book"), (48, name), (60, f"20261123-15:00:0{seq}"), (268, 0)]
        (message,), _ = codec.split(peer.made("W", seq, body))
        assert isinstance(message, Message)
        frames += hearing.work(opened, opened.numbers, [message], asked).frames
    handlers = Handlers(apply=reports.apply, unreadable=unreadable)
    line = Connection("FIXSIM", cast(Any, None), handlers)
    line._take(frames[:1])
    line._take(frames[1:])
    assert Break.objects.filter(kind="unreadable_frame").count() == 2
    assert len(told) == 2
    assert told[0].startswith("83 is missing: 8=FIX.4.4|")
    # Nor in the next session, for people who have it before them.
    Connection("FIXSIM", cast(Any, None), handlers)._take(frames)
    assert Break.objects.filter(kind="unreadable_frame").count() == 2


def test_a_halt_that_a_venue_says_is_obeyed_once_and_lifted(sandbox: datetime) -> None:
    def said(seq: int, status: int) -> SecurityStatus:
        return SecurityStatus(
            seq=seq,
            security_id=trading.BOND,
            trading_status=status,
            transact_time=sandbox,
            text="LULD pause",
        )

    line = connection()
    line._take([framed(said(1, 2)), framed(said(2, 2))])
    assert SecurityNotice.objects.filter(done_at=None).count() == 2
    assert breaking.obey() > 0
    halts = Halt.objects.filter(target=trading.BOND, kind="regulatory")
    standing = halts.exclude(status="released")
    assert standing.count() == standing.values("organization_id").distinct().count() > 0
    assert not SecurityNotice.objects.filter(done_at=None).exists()
    line._take([framed(said(3, 3))])
    assert breaking.obey() > 0
    assert not halts.exclude(status__in=["released", "disengaged"]).exists()
    verdicts = Inbound.objects.filter(venue_id=trading.VENUE).order_by("seq")
    assert [row.verdict for row in verdicts] == ["applied"] * 3
