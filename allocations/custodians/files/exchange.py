"""Asking by files: what many threads ask at one moment goes out as one batch, and each is answered.

Nothing is kept that a crash could lose: what was asked and not answered is asked again by whoever
needs it, under the same key, and the custodian answers with what it has.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from allocations.custodians.files import numbered
from allocations.custodians.files.numbered import Record, Unreadable
from allocations.custodians.port import CustodianError
from oms_site.kit import clock

PATIENCE_SECONDS = 5.0
AGAIN_SECONDS = 60.0  # what was not answered for so long goes out once more
LINGER_SECONDS = 0.01
_LOOK_SECONDS = 0.02
# Answers to questions are read once; what was instructed and acknowledged is kept.
QUESTIONS = frozenset({"find", "statement", "bookings", "messages"})


@dataclass(slots=True)
class _Batch:
    records: dict[str, Record] = field(default_factory=dict)
    answers: dict[str, Future[Record]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
    record: Record
    number: int
    at: float


class Exchange:
    """The directories that we and one custodian share: `to` it and `from` it."""

    def __init__(self, directory: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._to, self._from = directory / "to", directory / "from"
        self._patience = patience
        self._guard = threading.Lock()
        self._next = _Batch()
        self._unanswered: dict[str, _Asked] = {}

    def ask(self, record: Record) -> Record:
        """The answer to one record, which has a `key`. Raises `CustodianError`, which `waits`.

        A key that is on its way is waited for; only after a while is it sent again.
        """
        key = str(record["key"])
        with self._guard:
            asked = self._unanswered.get(key)
        fresh = asked is not None and clock.monotonic() - asked.at < AGAIN_SECONDS
        if asked is not None and fresh and asked.record == record:
            return self._await([key], asked.number)[key]
        with self._guard:
            batch, leads = self._next, not self._next.records
            if key in batch.records and batch.records[key] != record:
                # One batch cannot hold two contents of a key: this one goes by itself.
                batch, leads = _Batch(), True
            batch.records[key] = record
            answer = batch.answers.setdefault(key, Future())
        if leads:
            self._lead(batch)
        return answer.result(timeout=self._patience * 4)

    def _lead(self, batch: _Batch) -> None:
        """Send what has gathered and hand every answer to who waits for it."""
        time.sleep(LINGER_SECONDS)  # others join meanwhile; nothing is locked
        with self._guard:
            if self._next is batch:
                self._next = _Batch()
        try:
            number = self._send(list(batch.records.values()))
            for key, found in self._await(list(batch.records), number).items():
                batch.answers[key].set_result(found)
        except Exception as error:  # noqa: BLE001  everybody who waits is told
            for future in batch.answers.values():
                if not future.done():
                    future.set_exception(error)
            return
        for future in batch.answers.values():
            if not future.done():
                future.set_exception(_waiting("acknowledgement_partial", "it was left out"))
        if all(one["do"] in QUESTIONS for one in batch.records.values()):
            self._forget(number)

    def _send(self, records: list[Record]) -> int:
        if not self._from.is_dir():
            raise CustodianError("files_unreachable", f"{self._from} is not there")
        try:
            number = numbered.next_number(self._to)
            header = {"batch": number, "asks": len(records)}
            with self._guard:
                for one in records:
                    self._unanswered[one["key"]] = _Asked(one, number, clock.monotonic())
            numbered.put(self._to / numbered.name_of(number), numbered.text_of(header, records))
        except OSError as error:
            with self._guard:
                for one in records:
                    self._unanswered.pop(one["key"], None)
            raise CustodianError("files_unreachable", str(error)) from error
        return number

    def _await(self, keys: list[str], number: int) -> dict[str, Record]:
        """What the acknowledgement of a batch says of these keys."""
        until, path = clock.monotonic() + self._patience, self._from / numbered.name_of(number)
        why = ("acknowledgement_awaited", f"batch {number} is not acknowledged yet")
        while True:
            try:
                header, answers = numbered.parse(path.read_bytes())
                break
            except Unreadable as error:
                # It may still be replaced by a whole one.
                why = ("acknowledgement_unreadable", f"{path.name}: {error}")
            except OSError:
                pass
            if clock.monotonic() > until:
                raise _waiting(*why)
            time.sleep(_LOOK_SECONDS)
        self._drop(keys)
        if header.get("refused"):
            raise CustodianError("batch_refused", f"batch {number}: {header['refused']}")
        found = {str(one.get("key")): one for one in answers}
        mine = {key: found[key] for key in keys if key in found}
        if len(keys) == 1 and not mine:
            raise _waiting("acknowledgement_partial", f"batch {number} says nothing of it")
        return mine

    def _drop(self, keys: list[str]) -> None:
        with self._guard:
            for key in keys:
                self._unanswered.pop(key, None)

    def _forget(self, number: int) -> None:
        name = numbered.name_of(number)
        for path in (self._to / name, self._to / "done" / name, self._from / name):
            path.unlink(missing_ok=True)


def _waiting(code: str, reason: str) -> CustodianError:
    return CustodianError(code, reason, in_doubt=True, waits=True)
