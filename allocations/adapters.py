"""Which adapter speaks to which custodian, by the adapter's name in the custodian's row.

Asked by the booking room before each round of calls, so that a custodian that moved is found again.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.conf import settings

from allocations.accounts import CustodianFacts
from allocations.custodians.files.adapter import FilesCustodian
from allocations.custodians.files.desk import FilesDesk
from allocations.custodians.files.exchange import Exchange
from allocations.custodians.port import Custodian, CustodianError
from allocations.custodians.settling import SettlementDesk
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.custodians.simulated.desk import SimulatedDesk
from venues.gateways.simulator import ports

# How often a desk that is spoken to by files is asked for news.
FILES_EVERY_SECONDS = 5.0
_lock = threading.Lock()
_clients: dict[str, tuple[str, SimulatedCustodian]] = {}


def of(custodian: CustodianFacts) -> Custodian:
    """The adapter of a custodian. Raises `CustodianError`, permanent for an unknown adapter."""
    connect = ADAPTERS.get(custodian.adapter)
    if connect is None:
        raise CustodianError(
            "adapter_unknown", f"there is no adapter {custodian.adapter!r}", permanent=True
        )
    return connect(custodian)


def desk_of(custodian: CustodianFacts) -> SettlementDesk:
    """The settlement desk of a custodian. Raises `CustodianError`, permanent where it has none."""
    connect = DESKS.get(custodian.adapter)
    if connect is None:
        raise CustodianError(
            "desk_unknown", f"nobody settles through {custodian.adapter!r}", permanent=True
        )
    return connect(custodian)


def close() -> None:
    """Let go of every connection; the next call connects again."""
    with _lock:
        for _, client in _clients.values():
            client.close()
        _clients.clear()


def _simulated(custodian: CustodianFacts) -> SimulatedCustodian:
    # The simulator may come back on another port: its file is read for every round.
    url = f"http://127.0.0.1:{_port()}/{custodian.id}"
    with _lock:
        known = _clients.get(custodian.id)
        if known is not None and known[0] == url:
            return known[1]
        if known is not None:
            # A call still under way there fails, and is repeated with its key.
            known[1].close()
        client = SimulatedCustodian(url)
        _clients[custodian.id] = (url, client)
        return client


def _port() -> int:
    try:
        return ports.read("custodian")
    except LookupError as error:
        raise CustodianError("custodian_unreachable", str(error)) from error


def _files(custodian: CustodianFacts) -> FilesCustodian:
    return _by_files(settings.OUTSIDE_DIR / "files" / custodian.id)[0]


def _files_desk(custodian: CustodianFacts) -> FilesDesk:
    return _by_files(settings.OUTSIDE_DIR / "files" / custodian.id)[1]


@cache
def _by_files(directory: Path) -> tuple[FilesCustodian, FilesDesk]:
    # One for all threads: what is asked at one moment goes out as one batch.
    custodian = FilesCustodian(Exchange(directory))
    return custodian, FilesDesk(custodian, every=FILES_EVERY_SECONDS)


ADAPTERS: dict[str, Callable[[CustodianFacts], Custodian]] = {
    "simulated": _simulated,
    "files": _files,
}
DESKS: dict[str, Callable[[CustodianFacts], SettlementDesk]] = {
    "simulated": lambda custodian: SimulatedDesk(_simulated(custodian)),
    "files": _files_desk,
}
atexit.register(close)
