"""Client of the simulated custodian's settlement desk. It never repeats a call by itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Confirmation, Delivery, Taken, Told, Withdrawn
from allocations.custodians.simulated.adapter import (
    REFUSALS,
    SimulatedCustodian,
    failure,
    fields,
)

_encoder = msgspec.json.Encoder(decimal_format="string")


class SimulatedDesk:
    """One simulated settlement desk (see `allocations.custodians.settling.SettlementDesk`)."""

    def __init__(self, custodian: SimulatedCustodian) -> None:
        self._custodian = custodian

    def confirm(self, one: Confirmation) -> Taken | Refused:
        """Tell the other side our terms. Raises `CustodianError`."""
        return _taken(self._say(f"confirmations/{_path(one.key)}", _body(one)))

    def dispute(self, key: str, *, leg_id: str, reason: str) -> Taken | Refused:
        """Tell the other side that it has it wrong. Raises `CustodianError`."""
        said = {"leg_id": leg_id, "reason": reason}
        return _taken(self._say(f"confirmations/{_path(key)}/dispute", said))

    def instruct(self, one: Delivery) -> Taken | Refused:
        """Have it settled on its date. Raises `CustodianError`."""
        return _taken(self._say(f"instructions/{_path(one.key)}", _body(one)))

    def withdraw(self, key: str) -> Withdrawn | Refused:
        """Let nothing more of it change hands. Raises `CustodianError`."""
        answer = self._say(f"instructions/{_path(key)}/withdraw", {})
        if isinstance(answer, Refused):
            return answer
        return Withdrawn(Decimal(str(answer["settled_qty"])))

    def buy_in(self, key: str, *, day: date) -> Taken | Refused:
        """Give notice of a buy-in. Raises `CustodianError`."""
        return _taken(self._say(f"instructions/{_path(key)}/buy-in", {"day": day}))

    def messages(self, *, after: int, now: datetime) -> list[Told]:
        """What it has told since that number. Raises `CustodianError`."""
        asked = {"after": str(after), "now": now.isoformat()}
        response = self._custodian.ask("GET", "messages", params=asked)
        if response.status_code != 200:
            raise failure(response, asking=True)
        try:
            return [
                Told(one["seq"], msgspec.json.encode(one["body"]).decode())
                for one in fields(response)["messages"]
            ]
        except (KeyError, TypeError) as error:
            raise CustodianError("custodian_unreadable", repr(error)) from error

    def _say(self, path: str, body: dict[str, Any]) -> dict[str, Any] | Refused:
        headers = {"Content-Type": "application/json"}
        response = self._custodian.ask("POST", path, content=_encoder.encode(body), headers=headers)
        return _answer(response)


def _answer(response: httpx.Response) -> dict[str, Any] | Refused:
    answer = fields(response)
    if response.status_code == 200 and answer:
        return answer
    if response.status_code in REFUSALS:
        return Refused(str(answer.get("code", "REFUSED")), str(answer.get("reason", "")))
    raise failure(response)


def _taken(answer: dict[str, Any] | Refused) -> Taken | Refused:
    return answer if isinstance(answer, Refused) else Taken(str(answer.get("ref", "")))


def _body(one: Confirmation | Delivery) -> dict[str, Any]:
    body = asdict(one)
    del body["key"]
    return body


def _path(key: str) -> str:
    return quote(key, safe="")
