"""A service that is spoken to by files, as CTM and OASYS are: one file per trade, one per answer.

Ours are in `to`, named by our key; theirs are in `from`, numbered from 00000001 without a hole. All
have a header line, records, and a trailer with a count and a SHA-256. The same trade is the same
bytes whenever it is written. The directory is `matching/<service>` under the outside directory.
Others may write in place: a file whose trailer does not fit is believed to be broken only once it
has not changed for a minute.
"""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
from django.conf import settings

from allocations.custodians.files import numbered
from allocations.custodians.files.numbered import Unreadable
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Confirmation, Taken, Told
from allocations.matching.port import ServiceFacts
from oms_site.kit import clock

SETTLED_S = 60.0
_WITHDRAWAL = "withdrawal"


class FileDrop:
    """One service's directory (see `allocations.matching.port.MatchingClient`)."""

    def __init__(self, directory: Path) -> None:
        self._to, self._from = directory / "to", directory / "from"
        self._guard = threading.Lock()

    def confirm(self, one: Confirmation, *, counterparty: str) -> Taken | Refused:
        """Write our side of a trade, once, unless it was withdrawn. Raises `CustodianError`."""
        terms = {name: str(value) for name, value in asdict(one).items()}
        said = {**terms, "counterparty": counterparty}
        return self._drop(one.key, "trade", said, unless=f"{one.key}.{_WITHDRAWAL}")

    def dispute(self, key: str, *, leg_id: str, reason: str, about: str) -> Taken | Refused:
        """Write that the other side has a version wrong, once each. Raises `CustodianError`."""
        words = sha256(f"{about}\n{reason}".encode()).hexdigest()
        named = f"{key}.{words[:12]}"
        said = {"key": key, "leg_id": leg_id, "about": about, "reason": reason}
        return self._drop(named, "dispute", said)

    def withdraw(self, key: str, *, leg_id: str) -> Taken | Refused:
        """Write that a trade is taken back, once. Raises `CustodianError`."""
        return self._drop(f"{key}.{_WITHDRAWAL}", _WITHDRAWAL, {"key": key, "leg_id": leg_id})

    def messages(self, *, after: int) -> list[Told]:
        """What has come since that number, up to the first that is missing."""
        told = []
        for seq in range(after + 1, after + 501):
            path = self._from / numbered.name_of(seq)
            try:
                # In this order: what grows in between has changed just now. The time is the file
                # system's own, as the other one may be the sender's.
                content, changed = path.read_bytes(), path.stat().st_ctime
            except FileNotFoundError:
                break
            except OSError as error:
                raise CustodianError("files_unreachable", str(error)) from error
            body, whole = _body(content)
            if not whole and clock.machine_now().timestamp() - changed < SETTLED_S:
                break
            told.append(Told(seq, body))
        return told

    def _drop(
        self, name: str, kind: str, record: dict[str, str], *, unless: str = ""
    ) -> Taken | Refused:
        path = self._path(name)
        content = numbered.text_of({"kind": kind}, [record])
        try:
            with self._guard:
                if unless and self._path(unless).exists():
                    return Refused("withdrawn", "It was taken back.")
                if not path.exists():
                    numbered.put(path, content)
                same = path.read_bytes() == content
        except OSError as error:
            raise CustodianError("files_unreachable", str(error)) from error
        return Taken(name) if same else Refused("key_conflict", "It was used for other terms.")

    def _path(self, name: str) -> Path:
        return self._to / f"{name}.jsonl"


def connect(facts: ServiceFacts) -> FileDrop:
    """The service's directory."""
    return _at(settings.OUTSIDE_DIR / "matching" / facts.id)


@cache
def _at(directory: Path) -> FileDrop:
    return FileDrop(directory)


def _body(content: bytes) -> tuple[str, bool]:
    """The one message of a file, and whether it is whole.

    What cannot be read is given as it came, for a person.
    """
    as_it_came = content.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    try:
        _, records = numbered.parse(content)
    except Unreadable:
        return as_it_came, False
    if len(records) != 1:
        return as_it_came, True
    return msgspec.json.encode(records[0]).decode(), True
