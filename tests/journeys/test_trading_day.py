"""A trading day by the clock: before the open, at the close, after hours (guide, "Time in Force").

The product is one of its own, because its clock is moved for everybody in it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from allocations.custodians.outside import read_ports
from tests.journeys.stage import APPROVED, ROUTED, Desk, fresh, on_stage, par
from tests.product import Product, running_product, until
from venues import calendar_source
from venues.calendar import NEW_YORK

HANGS, HALF = "912810RY6", "912810RX8"
TAKE = {"limit_price": 101, "amount": {"par": 10_000}}
EXPIRED = [("order_update", "execution_order_cancel"), ("order_update", "expire")]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose clock nobody else looks at."""
    with running_product(tmp_path_factory.mktemp("day"), WEB_WORKERS="1") as one:
        yield one


@pytest.fixture
def day(product: Product) -> date:
    """The next full trading day of the sandbox: every story has one of its own."""
    today = datetime.fromisoformat(_clock(product).split(" = ")[0]).astimezone(NEW_YORK).date()
    days = calendar_source.trading_days(
        market="SIFMA", first_year=today.year, last_year=today.year + 1
    )
    return next(one.date for one in days if one.date > today and one.kind == "full")


def _clock(product: Product, *words: str) -> str:
    return product.manage("sandbox_clock", *words).stdout


def _set(product: Product, desk: Desk, day: date, time: str) -> None:
    """Move the sandbox, and wait until the desk dates its orders so and has prices of the day."""
    moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK)
    _clock(product, moment.isoformat())

    def followed() -> bool:
        order = desk.submit(bypass_auto_execution=True)
        because = (order["rejection"] or {}).get("code")
        there = abs(datetime.fromisoformat(order["created_at"]) - moment) < timedelta(minutes=1)
        return there and because in (None, "market_closed")

    until(followed, what=f"the desk to follow the clock to {time}")


@contextmanager
def _silent(product: Product) -> Iterator[None]:
    """The venue says nothing meanwhile; whatever becomes of the test, it speaks again."""
    _silence(product, on=True)
    try:
        yield
    finally:
        _silence(product, on=False)


def _silence(product: Product, *, on: bool) -> None:
    ports = read_ports(product.outside)
    assert ports is not None
    with socket.create_connection(("127.0.0.1", ports.admin), timeout=5) as line:
        line.sendall(json.dumps({"cmd": "silence", "session": "SIMA", "on": on}).encode() + b"\n")
        assert json.loads(line.makefile().readline()) == {"ok": True}


def test_at_the_close_orders_expire_once_their_venue_has_answered(
    product: Product, day: date
) -> None:
    with on_stage(product) as (desk, stream):
        _set(product, desk, day, "15:55:00")
        hangs = desk.submit(instrument_id=HANGS, **TAKE)
        half = desk.submit(instrument_id=HALF, **TAKE)
        staged = desk.submit(bypass_auto_execution=True)
        held = desk.submit(limit_price=110.5)
        worked = desk.submit(instrument_id=HANGS, extended_hours=True, **TAKE)
        stream.wait(hangs["id"], "execution_order_create")
        stream.wait(half["id"], "execution")
        stream.wait(worked["id"], "execution_order_create")
        with _silent(product):
            _clock(product, f"{day}T16:00:01")

            # Nothing is decided while the venue is silent: it may have filled them.
            def waiting() -> bool:
                return bool(desk.order(hangs["id"])["pending"] == "expire")

            until(waiting, what="the expiry to be asked for")
            for order in (staged, held):
                assert desk.until_status(order["id"], "expired")["expired_at"]
            assert desk.order(hangs["id"])["status"] == "pending_execution"
            assert desk.order(half["id"])["status"] == "partially_filled"
            assert desk.cancel(hangs["id"])["code"] == 3

        done = stream.wait(hangs["id"], "expire")
        stream.wait(half["id"], "expire")
        assert done["event"]["reason"] == "end_of_day"
        assert done["order"]["status"] == "expired"
        refused = [("system_update", "cancel_request"), ("system_update", "cancel_reject")]
        assert stream.words(hangs["id"]) == [*ROUTED, *refused, *EXPIRED]
        assert stream.words(half["id"]) == [*ROUTED, ("order_update", "execution"), *EXPIRED]
        assert stream.words(staged["id"]) == [*APPROVED, ("order_update", "expire")]
        assert stream.words(held["id"]) == [
            ("order_update", "request"),
            ("order_update", "flagged_for_review"),
            ("order_update", "expire"),
        ]
        final = desk.order(half["id"])
        assert (final["filled_amount"], final["leaves_amount"]) == (par(5000), par(0))
        assert [row["status"] for row in final["execution_orders"]] == ["expired"]
        with Desk(product, "alpha_compliance") as compliance:
            path = f"trading/order/{held['id']}/approve/"
            status, refusal = compliance("POST", path, {"annotation": "too late"})
            assert (status, refusal["code"]) == (409, "order_not_pending_approval")

        # Extended hours go on until five.
        assert desk.order(worked["id"])["status"] == "pending_execution"
        _clock(product, f"{day}T17:00:01")
        stream.wait(worked["id"], "expire")
        assert stream.words(worked["id"]) == [*ROUTED, *EXPIRED]


