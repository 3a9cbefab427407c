"""A venue over FIX in the running product: orders, its halts, our gateway killed on the way."""

from __future__ import annotations

import json
import socket
from typing import Any

import psycopg
import pytest

from tests.product import Product, until

BOND = "912810TL2"


@pytest.fixture
def database(product: Product) -> Any:
    with psycopg.connect(product.run["database_url"], autocommit=True) as one:
        yield one


def ask(product: Product, **command: Any) -> dict[str, Any]:
    """The venue's back door."""
    port = json.loads((product.outside / "ports.json").read_text())["admin"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(json.dumps(command).encode() + b"\n")
        answer: dict[str, Any] = json.loads(line.makefile().readline())
        return answer


def submit(product: Product, price: str | None = None, **instruction: Any) -> dict[str, Any]:
    """An order that goes to the FIX venue. Returns the answer and its status."""
    amount = {"type": "par", "value": "10000"}
    with product.client() as client:
        answer = client.post(
            "/v1/trading/order/",
            json={
                "instrument_id": BOND,
                "side": "buy",
                "type": "limit" if price else "market",
                **({"limit_price": price} if price else {}),
                "amount": amount,
                "account_id": "alpha-002",
                "execution_instructions": [
                    {
                        "protocol": "limit_order_book",
                        "strategy": "manual",
                        "quantity": amount,
                        "venue_id": "FIXSIM",
                        **instruction,
                    }
                ],
            },
        )
        return {"status_code": answer.status_code, **answer.json()}


def state(product: Product, order_id: str) -> dict[str, Any]:
    with product.client() as client:
        found: dict[str, Any] = client.get(f"/v1/trading/order/{order_id}/").json()
        return found


def test_the_running_venue_passes_and_stays_active(product: Product) -> None:
    said = product.manage("certify", "FIXSIM", "--by", "journey").stdout
    assert "is certified (configuration " in said
    assert "FAILED" not in said
    assert said.count("ok ") >= 14


def test_an_order_fills_at_the_venue_by_fix(product: Product, database: Any) -> None:
    made = submit(product)
    assert made["status_code"] == 201, made
    until(lambda: state(product, made["id"])["status"] == "filled", what="the fill")
    types = database.execute(
        "SELECT m.way, m.msg_type FROM venues_fixmessage m JOIN orders_venueorder v "
        "ON v.id = m.cl_ord_id WHERE v.order_id = %s ORDER BY m.id",
        [made["id"]],
    ).fetchall()
    assert types[0] == ("o", "D")
    assert ("i", "8") in types


def test_what_only_the_venue_knows_goes_as_its_tag_and_nothing_else_is_taken(
    product: Product, database: Any
) -> None:
    made = submit(product, "88", venue_parameters={"peg_offset": "0.01"})
    assert made["status_code"] == 201, made

    def sent() -> Any:
        return database.execute(
            "SELECT m.raw FROM venues_fixmessage m JOIN orders_venueorder v "
            "ON v.id = m.cl_ord_id WHERE v.order_id = %s AND m.msg_type = 'D'",
            [made["id"]],
        ).fetchone()

    (raw,) = until(sent, what="the order on the wire")
    assert "\x01211=0.01\x01" in raw
    unknown = submit(product, "88", venue_parameters={"fancy": "1"})
    assert unknown["status_code"] == 422
    assert "extension_unknown" in json.dumps(unknown)
    with product.client() as client:
        client.post(f"/v1/trading/order/{made['id']}/cancel/", json={})


def test_the_gateway_killed_on_the_way_loses_and_doubles_nothing(
    product: Product, database: Any
) -> None:
    made = []
    for number in range(30):
        made.append(submit(product)["id"])
        if number in (8, 20):
            product.kill("gateway")
    until(
        lambda: all(state(product, one)["status"] == "filled" for one in made),
        seconds=90,
        what="all orders to be filled",
    )
    sent = database.execute(
        "SELECT v.order_id, count(DISTINCT v.id), sum(e.qty) FROM orders_venueorder v "
        "JOIN orders_execution e ON e.venue_order_id = v.id WHERE v.order_id = ANY(%s) "
        "GROUP BY v.order_id",
        [made],
    ).fetchall()
    assert sorted((one, number, int(qty)) for one, number, qty in sent) == sorted(
        (one, 1, 10_000) for one in made
    )
    _in_step(product, database)


def _in_step(product: Product, database: Any) -> None:
    """Both sides count alike, and the venue's journal holds just what we have."""

    def same() -> bool:
        ours = database.execute(
            "SELECT next_out, reports FROM venues_fixnumbers WHERE session = 'FIXSIM'"
        ).fetchone()
        lines = (product.outside / "fix-FIXSIM.jsonl").read_text().splitlines()
        told = [json.loads(line) for line in lines if line.endswith("}")]
        expected = [one["i"] for one in told if "i" in one][-1]
        reports = max(one.get("r", 0) for one in told)
        # A heartbeat may be on its way.
        return bool(abs(ours[0] - expected) <= 1 and ours[1] == reports)

    until(same, what="both to count alike")
    numbers = database.execute(
        "SELECT count(*), min(seq), max(seq) FROM venues_inbound WHERE venue_id = 'FIXSIM'"
    ).fetchone()
    assert numbers[0] == numbers[2]
    assert numbers[1] == 1


def test_a_halt_from_the_venue_stops_the_security_until_it_resumes(
    product: Product, database: Any
) -> None:
    cusip = "912810RX8"

    def standing() -> int:
        row = database.execute(
            "SELECT count(*) FROM controls_halt WHERE target = %s AND kind = 'regulatory' "
            "AND trigger = 'venue FIXSIM' AND status IN ('engaged', 'draining', 'confirmed_flat')",
            [cusip],
        ).fetchone()
        return int(row[0])

    halt = {"cmd": "security_status", "session": "FIXSIM", "security_id": cusip}
    assert ask(product, **halt, status=2, text="LULD pause") == {"ok": True}
    until(standing, what="the halt")
    assert ask(product, **halt, status=3) == {"ok": True}
    until(lambda: not standing(), what="the end of the halt")


def test_a_clock_that_is_wrong_is_seen(product: Product, database: Any) -> None:
    def offset() -> float:
        row = database.execute(
            "SELECT offset_ms FROM venues_linestate WHERE venue_id = 'FIXSIM'"
        ).fetchone()
        return abs(row[0]) if row and row[0] is not None else -1.0

    until(lambda: 0 <= offset() < 400, what="a clock as ours")
    assert ask(product, cmd="skew", session="FIXSIM", ms=3000) == {"ok": True}
    until(lambda: offset() > 2000, what="the wrong clock")
    assert ask(product, cmd="skew", session="FIXSIM") == {"ok": True}
    until(lambda: offset() < 400, what="a clock as ours")


def test_books_and_tape_come_by_fix_once_the_line_says_so(product: Product, database: Any) -> None:
    def offered(on: bool) -> None:
        database.execute(
            "UPDATE venues_fixline SET market_data = %s WHERE session = 'FIXSIM'", [on]
        )
        assert ask(product, cmd="disconnect", session="FIXSIM") == {"ok": True}

    def seen(what: str) -> dict[str, Any]:
        with product.client() as client:
            path = f"/v1/trading/market/{BOND}/{what}/?venue_id=FIXSIM"
            found: dict[str, Any] = client.get(path).json()
            return found

    offered(True)
    try:
        # Its asks may have been taken a moment ago: the maker quotes anew.
        until(
            lambda: (book := seen("book"))["state"] == "live" and book["asks"],
            seconds=60,
            what="the book",
        )
        before = until(lambda: (t := seen("tape"))["state"] == "live" and t, what="the tape")
        made = submit(product)
        assert made["status_code"] == 201, made
        until(lambda: state(product, made["id"])["status"] == "filled", what="the fill")
        until(lambda: seen("tape")["day_volume"] >= before["day_volume"] + 10_000, what="the print")
    finally:
        offered(False)
    until(lambda: seen("book")["state"] == "stale", what="the end of it")
    kinds = database.execute("SELECT DISTINCT msg_type FROM venues_fixmessage").fetchall()
    assert ("V",) in kinds
    assert not {("W",), ("X",)} & set(kinds)
