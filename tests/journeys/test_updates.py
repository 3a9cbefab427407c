"""What one update did, on a client's socket: the order, the money, the holding, under one id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.journeys.stage import Desk, on_stage
from tests.product import Product

ALL = "transaction,holding,balance"


@contextmanager
def socket(
    product: Product, views: str, *, after: str = "", user: str = "alpha_trader"
) -> Iterator[ClientConnection]:
    """An order stream with other views beside it."""
    query = f"?views={views}" + (f"&starting_msg_number={after}" if after else "")
    with connect(
        f"ws://127.0.0.1:{product.port}/v1/trading/order-stream/{query}",
        additional_headers={"Authorization": f"Bearer oems_test_{user}"},
        open_timeout=20,
        max_size=None,
    ) as opened:
        assert json.loads(opened.recv(20))["msg_type"] == "success"
        yield opened


def read_until(opened: ClientConnection, is_last: Any) -> list[Any]:
    """Every frame up to the one that is asked for."""
    frames = []
    while True:
        frames.append(json.loads(opened.recv(20)))
        if is_last(frames[-1]):
            return frames


def of_update(frames: list[Any], update_id: str) -> list[str]:
    return [one["msg_type"] for one in frames if one.get("update_id") == update_id]


def test_a_fill_is_four_frames_of_one_update_live_and_replayed(product: Product) -> None:
    with Desk(product) as desk, socket(product, ALL) as opened:
        order = desk.submit(account_id="alpha-002")
        update_id = ""

        def is_last(frame: Any) -> bool:
            nonlocal update_id
            event = frame.get("event", {})
            if event.get("order_id") == order["id"] and event["event_type"] == "execution":
                update_id = frame["update_id"]
            return bool(update_id) and frame["msg_type"] == "balance_update"

        frames = read_until(opened, is_last)
        views = ["transaction_update", "holding_update", "balance_update"]
        assert of_update(frames, update_id) == ["order_update", *views]
        # The others have no number: those that have one still follow each other without a hole.
        numbers = [int(one["msg_number"]) for one in frames if "msg_number" in one]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        # A client that was cut off before the fill is told all of it again.
        execution = next(one for one in frames if one["event"]["event_type"] == "execution")
        before = str(int(execution["msg_number"]) - 1)
        with socket(product, ALL, after=before) as again:
            replayed = read_until(again, lambda one: one["msg_type"] == "balance_update")
        mine = [one for one in frames if one.get("update_id") == update_id]
        assert [one for one in replayed if one.get("update_id") == update_id] == mine
        status, body = desk("GET", f"update/{update_id}/")
        assert (status, len(body["orders"]), len(body["balances"])) == (200, 1, 1)


def test_a_deposit_shows_as_a_transaction_and_a_balance(product: Product) -> None:
    with Desk(product, "alpha_ops") as ops, socket(product, ALL) as opened:
        asked = {"kind": "deposit", "account_id": "alpha-007", "amount": 12.34}
        status, made = ops("POST", "transaction/", asked)
        assert status == 201
        frames = read_until(
            opened,
            lambda one: (
                one.get("update_id") == made["update_id"] and one["msg_type"] == "balance_update"
            ),
        )
        assert of_update(frames, made["update_id"]) == ["transaction_update", "balance_update"]


def test_who_did_not_ask_sees_the_stream_as_it_is(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(account_id="alpha-002")
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert {one["msg_type"] for one in stream.frames} <= {"order_update", "system_update"}


def test_a_view_that_nobody_knows_is_refused(product: Product) -> None:
    with socket(product, "holding,weather") as opened:
        assert json.loads(opened.recv(20)) == {"msg_type": "error", "msg": "view_unknown"}
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


def test_nobody_sees_holdings_without_a_key(product: Product) -> None:
    with pytest.raises(InvalidStatus), socket(product, ALL, user="nobody"):
        pass
