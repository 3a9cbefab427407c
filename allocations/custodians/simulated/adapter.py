"""Client of the simulated custodian: JSON over HTTP with an idempotency key per leg.

Called by the booking room, outside any transaction. It never repeats a call by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from allocations.custodians import stating
from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    CustodianBooking,
    CustodianError,
    CustodianStatement,
    Notice,
    Refused,
)

TIMEOUT_SECONDS = 5.0
REFUSALS = frozenset({409, 422})
_encoder = msgspec.json.Encoder(decimal_format="string")


class SimulatedCustodian:
    """One simulated custodian (see `allocations.custodians.port.Custodian`).

    `base_url` ends in the custodian's own path, such as `http://127.0.0.1:9100/cust_bny`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url, timeout=timeout, transport=transport, trust_env=False
        )

    def close(self) -> None:
        """Let go of the kept-alive connections."""
        self._client.close()

    def book(self, instruction: BookingInstruction) -> Booked | Refused:
        """Book one leg under its key; repeating is harmless. Raises `CustodianError`."""
        headers = {
            "Idempotency-Key": instruction.key,
            "Content-Type": "application/json",
        }
        response = self.ask("POST", "bookings", content=_body(instruction.told()), headers=headers)
        answer = fields(response)
        if response.status_code in (200, 201):
            return Booked(_text(answer, "booking_ref"))
        if response.status_code in REFUSALS:
            return Refused(_text(answer, "code"), str(answer.get("reason", "")))
        raise failure(response)

    def find(self, key: str) -> Booked | None:
        """What became of a key; None if it never arrived. Raises `CustodianError`."""
        response = self.ask("GET", f"bookings/{quote(key, safe='')}")
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise failure(response, asking=True)
        return Booked(_text(fields(response), "booking_ref"))

    def note(self, notice: Notice) -> Booked | Refused:
        """Tell of what moves without a trade; repeating is harmless. Raises `CustodianError`."""
        headers = {"Content-Type": "application/json"}
        path = f"notices/{quote(notice.key, safe='')}"
        response = self.ask("POST", path, content=_body(asdict(notice)), headers=headers)
        answer = fields(response)
        if response.status_code == 200:
            return Booked(_text(answer, "ref"))
        if response.status_code in REFUSALS:
            return Refused(_text(answer, "code"), str(answer.get("reason", "")))
        raise failure(response)

    def statement(self, *, as_of: date) -> CustodianStatement:
        """Securities and money at the end of a day. Raises `CustodianError`."""
        response = self.ask("GET", "statement", params={"as_of": as_of.isoformat()})
        if response.status_code != 200:
            raise failure(response, asking=True)
        return stating.read(fields(response))

    def bookings(self, *, trade_dates: Collection[date]) -> list[CustodianBooking]:
        """What it booked of trades of these days. Raises `CustodianError`."""
        days = ",".join(day.isoformat() for day in sorted(trade_dates))
        response = self.ask("GET", "bookings", params={"dates": days})
        if response.status_code != 200:
            raise failure(response, asking=True)
        return [
            CustodianBooking(
                key=row["key"],
                booking_ref=row["booking_ref"],
                account=row["account"],
                cusip=row["cusip"],
                side=row["side"],
                qty=Decimal(row["qty"]),
                net_money=Decimal(row["net_money"]),
                booked_at=datetime.fromisoformat(row["booked_at"]),
            )
            for row in fields(response)["bookings"]
        ]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call. Raises `CustodianError`, in doubt where it may have been acted on."""
        try:
            return self._client.request(method, path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # The request never left, so the custodian cannot have acted on it.
            raise CustodianError("custodian_unreachable", str(error)) from error
        except httpx.TransportError as error:
            raise CustodianError(
                "custodian_silent", str(error), in_doubt=method == "POST"
            ) from error


def _body(fields_told: dict[str, Any]) -> bytes:
    return _encoder.encode({name: v for name, v in fields_told.items() if name != "key"})


def fields(response: httpx.Response) -> dict[str, Any]:
    """The answer's object; empty when it is unreadable."""
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise CustodianError("custodian_unreadable", f"no {name} in the answer", in_doubt=True)
    return value


def failure(response: httpx.Response, *, asking: bool = False) -> CustodianError:
    """503 promises that nothing was done; any other 5xx leaves that open; 4xx will not change."""
    status = response.status_code
    return CustodianError(
        "custodian_failed",
        f"the custodian answered {status}",
        permanent=400 <= status < 500 and status not in (408, 425, 429),
        in_doubt=not asking and status >= 500 and status != 503,
    )
