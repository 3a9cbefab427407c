"""The settlement desk of a custodian that is spoken to by files. It never repeats a call."""

from __future__ import annotations

import threading
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations.custodians.files.adapter import FilesCustodian
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Confirmation, Delivery, Taken, Told, Withdrawn
from oms_site.kit import clock


class FilesDesk:
    """One settlement desk (see `allocations.custodians.settling.SettlementDesk`).

    News are asked for at most once in `every` seconds: each time costs two files.
    """

    def __init__(self, custodian: FilesCustodian, *, every: float = 0.0) -> None:
        self._custodian = custodian
        self._every, self._asked_at = every, float("-inf")
        self._guard = threading.Lock()

    def confirm(self, one: Confirmation) -> Taken | Refused:
        """Tell the other side our terms. Raises `CustodianError`."""
        return self._taken("confirm", one.key, asdict(one))

    def dispute(self, key: str, *, leg_id: str, reason: str) -> Taken | Refused:
        """Tell the other side that it has it wrong. Raises `CustodianError`."""
        return self._taken("dispute", key, {"leg_id": leg_id, "reason": reason})

    def instruct(self, one: Delivery) -> Taken | Refused:
        """Have it settled on its date. Raises `CustodianError`."""
        return self._taken("instruct", one.key, asdict(one))

    def withdraw(self, key: str) -> Withdrawn | Refused:
        """Let nothing more of it change hands. Raises `CustodianError`."""
        answer = self._say("withdraw", key, {})
        if isinstance(answer, Refused):
            return answer
        return Withdrawn(Decimal(str(answer["settled_qty"])))

    def buy_in(self, key: str, *, day: date) -> Taken | Refused:
        """Give notice of a buy-in. Raises `CustodianError`."""
        return self._taken("buy_in", key, {"day": day})

    def messages(self, *, after: int, now: datetime) -> list[Told]:
        """What it has told since that number. Raises `CustodianError`."""
        with self._guard:
            moment = clock.monotonic()
            if moment - self._asked_at < self._every:
                return []
            self._asked_at = moment
        answer = self._custodian.question("messages", after=after, now=now.isoformat())
        try:
            told = [
                Told(one["seq"], msgspec.json.encode(one["body"]).decode())
                for one in answer["rows"]
            ]
        except (KeyError, TypeError) as error:
            raise CustodianError("answer_unreadable", repr(error)) from error
        if told:
            # There may be more of it: the next question need not wait.
            self._asked_at = float("-inf")
        return told

    def _taken(self, do: str, key: str, said: dict[str, Any]) -> Taken | Refused:
        answer = self._say(do, key, said)
        return answer if isinstance(answer, Refused) else Taken(str(answer.get("ref", "")))

    def _say(self, do: str, key: str, said: dict[str, Any]) -> dict[str, Any] | Refused:
        # One batch holds a key once, and one row may be spoken of in more ways than one.
        terms = {name: str(value) for name, value in said.items() if name != "key"}
        answer = self._custodian.exchange.ask({"do": do, "key": f"{do}:{key}", "of": key, **terms})
        match answer.get("status"):
            case "taken":
                return answer
            case "rejected":
                return Refused(str(answer.get("code", "")), str(answer.get("reason", "")))
        raise CustodianError("instruction_failed", str(answer.get("reason", "")), in_doubt=True)
