"""The simulated custodian's room for files: batches in, one acknowledgement for each.

A batch is answered, then put aside: a crash between the two answers it again with what its books
have. What cannot be read is acknowledged as refused. It knows the format, and none of our code.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

LOOK_SECONDS = 0.05
CUSTODIANS = ("cust_northern",)
_encoder = msgspec.json.Encoder(decimal_format="string")
Record = dict[str, Any]
# How the desks inside are asked: method, path, query, key and body; status and answer.
Ask = Callable[[str, str, str, str, Record], Awaitable[tuple[int, Record]]]


class Unread(Exception):
    """The batch is cut short or was changed on its way."""


class Closed(Exception):
    """The desk does not work now: the batch stays where it is."""


async def run(directory: Path, ask: Ask) -> None:
    """Look for batches of every custodian, for ever."""
    open_doors(directory)
    while True:
        for house in sorted(directory.glob("*/to")):
            await look(house.parent, ask)
        await asyncio.sleep(LOOK_SECONDS)


def open_doors(directory: Path) -> None:
    """Make the directories that clients and custodians share."""
    for name in CUSTODIANS:
        for way in ("to", "from"):
            (directory / name / way).mkdir(parents=True, exist_ok=True)


async def look(house: Path, ask: Ask) -> int:
    """Answer every batch of one custodian in the order of their numbers; how many."""
    done = 0
    for batch in sorted((house / "to").glob("[0-9]*.jsonl")):
        acknowledgement = house / "from" / batch.name
        # A client clears away its questions once it has read the answer: that may be before us.
        with suppress(FileNotFoundError):
            if not acknowledgement.exists():
                try:
                    content = await _answer(house.name, batch.read_bytes(), ask)
                except Closed:
                    return done
                _put(acknowledgement, content)
            (house / "to" / "done").mkdir(exist_ok=True)
            batch.replace(house / "to" / "done" / batch.name)
        done += 1
    return done


async def _answer(custodian: str, content: bytes, ask: Ask) -> bytes:
    try:
        records = _read(content)
    except Unread as error:
        return _text({"refused": str(error)}, [])
    answers = []
    for one in records:
        try:
            answers.append(await _one(custodian, one, ask))
        except KeyError as missing:
            reason = f"{missing} is missing"
            answers.append({"key": one.get("key"), "status": "failed", "reason": reason})
    return _text({"custodian": custodian}, answers)


async def _one(custodian: str, record: Record, ask: Ask) -> Record:
    key, about = str(record.get("key", "")), str(record.get("of", ""))
    terms = {name: value for name, value in record.items() if name not in ("do", "key", "of")}
    method, path, query, body = "POST", "", "", terms
    match record.get("do"):
        case "book":
            path = "bookings"
        case "find":
            method, path = "GET", f"bookings/{record['about']}"
        case "bookings":
            method, path, query = "GET", "bookings", f"dates={record['dates']}"
        case "statement":
            method, path, query = "GET", "statement", f"as_of={record['as_of']}"
        case "notice":
            path = f"notices/{about}"
        case "messages":
            now = str(record["now"]).replace("+", "%2B")
            method, path, query = "GET", "messages", f"after={record['after']}&now={now}"
        case "confirm":
            path = f"confirmations/{about}"
        case "dispute":
            path = f"confirmations/{about}/dispute"
        case "instruct":
            path = f"instructions/{about}"
        case "withdraw":
            path = f"instructions/{about}/withdraw"
        case "buy_in":
            path = f"instructions/{about}/buy-in"
        case other:
            return {"key": key, "status": "failed", "reason": f"{other} is not done here"}
    status, said = await ask(method, f"/{custodian}/{path}", query, key, body)
    return {"key": key, **_said(str(record["do"]), status, said)}


def _said(do: str, status: int, said: Record) -> Record:
    if status == 503:
        raise Closed
    if do == "find" and status == 404:
        return {"status": "unknown"}
    if status in (200, 201):
        if do == "statement":
            return {"status": "answered", "statement": said}
        rows = next((value for value in said.values() if isinstance(value, list)), [])
        if do in ("bookings", "messages"):
            return {"status": "answered", "rows": rows}
        if do in ("book", "find"):
            return {"status": "booked", "booking_ref": said["booking_ref"]}
        return {"status": "taken", **said}
    if status in (409, 422):
        return {"status": "rejected", "code": said.get("code"), "reason": said.get("reason", "")}
    return {"status": "failed", "reason": str(said.get("reason", status))}


def _read(content: bytes) -> list[Record]:
    try:
        body, _, last = content.removesuffix(b"\n").rpartition(b"\n")
        body += b"\n"
        trailer = msgspec.json.decode(last, type=Record)
        _, *records = (msgspec.json.decode(line, type=Record) for line in body.splitlines())
    except (ValueError, msgspec.MsgspecError) as error:
        raise Unread(str(error)) from error
    if trailer.get("sha256") != sha256(body).hexdigest() or trailer.get("count") != len(records):
        raise Unread("the trailer does not fit")
    return records


def _text(header: Record, records: list[Record]) -> bytes:
    body = b"\n".join(_encoder.encode(one) for one in (header, *records)) + b"\n"
    trailer = {"count": len(records), "sha256": sha256(body).hexdigest()}
    return body + _encoder.encode(trailer) + b"\n"


def _put(path: Path, content: bytes) -> None:
    """Readers see all of a file or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
