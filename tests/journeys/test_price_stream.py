"""The price stream of a running product: subscriptions, conflation, gaps, staleness, keys."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.product import Product, until

BOND, OTHER = "912810TF5", "912810TA6"
Frame = dict[str, Any]


class Prices:
    """One client of the stream; it refuses a hole in `seq`."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self.seq = 0
        assert self.read() == {"msg_type": "success", "msg": "connected"}

    def say(self, **message: Any) -> None:
        self._line.send(json.dumps(message))

    def read(self, *, seconds: float = 60) -> Frame:
        frame: Frame = json.loads(self._line.recv(timeout=seconds))
        if frame["msg_type"] == "market_data":
            self.seq += 1
            assert frame["seq"] == self.seq
        return frame

    def wait(self, fits: Callable[[Frame], Any], *, frames: int = 200) -> Frame:
        for _ in range(frames):
            frame = self.read()
            if fits(frame):
                return frame
        raise AssertionError("it did not come")


@contextmanager
def prices(product: Product, user: str = "alpha_trader") -> Iterator[Prices]:
    headers = {"Authorization": f"Bearer oems_test_{user}"}
    where = f"ws://127.0.0.1:{product.port}/v1/data/price-stream/"
    with connect(where, additional_headers=headers, open_timeout=20, max_size=None) as line:
        yield Prices(line)


def tell(product: Product, **command: Any) -> None:
    """Through the venue's back door."""
    ports = json.loads((product.outside / "ports.json").read_bytes())
    with socket.create_connection(("127.0.0.1", ports["admin"]), timeout=5) as line:
        line.sendall(json.dumps(command).encode() + b"\n")
        assert json.loads(line.makefile().readline())["ok"] is True


def data(name: str = BOND) -> Callable[[Frame], Any]:
    return lambda frame: frame["msg_type"] == "market_data" and frame["instrument_id"] == name


def test_a_subscriber_gets_a_snapshot_and_then_what_changes(product: Product) -> None:
    with prices(product) as one:
        one.say(action="subscribe", instruments=[BOND, "NOSUCH"], level=2, depth=3)
        answer = one.read()
        assert (answer["msg_type"], answer["instruments"]) == ("subscribed", [BOND])
        assert answer["unknown"] == ["NOSUCH"]
        first = one.wait(data())
        assert (first["type"], first["stale"], len(first["asks"])) == ("snapshot", False, 3)
        was = first["ask"]["price"]
        tell(product, cmd="move", session="SIMA", security_id=BOND, ticks=-1)
        moved = one.wait(lambda f: data()(f) and f["ask"]["price"] < was)
        assert (moved["type"], moved["ask"]["venue_id"]) == ("update", "SIMA")
        one.say(action="unsubscribe", instruments=[BOND])
        assert one.wait(lambda f: f["msg_type"] == "unsubscribed")["instruments"] == [BOND]
        tell(product, cmd="move", session="SIMA", security_id=BOND, ticks=1)
        quiet = one.wait(lambda f: f["msg_type"] != "unsubscribed")
        assert quiet["msg_type"] == "heartbeat"


def test_what_changes_often_is_told_as_one(product: Product) -> None:
    with prices(product) as one:
        one.say(action="subscribe", instruments=[OTHER], throttle_ms=3_000)
        one.wait(data(OTHER))
        for n in range(10):
            tell(product, cmd="move", session="SIMA", security_id=OTHER, ticks=(-1) ** n)
        tell(product, cmd="move", session="SIMA", security_id=OTHER, ticks=-2)
        told = one.wait(data(OTHER))
        assert told["ask"]["venue_id"] == "SIMA"
        assert one.seq == 2
        tell(product, cmd="move", session="SIMA", security_id=OTHER, ticks=2)


def test_a_gap_makes_a_book_stale_until_its_snapshot_has_come(product: Product) -> None:
    def book(client: Any) -> Frame:
        found: Frame = client.get(f"/v1/trading/market/{BOND}/book/?venue_id=SIMB").json()
        return found

    with product.client() as client:
        before = until(lambda: book(client)["state"] == "live" and book(client))
        tell(product, cmd="book_fault", session="SIMB", drop=1.0)
        tell(product, cmd="move", session="SIMB", security_id=BOND, ticks=-4)
        tell(product, cmd="book_fault", session="SIMB")
        # Nothing else is said of it: the number that comes with the next top shows the loss.
        after = until(
            lambda: (b := book(client))["state"] == "live" and b["ask"] != before["ask"] and b,
            seconds=30,
            what="the book to be whole again",
        )
        assert after["venues"][0]["rpt_seq"] > before["venues"][0]["rpt_seq"]
        tell(product, cmd="move", session="SIMB", security_id=BOND, ticks=4)


def test_a_venue_that_falls_silent_is_told_as_stale(product: Product) -> None:
    with prices(product) as one:
        one.say(action="subscribe", instruments=[BOND])
        assert one.wait(data())["stale"] is False
        for venue in ("SIMA", "SIMB"):
            tell(product, cmd="silence", session=venue, on=True)
        try:
            stale = one.wait(lambda f: data()(f) and f["stale"] and f["volume"]["state"] == "stale")
            assert (stale["bid"], stale["ask"]) == (None, None)
            assert {venue["state"] for venue in stale["venues"]} == {"stale"}
        finally:
            for venue in ("SIMA", "SIMB"):
                tell(product, cmd="silence", session=venue, on=False)
        assert one.wait(lambda f: data()(f) and not f["stale"])["ask"]


def test_a_fill_is_on_the_public_tape(product: Product) -> None:
    venue = "SIMA"
    amount = {"type": "par", "value": "17300"}
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "manual",
        "quantity": amount,
        "venue_id": venue,
    }
    with product.client() as client:

        def tape() -> Frame:
            found: Frame = client.get(f"/v1/trading/market/{OTHER}/tape/?venue_id={venue}").json()
            return found

        before = until(lambda: tape()["state"] == "live" and tape(), what="the tape")
        assert before["trades"], "the background market trades too"
        made = client.post(
            "/v1/trading/order/",
            json={
                "instrument_id": OTHER,
                "side": "buy",
                "type": "market",
                "amount": amount,
                "account_id": "alpha-002",
                "execution_instructions": [instruction],
            },
        )
        assert made.status_code == 201, made.text
        until(
            lambda: [t for t in tape()["trades"] if t["size"] == 17_300],
            what="our trade on the tape",
        )
        after = tape()
    assert after["day_volume"] >= before["day_volume"] + 17_300
    assert after["venues"][0]["rpt_seq"] > before["venues"][0]["rpt_seq"]


@pytest.mark.parametrize(
    "message",
    [{"action": "dance"}, {"action": "subscribe"}, {"action": "subscribe", "instruments": 1}],
)
def test_what_cannot_be_read_is_answered_and_changes_nothing(
    product: Product, message: Frame
) -> None:
    with prices(product) as one:
        one.say(**message)
        assert one.read()["code"] == "invalid_request"
        one.say(action="subscribe", instruments=[BOND])
        assert one.read()["msg_type"] == "subscribed"


def test_one_name_many_times_is_one_instrument(product: Product) -> None:
    with prices(product) as one:
        one.say(action="subscribe", instruments=[BOND] * 500)
        assert one.read()["instruments"] == [BOND]


def test_nobody_without_a_key_gets_in(product: Product) -> None:
    with pytest.raises(InvalidStatus) as caught, prices(product, "nobody"):
        pass
    assert caught.value.response.status_code == 403
