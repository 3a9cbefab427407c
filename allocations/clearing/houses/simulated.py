"""Client of the simulated clearing parties: JSON over HTTP, a key per report."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from urllib.parse import quote

import httpx
import msgspec

from allocations.clearing.arrangements import PartyFacts
from allocations.clearing.port import TradeReport
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Taken
from venues.gateways.simulator import ports

TIMEOUT_SECONDS = 5.0
_encoder = msgspec.json.Encoder(decimal_format="string")


class SimulatedClearer:
    """One simulated party (see `allocations.clearing.port.Clearer`)."""

    def __init__(self, base_url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)

    def report(self, one: TradeReport) -> Taken | Refused:
        """Tell it of a trade; repeating is harmless. Raises `CustodianError`."""
        body = asdict(one)
        response = self._ask("POST", body.pop("key"), _encoder.encode(body))
        if response.status_code in (409, 422):
            answer = _fields(response)
            return Refused(str(answer.get("code", "REFUSED")), str(answer.get("reason", "")))
        return _taken(response)

    def find(self, key: str) -> Taken | None:
        """What it has under a key; None if it never took it. Raises `CustodianError`."""
        response = self._ask("GET", key)
        return None if response.status_code == 404 else _taken(response)

    def _ask(self, method: str, key: str, content: bytes | None = None) -> httpx.Response:
        try:
            return self._client.request(method, f"trades/{quote(key, safe='')}", content=content)
        except httpx.TransportError as error:
            raise CustodianError("clearing_silent", str(error), in_doubt=True) from error


def connect(party: PartyFacts) -> SimulatedClearer:
    """The party's client, on the port where the outside world listens now."""
    return _client(f"http://127.0.0.1:{_port()}/{party.id}/")


@cache
def _client(url: str) -> SimulatedClearer:
    return SimulatedClearer(url)


def _port() -> int:
    try:
        return ports.read("custodian")
    except LookupError as error:
        raise CustodianError("clearing_unreachable", str(error)) from error


def _taken(response: httpx.Response) -> Taken:
    answer = _fields(response)
    if response.status_code == 200 and isinstance(answer.get("ref"), str):
        return Taken(str(answer["ref"]))
    raise CustodianError(
        "clearing_failed",
        f"the party answered {response.status_code}",
        permanent=400 <= response.status_code < 500 and response.status_code not in (408, 425, 429),
    )


def _fields(response: httpx.Response) -> dict[str, object]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}
