"""The simulated custodian on the network: a plain ASGI application, JSON in and out.

Every custodian lives under its own path (`/cust_bny/bookings`); `POST /faults` makes one or all
of them misbehave for a test.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from allocations.custodians.simulator import behaviors
from allocations.custodians.simulator.behaviors import Mode
from allocations.custodians.simulator.books import Booking, Books, Conflict, Instruction

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

CUSTODIANS = ("cust_lpl", "cust_bny", "cust_pershing")
_NAME = re.compile(r"cust_[a-z0-9_]{1,40}", re.ASCII)
_encoder = msgspec.json.Encoder(decimal_format="string")


class Answer(Exception):
    """An HTTP answer, raised where it is known."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mode forced on one custodian, or on all, for the next `times` bookings or until reset."""

    mode: Mode
    custodian: str = ""
    times: int | None = None
    seconds: float = behaviors.SLOW_SECONDS


class CustodianApp:
    """All custodians of this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._books: dict[str, Books] = {}
        self._faults: dict[str, Fault] = {}
        for name in CUSTODIANS:
            self.books(name)

    def books(self, custodian: str) -> Books:
        """A custodian's books, opened from its journal. Raises `Answer` for a bad name."""
        if not _NAME.fullmatch(custodian):
            raise Answer(404, _problem("NOT_FOUND", "no such custodian"))
        if custodian not in self._books:
            self._books[custodian] = Books(self._directory, custodian)
        return self._books[custodian]

    def close(self) -> None:
        """Let go of the files."""
        for books in self._books.values():
            books.close()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        try:
            status, body = await self._route(scope, receive)
        except Answer as answer:
            status, body = answer.status, answer.body
        except msgspec.MsgspecError as error:
            status, body = 400, _problem("UNREADABLE", str(error))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": _encoder.encode(body)})

    async def _route(self, scope: dict[str, Any], receive: Receive) -> tuple[int, object]:
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"]).items()}
        match [scope["method"], *scope["path"].strip("/").split("/")]:
            case ["POST", "faults"]:
                return self._set_fault(msgspec.json.decode(await _body(receive), type=Fault))
            case ["POST", custodian, "bookings"]:
                headers = dict(scope["headers"])
                key = headers.get(b"idempotency-key", b"").decode("latin-1")
                return await self._book(self.books(custodian), key, await _body(receive))
            case ["GET", custodian, "bookings"]:
                found = self._asked(custodian).on(_day(query, b"date"))
                return 200, {"bookings": [_shown(booking) for booking in found]}
            case ["GET", custodian, "bookings", key]:
                booking = self._asked(custodian).bookings.get(key)
                if booking is None:
                    raise Answer(404, _problem("NOT_FOUND", "no such booking"))
                return 200, _shown(booking)
            case ["GET", custodian, "positions"]:
                rows = self._asked(custodian).positions(_day(query, b"as_of"))
                return 200, {"positions": rows}
        raise Answer(404, _problem("NOT_FOUND", "no such path"))

    async def _book(self, books: Books, key: str, body: bytes) -> tuple[int, object]:
        if not key:
            raise Answer(400, _problem("KEY_MISSING", "Idempotency-Key is required"))
        instruction = msgspec.json.decode(body, type=Instruction)
        mode, seconds = self._mode(books.custodian, instruction.account)
        if mode is Mode.DOWN:
            raise Answer(503, _problem("UNAVAILABLE", "closed for now"))
        if mode is Mode.REJECT:
            raise Answer(422, _problem("ACCOUNT_REJECTED", "this account cannot be booked to"))
        if mode is Mode.FAIL and books.failures[key] < behaviors.FAILURES_BEFORE_BOOKING:
            books.fail(key)
            raise Answer(500, _problem("INTERNAL", "something went wrong"))
        try:
            booking, is_new = books.book(key, instruction, body)
        except Conflict as error:
            raise Answer(409, _problem("KEY_CONFLICT", "the key belongs to another leg")) from error
        if mode is Mode.SLOW:
            await asyncio.sleep(seconds)
        if mode is Mode.ERROR_AFTER:
            raise Answer(500, _problem("INTERNAL", "something went wrong"))
        return 201 if is_new else 200, _shown(booking)

    def _asked(self, custodian: str) -> Books:
        """The books of a custodian that answers questions at present."""
        books = self.books(custodian)
        fault = self._fault(custodian)
        if fault is not None and fault.mode is Mode.DOWN:
            raise Answer(503, _problem("UNAVAILABLE", "closed for now"))
        return books

    def _fault(self, custodian: str) -> Fault | None:
        return self._faults.get(custodian) or self._faults.get("")

    def _mode(self, custodian: str, account: str) -> tuple[Mode, float]:
        fault = self._fault(custodian)
        if fault is None:
            return behaviors.mode_of(account), behaviors.SLOW_SECONDS
        if fault.times is not None:
            left = fault.times - 1
            if left > 0:
                self._faults[fault.custodian] = msgspec.structs.replace(fault, times=left)
            else:
                del self._faults[fault.custodian]
        return fault.mode, fault.seconds

    def _set_fault(self, fault: Fault) -> tuple[int, object]:
        if fault.mode is Mode.NORMAL:
            self._faults.pop(fault.custodian, None)
            if not fault.custodian:
                self._faults.clear()
        else:
            self._faults[fault.custodian] = fault
        return 200, {"ok": True}


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        body += chunk
        if not message.get("more_body"):
            return body


def _day(query: dict[bytes, bytes], name: bytes) -> date:
    try:
        return date.fromisoformat(query.get(name, b"").decode("ascii"))
    except ValueError as error:
        raise Answer(400, _problem("BAD_DATE", f"{name.decode()} is a date")) from error


def _shown(booking: Booking) -> dict[str, object]:
    return {
        "key": booking.key,
        "booking_ref": booking.booking_ref,
        "status": "booked",
        "booked_at": booking.booked_at,
        **msgspec.structs.asdict(booking.instruction),
    }


def _problem(code: str, reason: str) -> dict[str, str]:
    return {"code": code, "reason": reason}
