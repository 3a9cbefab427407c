"""A service that is spoken to by files, as CTM and OASYS are: one file per trade, one per answer.

Ours are in `to`, named by our key; theirs are in `from`, numbered from 00000001 without a hole. All
have a header line, records, and a trailer with a count and a SHA-256. The same trade is the same
bytes whenever it is written. The directory is `matching/<service>` under the outside directory.
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


class FileDrop:
    """One service's directory (see `allocations.matching.port.MatchingClient`)."""

    def __init__(self, directory: Path) -> None:
        self._to, self._from = directory / "to", directory / "from"
        self._guard = threading.Lock()

    def confirm(self, one: Confirmation, *, counterparty: str) -> Taken | Refused:
        """Write our side of a trade, once. Raises `CustodianError`."""
        terms = {name: str(value) for name, value in asdict(one).items()}
        return self._drop(one.key, "trade", {**terms, "counterparty": counterparty})

    def dispute(self, key: str, *, leg_id: str, reason: str) -> Taken | Refused:
        """Write that the other side has it wrong; each reason once. Raises `CustodianError`."""
        named = f"{key}.{sha256(reason.encode()).hexdigest()[:12]}"
        return self._drop(named, "dispute", {"key": key, "leg_id": leg_id, "reason": reason})

    def messages(self, *, after: int) -> list[Told]:
        """What has come since that number, up to the first that is missing."""
        told = []
        for seq in range(after + 1, after + 501):
            try:
                content = (self._from / numbered.name_of(seq)).read_bytes()
            except FileNotFoundError:
                break
            except OSError as error:
                raise CustodianError("files_unreachable", str(error)) from error
            told.append(Told(seq, _body(content)))
        return told

    def _drop(self, name: str, kind: str, record: dict[str, str]) -> Taken | Refused:
        path = self._to / f"{name}.jsonl"
        content = numbered.text_of({"kind": kind}, [record])
        try:
            with self._guard:
                if not path.exists():
                    numbered.put(path, content)
                same = path.read_bytes() == content
        except OSError as error:
            raise CustodianError("files_unreachable", str(error)) from error
        return Taken(name) if same else Refused("key_conflict", "It was used for other terms.")


def connect(facts: ServiceFacts) -> FileDrop:
    """The service's directory."""
    return _at(settings.OUTSIDE_DIR / "matching" / facts.id)


@cache
def _at(directory: Path) -> FileDrop:
    return FileDrop(directory)


def _body(content: bytes) -> str:
    """The one message of a file; what cannot be read is kept as it came, for a person."""
    try:
        _, (record,) = numbered.parse(content)
        return msgspec.json.encode(record).decode()
    except (Unreadable, ValueError):
        return content.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
