"""Stopped with SIGTERM and started again on the same directory: as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.crash import books
from tests.journeys.stage import ROUTED, Desk, Stream, par
from tests.product import Product, running_product, until

pytestmark = pytest.mark.crash


def _clock(product: Product, *words: str) -> str:
    return product.manage("sandbox_clock", *words).stdout


def test_a_stop_and_a_start_keep_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("restart")
    with running_product(directory, fresh=True) as product, Desk(product) as desk:
        _clock(product, "--ahead", "3600")
        with Stream(product) as stream:
            filled = desk.submit()
            resting = desk.submit(limit_price=98.5)
            staged = desk.submit(bypass_auto_execution=True, client_order_id="kept")
            stream.wait(filled["id"], "execution")
            stream.wait(resting["id"], "execution_order_create")
            stream.catch_up(desk)
            seen = stream.frames[-1]["msg_number"]
        names = [filled["id"], resting["id"], staged["id"]]
        until(lambda: _booked(product), what="the booking")
        before = [desk.order(name) for name in names]
        shift = books.rows(product, "SELECT offset_seconds FROM firm_sandboxclock")
        process = product.process
    assert process.returncode == 0
    with running_product(directory) as product, Desk(product) as desk:
        assert [desk.order(name) for name in names] == before
        assert books.rows(product, "SELECT offset_seconds FROM firm_sandboxclock") == shift
        with Stream(product, after=seen) as stream:
            again, replay = desk(
                "POST",
                "trading/order/",
                {
                    "account_id": "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4",
                    "instrument_id": "037833DP2",
                    "amount": {"par": 3000},
                    "type": "limit",
                    "side": "buy",
                    "limit_price": 99.5,
                    "bypass_auto_execution": True,
                    "client_order_id": "kept",
                },
            )
            assert (again, replay["id"]) == (200, staged["id"])
            # What rested at the venue before the stop is still there to be canceled.
            assert desk.cancel(resting["id"])["outcome"] == "pending"
            stream.wait(resting["id"], "cancel")
            fresh = desk.submit()
            stream.wait(fresh["id"], "execution")
            stream.catch_up(desk)
            assert stream.words(fresh["id"]) == [*ROUTED, ("order_update", "execution")]
        row = desk.execute(staged["id"], "lob/sor", quantity={"par": 3000})
        assert desk.until_status(staged["id"], "filled")["filled_amount"] == par(3000)
        assert row["order_id"] == staged["id"]
        until(lambda: books.unsettled(product) == 1, what="the bookings")  # the canceled order
        proof = product.manage("check_books", check=False)
        assert proof.returncode == 0, proof.stdout + proof.stderr


def _booked(product: Product) -> bool:
    return books.rows(product, "SELECT status FROM allocations_bookingleg") == [("booked",)]
