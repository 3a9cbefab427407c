"""What every journey needs: a desk that speaks HTTP, and a stream that is checked as it is read."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from types import TracebackType
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from allocations.custodians.simulator import books
from tests.product import Product, until
from venues.messages import ExecutionReport
from venues.simulator import journal

Frame = dict[str, Any]
PATH = "/v1/trading/order/"
CUSTODIANS = ("cust_lpl", "cust_bny", "cust_pershing")
APPLE = "037833DP2"  # a corporate bond offered at 99.375, bid 99.125
# The guide's first sample, word for word.
GUIDE_ORDER: dict[str, Any] = {
    "account_id": "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4",
    "instrument_id": "037833DP2",
    "amount": {"par": 3000.0},
    "type": "limit",
    "side": "buy",
    "limit_price": 99.5,
    "extended_hours": False,
}
# What a passed order says before anything is executed.
APPROVED = [("order_update", "request"), ("order_update", "approve")]
ROUTED = [*APPROVED, ("order_update", "execution_order_create")]


class Desk:
    """One sandbox key at the REST API; answers are status and decoded body."""

    def __init__(self, product: Product, user: str = "alpha_trader") -> None:
        self._http = product.client(user)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request under `/v1/`."""
        answer: httpx.Response = self._http.request(method, f"/v1/{path}", json=body)
        return answer.status_code, json.loads(answer.content, parse_float=Decimal)

    def submit(self, **changes: Any) -> dict[str, Any]:
        """Submit the guide's order with some fields changed, None removing one; the order."""
        body = {k: v for k, v in {**GUIDE_ORDER, **changes}.items() if v is not None}
        status, order = self("POST", "trading/order/", body)
        assert status == 201, order
        return dict(order)

    def order(self, order_id: str) -> dict[str, Any]:
        """The order object as it is now."""
        status, order = self("GET", f"trading/order/{order_id}/")
        assert status == 200, order
        return dict(order)

    def executions(self, order_id: str) -> list[dict[str, Any]]:
        """The executions of an order."""
        status, found = self("GET", f"trading/order/{order_id}/execution/")
        assert status == 200, found
        return list(found["executions"])

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Ask an order to stop; the answer, which is a 202 for every visible order."""
        status, answer = self("DELETE", f"trading/order/{order_id}/")
        assert status == 202, answer
        return dict(answer)

    def execute(self, order_id: str, kind: str, **body: Any) -> dict[str, Any]:
        """Make an execution order, such as `lob/sor`."""
        status, row = self("POST", f"trading/order/{order_id}/execution-order/{kind}/", body)
        assert status == 202, row
        return dict(row)

    def until_status(self, order_id: str, status: str, *, seconds: float = 60) -> dict[str, Any]:
        """Wait for an order to have a status; the order."""

        def reached() -> dict[str, Any] | None:
            order = self.order(order_id)
            return order if order["status"] == status else None

        return dict(until(reached, seconds=seconds, what=f"{order_id} to be {status}"))


class Stream:
    """An order stream that refuses a hole or a repeat in `msg_number` the moment it reads one."""

    def __init__(
        self, product: Product, user: str = "alpha_trader", *, after: str | None = None
    ) -> None:
        query = "" if after is None else f"?starting_msg_number={after}"
        self._opened = ExitStack()
        self._socket: ClientConnection = self._opened.enter_context(
            connect(
                f"ws://127.0.0.1:{product.port}/v1/trading/order-stream/{query}",
                additional_headers={"Authorization": f"Bearer oems_test_{user}"},
                open_timeout=20,
                max_size=None,
            )
        )
        self.first = self._read(20)
        self.frames: list[Frame] = []  # numbered ones, in order
        self.heartbeats = 0
        # A replay from the very beginning starts with whatever number came first.
        self.number = int(after) if after and after.isdigit() and int(after) else None

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def next(self, *, seconds: float = 60) -> Frame:
        """The next frame of any kind; a numbered one is checked and kept. Raises TimeoutError."""
        frame = self._read(seconds)
        if "msg_number" not in frame:
            self.heartbeats += frame["msg_type"] == "heartbeat"
            return frame
        number = int(frame["msg_number"])
        assert isinstance(frame["msg_number"], str)
        assert len(frame["msg_number"]) == 18
        if self.number is not None:
            same_day = number // 10**10 == self.number // 10**10
            follows = self.number + 1 if same_day else number // 10**10 * 10**10
            assert number == follows, f"{number} came after {self.number}"
        self.number = number
        self.frames.append(frame)
        return frame

    def wait(self, order_id: str, event_type: str, *, seconds: float = 60, nth: int = 1) -> Frame:
        """The nth event of this type about an order, read until it is there."""

        def found() -> Frame | None:
            mine = [f for f in self.story(order_id) if f["event"]["event_type"] == event_type]
            return mine[nth - 1] if len(mine) >= nth else None

        what = f"{event_type} of {order_id}"
        frame: Frame = self.read_until(found, seconds=seconds, what=what)
        return frame

    def read_until(self, found: Callable[[], Any], *, seconds: float = 60, what: str) -> Any:
        """Read until the condition holds."""

        end = time.monotonic() + seconds
        while not (result := found()):
            if time.monotonic() > end:
                seen = [(f["event"].get("order_id"), f["event"]["event_type"]) for f in self.frames]
                raise AssertionError(f"waited in vain for {what}; the stream said {seen[-20:]}")
            with suppress(TimeoutError):
                self.next(seconds=0.25)
        return result

    def catch_up(self, desk: Desk) -> None:
        """Read everything that has happened by now: up to a later marker order."""
        marker = desk.submit(bypass_auto_execution=True)["id"]
        self.wait(marker, "approve")

    def story(self, order_id: str) -> list[Frame]:
        """The frames about one order so far."""
        return [f for f in self.frames if f["event"].get("order_id") == order_id]

    def words(self, order_id: str) -> list[tuple[str, str]]:
        """The story of one order as message and event types."""
        return [(f["msg_type"], f["event"]["event_type"]) for f in self.story(order_id)]

    @property
    def close_code(self) -> int | None:
        """Why the server ended it, once it is over."""
        return self._socket.close_code

    def is_over(self, *, seconds: float = 0.25) -> bool:
        """Read on for a moment; whether the server has closed."""
        try:
            self.next(seconds=seconds)
        except TimeoutError:
            return False
        except ConnectionClosed:
            return True
        return False

    def cut(self) -> None:
        """Lose the connection without a word, as a network does."""
        self._socket.socket.close()

    def _read(self, seconds: float) -> Frame:
        frame: Frame = json.loads(self._socket.recv(timeout=seconds), parse_float=Decimal)
        return frame


@contextmanager
def on_stage(product: Product, user: str = "alpha_trader") -> Iterator[tuple[Desk, Stream]]:
    """A desk and a stream of one sandbox user."""
    with Desk(product, user) as desk, Stream(product, user) as stream:
        assert stream.first == {"msg_type": "success", "msg": "connected"}
        yield desk, stream


def fresh(name: str = "co") -> str:
    """A client id that nobody has used."""
    return f"{name}-{uuid.uuid4()}"


def par(value: int) -> dict[str, Any]:
    """An amount as every answer and event gives it."""
    return {"type": "par", "value": value, "par": value}


def venue_executions(product: Product) -> dict[str, tuple[str, ExecutionReport]]:
    """Every trade that stands at the venues: session and report, by ExecID."""
    return {
        exec_id: (session, report)
        for session in ("SIMA", "SIMB")
        for exec_id, report in journal.executions(product.outside, session).items()
    }


def custodian_bookings(product: Product) -> dict[str, tuple[str, books.Booking]]:
    """What the custodians have booked by their own journals: custodian and booking, by key."""
    return {
        key: (custodian, booking)
        for custodian in CUSTODIANS
        for key, booking in books.bookings(product.outside, custodian).items()
    }


def agree_with_venue(product: Product, executions: list[dict[str, Any]]) -> None:
    """Every execution is one the venue has in its own journal, with the same shares and price."""
    theirs = venue_executions(product)
    for fill in executions:
        session, report = theirs[fill["venue_execution_id"]]
        assert report.last_px is not None
        assert (session, report.last_qty, report.last_px) == (
            fill["venue"],
            fill["amount"]["value"],
            fill["price"]["pop"],
        )
