"""Client of the simulated clearing parties: JSON over HTTP, a key per report."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
from django.conf import settings

from allocations.clearing.arrangements import PartyFacts
from allocations.clearing.port import TradeReport
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Taken

TIMEOUT_SECONDS = 5.0
_encoder = msgspec.json.Encoder(decimal_format="string")


class _Ports(msgspec.Struct):
    """What we read of the file that the outside world leaves behind."""

    custodian: int


class SimulatedClearer:
    """One simulated party (see `allocations.clearing.port.Clearer`)."""

    def __init__(self, base_url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)

    def report(self, one: TradeReport) -> Taken | Refused:
        """Tell it of a trade; repeating is harmless. Raises `CustodianError`."""
        body = asdict(one)
        path = f"trades/{quote(body.pop('key'), safe='')}"
        try:
            response = self._client.post(path, content=_encoder.encode(body))
        except httpx.TransportError as error:
            raise CustodianError("clearing_silent", str(error), in_doubt=True) from error
        answer = _fields(response)
        if response.status_code == 200 and isinstance(answer.get("ref"), str):
            return Taken(str(answer["ref"]))
        if response.status_code in (409, 422):
            return Refused(str(answer.get("code", "REFUSED")), str(answer.get("reason", "")))
        raise CustodianError(
            "clearing_failed",
            f"the party answered {response.status_code}",
            permanent=400 <= response.status_code < 500
            and response.status_code not in (408, 425, 429),
        )


def connect(party: PartyFacts) -> SimulatedClearer:
    """The party's client, on the port where the outside world listens now."""
    return _client(f"http://127.0.0.1:{_port(settings.OUTSIDE_DIR)}/{party.id}/")


@cache
def _client(url: str) -> SimulatedClearer:
    return SimulatedClearer(url)


def _port(directory: Path) -> int:
    try:
        return msgspec.json.decode((directory / "ports.json").read_bytes(), type=_Ports).custodian
    except (OSError, msgspec.MsgspecError) as error:
        raise CustodianError("clearing_unreachable", "it has not told its port yet") from error


def _fields(response: httpx.Response) -> dict[str, object]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}
