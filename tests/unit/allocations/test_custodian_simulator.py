"""The simulated custodian over real HTTP, met by our own adapter."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    CustodianCash,
    CustodianError,
    CustodianPosition,
    Notice,
    Refused,
)
from allocations.custodians.settling import Delivery
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.custodians.simulated.desk import SimulatedDesk
from allocations.custodians.simulator import books
from allocations.custodians.simulator.app import CustodianApp
from allocations.custodians.simulator.http import serve_on, server_of

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


class Bank:
    """A custodian that can be stopped and started again on the same books."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._clients: list[SimulatedCustodian] = []
        self.start()

    def start(self) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        self.app = CustodianApp(self.directory)
        self.server = server_of(self.app)
        self.thread = threading.Thread(target=lambda: asyncio.run(serve_on(self.server, sock)))
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self.server.should_exit = True
        self.thread.join()
        self.app.close()

    def client(self, custodian: str = "cust_bny", timeout: float = 5) -> SimulatedCustodian:
        self._clients.append(SimulatedCustodian(f"{self.url}/{custodian}", timeout=timeout))
        return self._clients[-1]

    def fault(self, **fault: object) -> None:
        assert httpx.post(f"{self.url}/faults", json=fault).status_code == 200

    def booked(self, custodian: str = "cust_bny") -> dict[str, books.Booking]:
        return books.bookings(self.directory, custodian)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    bank = Bank(tmp_path)
    yield bank
    bank.stop()


def test_a_leg_is_booked_once_however_often_it_is_sent(bank: Bank) -> None:
    client = bank.client()
    first = client.book(LEG)
    assert isinstance(first, Booked)
    assert client.book(LEG) == first == client.find("k1")
    assert list(bank.booked()) == ["k1"]
    assert bank.booked()["k1"].instruction.net_money == LEG.net_money


def test_an_unknown_key_is_not_found(bank: Bank) -> None:
    assert bank.client().find("never") is None


def test_a_key_used_for_another_body_is_refused(bank: Bank) -> None:
    client = bank.client()
    client.book(LEG)
    answer = client.book(replace(LEG, qty=Decimal(2_000)))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.permanent) == ("KEY_CONFLICT", True)
    assert bank.booked()["k1"].instruction.qty == 1_000


def test_the_same_body_in_another_order_of_fields_is_the_same(bank: Bank) -> None:
    url = f"{bank.url}/cust_bny/bookings"
    body = {"leg_id": "l", "account": "A", "cusip": "c", "side": "1", "qty": "1", "price": "1"}
    money = {"principal": "1", "accrued_interest": "0", "net_money": "1"}
    days = {"trade_date": "2026-11-23", "settlement_date": "2026-11-24"}
    headers = {"Idempotency-Key": "k"}
    made = httpx.post(url, json={**body, **money, **days}, headers=headers)
    again = httpx.post(url, json={**days, **money, **body}, headers=headers)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert made.json()["status"] == "booked"


def test_custodians_keep_separate_books_which_outlive_a_restart(bank: Bank) -> None:
    bny = bank.client("cust_bny").book(LEG)
    lpl = bank.client("cust_lpl").book(LEG)
    bank.stop()
    bank.start()
    assert bank.client("cust_bny").book(LEG) == bny
    assert bank.client("cust_lpl").find("k1") == lpl
    other = bank.client("cust_bny").book(replace(LEG, key="k2"))
    assert other not in (bny, lpl)


