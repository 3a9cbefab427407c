"""The order state change matrices of FIX, message by message on a real line.

What a venue says in any of them arrives as it was said; what we say is what the matrix says.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oms_site.kit import clock
from tests.integration.fix import peer as venue
from tests.integration.fix.peer import Peer, report, text
from tests.integration.fix.test_session import at, hear
from venues.gateways.fix.gateway import FixGateway
from venues.gateways.port import Frame
from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecType,
    ExecutionReport,
    NewOrder,
    ReplaceRequest,
    StatusRequest,
    WireOut,
)

MATRICES = json.loads((Path(__file__).parent / "data" / "order_state_matrices.json").read_text())
BOND: dict[str, Any] = {"security_id": "912810TL2", "side": "1"}


def request(row: dict[str, Any]) -> WireOut:
    """What the buy side says in a row."""
    name, orig = row["id"], row.get("orig") or "X"
    terms: dict[str, Any] = {
        "ord_type": "2",
        "price": Decimal(99),
        "order_qty": Decimal(row.get("qty") or 10_000),
        "transact_time": clock.now(),
        **BOND,
    }
    match row["type"]:
        case "D":
            return NewOrder(cl_ord_id=name, **terms)
        case "G":
            return ReplaceRequest(cl_ord_id=name, orig_cl_ord_id=orig, **terms)
        case "F":
            return CancelRequest(
                cl_ord_id=name, orig_cl_ord_id=orig, transact_time=clock.now(), **BOND
            )
        case _:
            return StatusRequest(cl_ord_id=name, **BOND)


def body(row: dict[str, Any], n: int) -> list[tuple[int, Any]]:
    """What the sell side says in a row, as the matrix prints it."""
    if row["type"] == "9":
        fields = {37: "O1", 11: row.get("id", ""), 41: row.get("orig", ""), 39: row["status"]}
        fields |= {434: row.get("to", "1"), 102: row.get("why", 0), 60: "20261123-15:00:00"}
        return [(tag, value) for tag, value in fields.items() if value != ""]
    said = dict(report(f"E{n}", row.get("id") or "X"))
    said.update({150: row["exec"], 39: row["status"]})
    names = {41: "orig", 38: "qty", 14: "cum", 151: "leaves", 32: "last", 31: "px", 19: "ref"}
    for tag, name in names.items():
        said.pop(tag, None)
        if row.get(name) is not None:
            said[tag] = row[name]
    return list(said.items())


def check(row: dict[str, Any], frame: Frame) -> None:
    """A frame says what its row says."""
    one = frame.message
    if row["type"] == "9":
        assert isinstance(one, CancelReject)
        assert (one.ord_status, one.response_to) == (row["status"], row.get("to", "1"))
        return
    assert isinstance(one, ExecutionReport)
    known = row["exec"] in set(ExecType)
    assert one.exec_type == (row["exec"] if known else ExecType.ORDER_STATUS)
    assert bool(frame.error) is not known
    assert one.ord_status == row["status"]
    for name, value in (("cum", one.cum_qty), ("leaves", one.leaves_qty), ("last", one.last_qty)):
        if row.get(name):
            assert value == Decimal(row[name])
    if row.get("qty") is not None:
        assert one.order_qty == Decimal(row["qty"])
    assert one.orig_cl_ord_id == (row.get("orig") or "")


async def play(peer: Peer, gateway: FixGateway, rows: list[dict[str, Any]]) -> None:
    """One scenario, its alternatives in their place."""
    for n, row in enumerate(rows):
        if row["in"]:
            await gateway.send([request(row)])
            said = await peer.until(row["type"])
            assert text(said, 11) == row["id"]
            if row["type"] in ("F", "G"):
                assert text(said, 41) == (row.get("orig") or "X")
        else:
            peer.say(row["type"], body(row, n))
            (frame,) = await hear(gateway, 1)
            check(row, frame)


def test_every_matrix_on_one_line(committed_sandbox: datetime) -> None:
    async def run() -> list[str]:
        broken = []
        async with venue.listening() as (peer, port):
            gateway = at(port)
            await gateway.connect(1)
            for name, rows in MATRICES.items():
                try:
                    await play(peer, gateway, rows)
                except AssertionError as error:
                    broken.append(f"{name}: {error}")
            await gateway.close()
        return broken

    assert asyncio.run(run()) == []
    assert len(MATRICES) == 29


@pytest.mark.parametrize("name", ["A.1.a", "D.1.a"])
def test_a_matrix_holds_what_it_is_for(name: str) -> None:
    """The data has both sides and more than one answer in it."""
    rows = MATRICES[name]
    assert {row["in"] for row in rows} == {True, False}
    assert len(rows) > 4
