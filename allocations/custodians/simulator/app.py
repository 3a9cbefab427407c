"""The simulated custodian on the network: a plain ASGI application, JSON in and out.

Every custodian lives under its own path (`/cust_bny/bookings`); `POST /faults` makes one or all
of them misbehave for a test.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from allocations.custodians.simulator import behaviors, desk, statements
from allocations.custodians.simulator.behaviors import Mode, Settling
from allocations.custodians.simulator.books import Booking, Books, Instruction
from allocations.custodians.simulator.clearing import ClearingHouses
from allocations.custodians.simulator.desk import Desk
from allocations.custodians.simulator.journal import Conflict
from allocations.custodians.simulator.notices import Notices
from allocations.custodians.simulator.statements import Wrong
from oms_site.kit import clock

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
    """A mode forced on one custodian, or on all, for the next `times` calls or until reset.

    `desk` is the one that books unless the settlement desk is named.
    """

    mode: Mode
    desk: Literal["booking", "settlement"] = "booking"
    custodian: str = ""
    times: int | None = None
    seconds: float = behaviors.SLOW_SECONDS


class CustodianApp:
    """All custodians of this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._books: dict[str, Books] = {}
        self._desks: dict[str, Desk] = {}
        self._notices: dict[str, Notices] = {}
        self._wrong: dict[str, Wrong] = {}  # what their statements are to say wrongly
        self._faults: dict[str, Fault] = {}
        self._trouble: dict[str, Fault] = {}  # of the settlement desks
        self._clearing = ClearingHouses(directory)
        for name in CUSTODIANS:
            self.books(name)

    def books(self, custodian: str) -> Books:
        """A custodian's books, opened from its journal. Raises `Answer` for a bad name."""
        if not _NAME.fullmatch(custodian):
            raise Answer(404, _problem("NOT_FOUND", "no such custodian"))
        if custodian not in self._books:
            self._books[custodian] = Books(self._directory, custodian)
            self._desks[custodian] = Desk(self._directory, self._books[custodian])
            self._notices[custodian] = Notices(self._directory, custodian)
        return self._books[custodian]

    def close(self) -> None:
        """Let go of the files."""
        for desk_ in self._desks.values():
            desk_.close()
        for books in self._books.values():
            books.close()
        for told in self._notices.values():
            told.close()
        self._clearing.close()

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

    async def ask(
        self, method: str, path: str, query: str, key: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """One request from inside this process, as the room for files makes them."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"idempotency-key", key.encode())],
        }
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"body": _encoder.encode(body)}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        await self(scope, receive, send)
        return said[0]["status"], msgspec.json.decode(said[1]["body"])

    async def _route(self, scope: dict[str, Any], receive: Receive) -> tuple[int, object]:
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"]).items()}
        match [scope["method"], *scope["path"].strip("/").split("/")]:
            case ["POST", "faults"]:
                return self._set_fault(msgspec.json.decode(await _body(receive), type=Fault))
            case ["POST", "faults", "statement"]:
                wrong = msgspec.json.decode(await _body(receive), type=Wrong, strict=False)
                self._wrong[wrong.custodian] = wrong
                return 200, {"ok": True}
            case ["POST", "faults", "clearing"]:
                return 200, self._clearing.set_fault(await _body(receive))
            case ["POST", party, "trades", key]:
                return self._clearing.report(party, key, await _body(receive))
            case ["GET", party, "trades", key]:
                return self._clearing.find(party, key)
            case ["POST", custodian, "bookings"]:
                headers = dict(scope["headers"])
                key = headers.get(b"idempotency-key", b"").decode("latin-1")
                return await self._book(self.books(custodian), key, await _body(receive))
            case ["GET", custodian, "bookings"]:
                found = self._asked(custodian).on(_days(query, b"dates"))
                return 200, {"bookings": [_shown(booking) for booking in found]}
            case ["GET", custodian, "bookings", key]:
                booking = self._asked(custodian).bookings.get(key)
                if booking is None:
                    raise Answer(404, _problem("NOT_FOUND", "no such booking"))
                return 200, _shown(booking)
            case ["GET", custodian, "statement"]:
                self._asked(custodian)
                return 200, self._statement(custodian, _day(query, b"as_of"))
            case ["POST", custodian, "notices", key]:
                self._asked(custodian)
                return self._note(custodian, key, await _body(receive))
            case ["GET", custodian, "messages"]:
                self._asked(custodian)
                told = self._desks[custodian].after(_seq(query), _moment(query))
                return 200, {"messages": [{"seq": m.seq, "body": m.body} for m in told]}
            case ["POST", custodian, "confirmations" | "instructions" as what, key, *step]:
                self.books(custodian)
                body = await _body(receive)
                return await self._settle(custodian, what, key, "/".join(step), body)
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

    async def _settle(
        self, custodian: str, what: str, key: str, step: str, body: bytes
    ) -> tuple[int, object]:
        """One call to a settlement desk, in whatever trouble that is."""
        fault = self._trouble.get(custodian) or self._trouble.get("")
        mode = fault.mode if fault else Mode.NORMAL
        if fault is not None and fault.times is not None:
            _count_down(self._trouble, fault)
        if mode is Mode.DOWN:
            raise Answer(503, _problem("UNAVAILABLE", "closed for now"))
        if mode is Mode.REJECT:
            raise Answer(422, _problem("REFUSED", "not by this desk"))
        try:
            answer = _at_desk(self._desks[custodian], what, key, step, body)
        except Conflict as error:
            raise Answer(409, _problem("KEY_CONFLICT", "taken or withdrawn before")) from error
        if fault is not None and mode is Mode.SLOW:
            await asyncio.sleep(fault.seconds)
        if mode is Mode.ERROR_AFTER:
            raise Answer(500, _problem("INTERNAL", "something went wrong"))
        return 200, answer

    def _statement(self, custodian: str, as_of: date) -> dict[str, Any]:
        at_desk, told = self._desks[custodian], self._notices[custodian]
        return statements.made(
            self._books[custodian].bookings.values(),
            at_desk.hands,
            (one.notice for one in told.taken.values()),
            as_of=as_of,
            at=clock.machine_now(),
            through=len(at_desk.messages),
            wrong=self._wrong.get(custodian),
        )

    def _note(self, custodian: str, key: str, body: bytes) -> tuple[int, object]:
        try:
            return 200, {"ref": self._notices[custodian].take(key, body).ref}
        except Conflict as error:
            raise Answer(409, _problem("KEY_CONFLICT", "the key belongs to another one")) from error

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
            _count_down(self._faults, fault)
        return fault.mode, fault.seconds

    def _set_fault(self, fault: Fault) -> tuple[int, object]:
        faults = self._trouble if fault.desk == "settlement" else self._faults
        if fault.mode is Mode.NORMAL:
            faults.pop(fault.custodian, None)
            if not fault.custodian:
                faults.clear()
        else:
            faults[fault.custodian] = fault
        return 200, {"ok": True}


def _at_desk(at: Desk, what: str, key: str, step: str, body: bytes) -> dict[str, object]:
    """What a settlement desk answers. Raises `Answer`, `Conflict`."""
    match (what, step):
        case ("confirmations", ""):
            at.confirm(key, body)
            return {"confirm_id": key}
        case ("confirmations", "dispute"):
            at.dispute(str(msgspec.json.decode(body)["leg_id"]))
            return {"confirm_id": key}
        case ("instructions", ""):
            order = msgspec.json.decode(body, type=desk.Order)
            if behaviors.settling_of(order.account) is Settling.ON_HOLD:
                raise Answer(422, _problem("ACCOUNT_ON_HOLD", "this account does not settle"))
            return {"ref": at.instruct(key, order, body).ref}
        case ("instructions", "withdraw"):
            return {"settled_qty": at.withdraw(key)}
        case ("instructions", "buy-in"):
            at.buy_in(key, date.fromisoformat(str(msgspec.json.decode(body)["day"])))
            return {"ok": True}
    raise Answer(404, _problem("NOT_FOUND", "no such path"))


def _count_down(faults: dict[str, Fault], fault: Fault) -> None:
    left = (fault.times or 1) - 1
    if left > 0:
        faults[fault.custodian] = msgspec.structs.replace(fault, times=left)
    else:
        del faults[fault.custodian]


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


def _days(query: dict[bytes, bytes], name: bytes) -> frozenset[date]:
    """Dates with commas between them."""
    parts = query.get(name, b"").split(b",")
    return frozenset(_day({name: part}, name) for part in parts)


def _seq(query: dict[bytes, bytes]) -> int:
    text = query.get(b"after", b"")
    if not text.isdigit():
        raise Answer(400, _problem("BAD_NUMBER", "after is a number"))
    return int(text)


def _moment(query: dict[bytes, bytes]) -> datetime:
    try:
        moment = datetime.fromisoformat(query.get(b"now", b"").decode("ascii"))
    except ValueError as error:
        raise Answer(400, _problem("BAD_TIME", "now is a moment")) from error
    if moment.tzinfo is None:
        raise Answer(400, _problem("BAD_TIME", "now has a time zone"))
    return moment


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
