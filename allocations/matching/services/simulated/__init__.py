"""A simulated service, as MarkitSERV is: it answers at once, for the other side, from a journal.

Stands in for an outside party in the sandbox and in tests; it knows the port and nothing of ours.
The other side agrees to the cent, but for accounts whose code ends in `-NET` (their money is two
cents higher until it is disputed), `-DK` (says nothing until it is disputed) and `-DISP` (rejects).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Confirmation, Taken, Told
from allocations.matching.port import ServiceFacts

_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_OFF = Decimal("0.02")
_REJECTED, _AFFIRMED = 2, 3


class Service:
    """One service and its journal (see `allocations.matching.port.MatchingClient`)."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal.jsonl"

    def confirm(self, one: Confirmation, *, counterparty: str) -> Taken | Refused:
        """Take our side and tell the other's. Raises `CustodianError`."""
        terms = {**asdict(one), "counterparty": counterparty}
        digest = sha256(_encoder.encode(terms)).hexdigest()
        with self._journal() as journal:
            if one.key in journal.withdrawn:
                return Refused("WITHDRAWN", "it was taken back")
            known = journal.taken.get(one.key)
            if known is not None:
                same = known["digest"] == digest
                return Taken(known["ref"]) if same else Refused("KEY_CONFLICT", "other terms")
            ref = f"MW-{digest[:12]}"
            journal.write({"kind": "taken", "key": one.key, "digest": digest, "ref": ref})
            journal.write({"kind": "terms", "leg_id": one.leg_id, "terms": terms})
            for said in _answers(one):
                journal.tell(said)
        return Taken(ref)

    def dispute(self, key: str, *, leg_id: str, reason: str, about: str) -> Taken | Refused:
        """The other side looks again and agrees, once. Raises `CustodianError`."""
        with self._journal() as journal:
            terms = journal.terms.get(leg_id)
            over = key in journal.withdrawn or leg_id in journal.disputed
            if terms is not None and not over:
                said = {"leg_id": leg_id, "about": about, "reason": reason}
                journal.write({"kind": "disputed", **said})
                journal.tell(_statement(terms, suffix="-2"))
        return Taken(key)

    def withdraw(self, key: str, *, leg_id: str) -> Taken | Refused:
        """The trade stands there no more, nor if it comes later. Raises `CustodianError`."""
        with self._journal() as journal:
            if key not in journal.withdrawn:
                journal.write({"kind": "withdrawn", "key": key, "leg_id": leg_id})
        return Taken(key)

    def messages(self, *, after: int) -> list[Told]:
        """What it has told since that number. Raises `CustodianError`."""
        with self._journal() as journal:
            told = journal.told[after : after + 500]
        return [
            Told(after + n, _encoder.encode(one).decode()) for n, one in enumerate(told, start=1)
        ]

    @contextmanager
    def _journal(self) -> Iterator[_Journal]:
        """The journal, by one at a time: threads and processes alike."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield _Journal(file)
        except OSError as error:
            raise CustodianError("matching_unreachable", str(error)) from error


class _Journal:
    """What the service has heard and told, folded from its file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.taken: dict[str, Any] = {}
        self.terms: dict[str, Any] = {}
        self.disputed: set[str] = set()
        self.withdrawn: set[str] = set()
        self.told: list[Any] = []
        file.seek(0)
        for line in file:
            self._fold(msgspec.json.decode(line))

    def write(self, line: dict[str, Any]) -> None:
        """Keep one more line."""
        text = _encoder.encode(line)
        self._file.write(text + b"\n")
        self._fold(msgspec.json.decode(text))

    def tell(self, body: dict[str, Any]) -> None:
        """Tell clients one more thing."""
        self.write({"kind": "told", "body": body})

    def _fold(self, line: dict[str, Any]) -> None:
        match line["kind"]:
            case "taken":
                self.taken[line["key"]] = line
            case "terms":
                self.terms[line["leg_id"]] = line["terms"]
            case "disputed":
                self.disputed.add(line["leg_id"])
            case "withdrawn":
                self.withdrawn.add(line["key"])
            case "told":
                self.told.append(line["body"])


def connect(facts: ServiceFacts) -> Service:
    """The service with its journal, beside those of other outside parties."""
    return Service(settings.OUTSIDE_DIR / "matching" / facts.id)


def _answers(one: Confirmation) -> Iterator[dict[str, Any]]:
    rejects = one.account.endswith("-DISP")
    if not one.account.endswith("-DK"):
        off = _OFF if one.account.endswith("-NET") else Decimal(0)
        yield _statement(asdict(replace(one, net_money=one.net_money + off)))
    yield {
        "type": "affirmation",
        "reference": f"AU-{one.key}",
        "confirm_id": one.key,
        "affirm_status": _REJECTED if rejects else _AFFIRMED,
        "text": "not as we traded it" if rejects else "",
    }


def _statement(terms: dict[str, Any], *, suffix: str = "") -> dict[str, Any]:
    """The other side's version of a trade."""
    copied = (
        *("leg_id", "account", "cusip", "side", "qty", "price", "principal", "accrued_interest"),
        *("net_money", "trade_date", "settlement_date"),
    )
    said = {name: terms[name] for name in copied}
    return {"type": "statement", "reference": f"CP-{terms['key']}{suffix}", **said}