def test_after_the_close_only_extended_orders_are_taken(product: Product, day: date) -> None:
    with on_stage(product) as (desk, stream):
        _set(product, desk, day, "16:30:00")
        late = desk.submit(client_order_id=fresh())
        assert late["status"] == "rejected"
        rejected = stream.wait(late["id"], "reject")["event"]
        assert (rejected["code"], rejected["rejected_by"]) == ("market_closed", "control")
        assert "16:00:00" in rejected["failed_controls"][0]["control_message"]

        extended = desk.submit(extended_hours=True)
        stream.wait(extended["id"], "execution")
        assert desk.order(extended["id"])["status"] == "filled"

        _set(product, desk, day, "17:00:30")
        too_late = desk.submit(extended_hours=True)
        assert too_late["status"] == "rejected"
        assert too_late["rejection"]["code"] == "market_closed"


def test_before_the_open_an_order_waits_for_it(product: Product, day: date) -> None:
    with on_stage(product) as (desk, stream):
        _set(product, desk, day, "09:00:00")
        order = desk.submit()
        canceled = desk.submit()
        early = desk.submit(extended_hours=True)
        assert order["status"] == "pending_execution"
        assert order["eligible_at"] == _utc(day, "09:30:00")
        # The pre-market is open to those who ask for it.
        stream.wait(early["id"], "execution")
        assert desk.cancel(canceled["id"])["outcome"] == "canceled"
        stream.catch_up(desk)
        assert stream.words(order["id"]) == APPROVED

        _clock(product, f"{day}T09:29:58")
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, ("order_update", "execution")]
        created = stream.wait(order["id"], "execution_order_create")["event"]
        assert datetime.fromisoformat(created["time"]) >= datetime.fromisoformat(
            _utc(day, "09:30:00")
        )
        assert desk.order(order["id"])["status"] == "filled"
        assert "execution_order_create" not in [word for _, word in stream.words(canceled["id"])]


def test_on_a_weekend_there_is_no_session(product: Product, day: date) -> None:
    saturday = day + timedelta(days=(5 - day.weekday()) % 7)
    with on_stage(product) as (desk, stream):
        _set(product, desk, saturday, "11:00:00")
        order = desk.submit(extended_hours=True)
        assert order["status"] == "rejected"
        rejected: dict[str, Any] = stream.wait(order["id"], "reject")["event"]
        assert rejected["code"] == "market_closed"
        assert "Saturday" in rejected["failed_controls"][0]["control_message"]


def _utc(day: date, time: str) -> str:
    moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