def test_a_torn_line_was_never_confirmed_and_is_cut_off(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.client().book(LEG)
    bank.client().book(replace(LEG, key="k2"))
    bank.stop()
    path = books.path_of(tmp_path, "cust_bny")
    path.write_bytes(path.read_bytes()[:-1])
    bank.start()
    assert bank.client().find("k2") is None
    bank.client().book(replace(LEG, key="k2"))
    bank.stop()
    assert list(bank.booked()) == ["k1", "k2"]


def test_an_account_can_be_refused(bank: Bank) -> None:
    answer = bank.client().book(replace(LEG, account="ACC-REJ"))
    assert isinstance(answer, Refused)
    assert answer.code == "ACCOUNT_REJECTED"
    assert bank.booked() == {}


def test_an_account_fails_three_times_even_over_a_restart(bank: Bank) -> None:
    leg = replace(LEG, account="ACC-FAIL")
    for attempt in range(3):
        with pytest.raises(CustodianError) as caught:
            bank.client().book(leg)
        assert caught.value.in_doubt
        assert not caught.value.permanent
        if attempt == 1:
            bank.stop()
            bank.start()
    assert isinstance(bank.client().book(leg), Booked)


def test_a_slow_account_is_booked_though_the_client_gave_up(bank: Bank) -> None:
    client = bank.client(timeout=0.2)
    with pytest.raises(CustodianError) as caught:
        client.book(replace(LEG, account="ACC-SLOW"))
    assert caught.value.in_doubt
    assert isinstance(client.find("k1"), Booked)


def test_an_account_that_is_down_leaves_no_doubt(bank: Bank) -> None:
    with pytest.raises(CustodianError) as caught:
        bank.client().book(replace(LEG, account="ACC-DOWN"))
    assert (caught.value.in_doubt, caught.value.permanent) == (False, False)
    assert bank.booked() == {}


def test_one_custodian_can_be_taken_down_for_all_its_accounts(bank: Bank) -> None:
    bank.fault(mode="down", custodian="cust_bny")
    with pytest.raises(CustodianError):
        bank.client("cust_bny").book(LEG)
    with pytest.raises(CustodianError) as caught:
        bank.client("cust_bny").find("k1")
    assert not caught.value.in_doubt
    assert isinstance(bank.client("cust_lpl").book(LEG), Booked)
    bank.fault(mode="normal")
    assert isinstance(bank.client("cust_bny").book(LEG), Booked)


def test_a_fault_can_last_for_a_number_of_bookings(bank: Bank) -> None:
    bank.fault(mode="error_after", times=1)
    with pytest.raises(CustodianError) as caught:
        bank.client().book(LEG)
    assert caught.value.in_doubt
    assert bank.client().book(LEG) == bank.client().find("k1")


def test_nobody_listening_leaves_no_doubt(tmp_path: Path) -> None:
    with pytest.raises(CustodianError) as caught:
        SimulatedCustodian("http://127.0.0.1:1/cust_bny").book(LEG)
    assert (caught.value.in_doubt, caught.value.permanent) == (False, False)


def test_positions_follow_trade_dates_and_what_has_changed_hands(bank: Bank) -> None:
    client = bank.client()
    client.book(LEG)
    client.book(replace(LEG, key="k2", side="2", qty=Decimal(400), trade_date=date(2026, 11, 24)))
    assert client.statement(as_of=date(2026, 11, 22)).positions == ()
    assert client.statement(as_of=date(2026, 11, 23)).positions == (
        CustodianPosition("ACC1", "912810SX7", Decimal(1_000), Decimal(0)),
    )
    made = client.statement(as_of=date(2026, 11, 24))
    assert made.positions == (CustodianPosition("ACC1", "912810SX7", Decimal(600), Decimal(0)),)
    # A purchase of 1,006.25 and a sale for as much: nothing is left, and a flat line is left out.
    assert made.cash == ()
    desk = SimulatedDesk(client)
    desk.instruct(
        Delivery(
            key="si_1",
            leg_id=LEG.key,
            account=LEG.account,
            cusip=LEG.cusip,
            side=LEG.side,
            qty=LEG.qty,
            net_money=LEG.net_money,
            settlement_date=LEG.settlement_date,
            depository="DTC",
            participant="0901",
            delivery_account="",
        )
    )
    desk.messages(after=0, now=datetime(2026, 11, 24, 15, tzinfo=UTC))
    made = client.statement(as_of=date(2026, 11, 24))
    # The last of two messages settled it: who has not heard of that one knows why it differs.
    line = CustodianPosition("ACC1", "912810SX7", Decimal(600), Decimal(1_000), made.through)
    assert made.positions == (line,)
    paid = CustodianCash("ACC1", "USD", -LEG.net_money, Decimal("0.00"), made.through)
    assert made.cash == (paid,)
    assert [row.key for row in client.bookings(trade_dates=[date(2026, 11, 24)])] == ["k2"]
    both = client.bookings(trade_dates=[date(2026, 11, 23), date(2026, 11, 24)])
    assert [row.key for row in both] == ["k1", "k2"]


def test_what_moves_without_a_trade_is_noted_once_and_outlives_a_restart(bank: Bank) -> None:
    deposit = Notice(
        key="mv_1",
        account="ACC1",
        kind="deposit",
        currency="EUR",
        cash=Decimal("50.01"),
        trade_date=date(2026, 11, 23),
        settlement_date=date(2026, 11, 24),
    )
    first = bank.client().note(deposit)
    bank.stop()
    bank.start()
    client = bank.client()
    assert client.note(deposit) == first
    other = client.note(replace(deposit, cash=Decimal(60)))
    assert isinstance(other, Refused)
    assert other.code == "KEY_CONFLICT"
    agreed, paid = Decimal("50.01"), Decimal(0)
    for day in (23, 24):
        made = client.statement(as_of=date(2026, 11, day))
        assert made.cash == (CustodianCash("ACC1", "EUR", paid, agreed),)
        paid = agreed


def test_a_custodian_can_be_told_to_state_something_else(bank: Bank) -> None:
    client = bank.client()
    client.book(LEG)
    wrong = {"custodian": "cust_bny", "cash": {"ACC1/USD": "0.01"}, "left_out": ["ACC1/912810SX7"]}
    assert httpx.post(f"{bank.url}/faults/statement", json=wrong).status_code == 200
    made = client.statement(as_of=date(2026, 11, 23))
    assert made.positions == ()
    assert made.cash is not None
    assert made.cash[0].settled == Decimal("0.01")
    silent = {"custodian": "cust_bny", "says_cash": False, "says_settled": False}
    assert httpx.post(f"{bank.url}/faults/statement", json=silent).status_code == 200
    made = client.statement(as_of=date(2026, 11, 23))
    assert (made.cash, made.positions[0].settled_qty) == (None, None)
    assert httpx.post(f"{bank.url}/faults/statement", json={"custodian": "cust_bny"}).is_success


def test_a_statement_that_cannot_be_read_is_none(bank: Bank) -> None:
    said = {"as_of": "2026-11-23", "at": "2026-11-23T15:00:00Z", "positions": [{"account": "A"}]}
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=said))
    client = SimulatedCustodian("http://nobody", transport=answers)
    with pytest.raises(CustodianError) as caught:
        client.statement(as_of=date(2026, 11, 23))
    assert caught.value.code == "statement_unreadable"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("cust_bny/bookings", {}, {}, 400),
        ("cust_bny/bookings", {"Idempotency-Key": "k"}, {"leg_id": "l"}, 400),
        ("../etc/bookings", {"Idempotency-Key": "k"}, {}, 404),
        ("cust_bny/nothing", {}, {}, 404),
    ],
)
def test_nonsense_is_refused(
    bank: Bank, path: str, headers: dict[str, str], body: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{bank.url}/{path}", json=body, headers=headers)
    assert answer.status_code == status
