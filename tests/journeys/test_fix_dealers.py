"""Dealers over FIX in the running product: certified, asked, countered by nobody else, hit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.journeys.stage import on_stage
from tests.journeys.test_rfq import BROAD, SHY, SWIFT, _answered, _ask, _hit, _rfq, _staged
from tests.product import Product, until

VENUE = "FIXQ"


@pytest.fixture
def database(product: Product) -> Iterator[Any]:
    with psycopg.connect(product.run["database_url"], autocommit=True) as one:
        yield one


@pytest.fixture
def dealers(product: Product, database: Any) -> Iterator[None]:
    """Three of the sandbox's dealers are reached over FIX for a while."""
    database.execute(
        "INSERT INTO venues_venue (id, name, mpid, gateway, asset_classes, ord_types, protocols, "
        "times_in_force, amends, template, preference, max_messages_per_s, status) "
        "VALUES (%s, 'Dealers by FIX', %s, 'fix', '{}', '{rfq}', '{rfq}', '{}', 'replace', '{}', "
        "250, 0, 'testing')",
        [VENUE, VENUE],
    )
    database.execute(
        "INSERT INTO venues_venueformat (venue_id, version, content, status, origin, reason, "
        "proposed_at, decided_at) VALUES (%s, 1, %s, 'approved', 'system', 'a test', now(), now())",
        [VENUE, '{"hits": "D"}'],
    )
    for session in (VENUE, f"CERT-{VENUE}"):
        database.execute(
            "INSERT INTO venues_fixline (session, venue_id, sender_comp_id, target_comp_id, "
            "addresses, heartbeat_s, reset, market_data, tls, tls_ca_file, tls_server_name, "
            "tls_certificate_file, tls_key_file) "
            "VALUES (%s, %s, 'OEMS', %s, '{outside:fix}', 2, 'never', "
            "false, false, '', '', '', '')",
            [session, VENUE, session],
        )
    moved = [SWIFT, BROAD, SHY]
    database.execute("UPDATE venues_dealer SET venue_id = %s WHERE id = ANY(%s)", [VENUE, moved])
    yield
    database.execute("UPDATE venues_dealer SET venue_id = 'SIMQ' WHERE id = ANY(%s)", [moved])
    database.execute("UPDATE venues_venue SET status = 'suspended' WHERE id = %s", [VENUE])


def test_dealers_by_fix_are_certified_asked_and_hit(
    product: Product, database: Any, dealers: None
) -> None:
    said = product.manage("certify", VENUE, "--activate", "--by", "journey").stdout
    assert "FAILED" not in said
    assert said.count("ok ") == 3
    product.kill("gateway")  # a new one speaks to the new venue too

    def connected() -> bool:
        row = database.execute(
            "SELECT connected_at FROM venues_venue WHERE id = %s", [VENUE]
        ).fetchone()
        return bool(row and row[0])

    until(connected, seconds=60, what="the line to the dealers")
    with on_stage(product) as (desk, _):
        order = _staged(desk)
        rfq_id = _ask(desk, order["id"], SWIFT, BROAD, SHY)
        answers = _answered(desk, rfq_id, 3)
        assert answers[SHY]["status"] == "passed"
        assert answers[SWIFT]["price"] < answers[BROAD]["price"]
        assert _hit(desk, order["id"], answers[SWIFT], 3_000)[0] == 202
        filled = desk.until_status(order["id"], "filled")
        assert filled["filled_avg_price"]["pop"] == answers[SWIFT]["price"]
        statuses = {q["dealer_id"]: q["status"] for q in _rfq(desk, rfq_id)["quotes"]}
        assert statuses == {SWIFT: "done", BROAD: "cover", SHY: "passed"}
    # The hit as an order on the quote, and how it went for the others, who are told afterwards.
    wanted = {("o", "R"), ("i", "AI"), ("i", "S"), ("o", "D"), ("i", "8"), ("o", "AJ")}

    def told() -> bool:
        query = "SELECT way, msg_type FROM venues_fixmessage WHERE session = %s"
        return wanted <= set(database.execute(query, [VENUE]).fetchall())

    until(told, what="everybody to be told how it went")
    booked = database.execute(
        "SELECT sum(e.qty) FROM orders_execution e JOIN orders_venueorder v "
        "ON v.id = e.venue_order_id WHERE v.venue_id = %s AND v.order_id = %s",
        [VENUE, order["id"]],
    ).fetchone()
    assert booked[0] == Decimal(3_000)
