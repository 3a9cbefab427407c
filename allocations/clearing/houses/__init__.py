"""Which adapter speaks to which clearing party, by the adapter's name in the party's row."""

from __future__ import annotations

from collections.abc import Callable

from allocations.clearing.arrangements import PartyFacts
from allocations.clearing.houses import simulated
from allocations.clearing.port import Clearer
from allocations.custodians.port import CustodianError

ADAPTERS: dict[str, Callable[[PartyFacts], Clearer]] = {"simulated": simulated.connect}


def of(party: PartyFacts) -> Clearer:
    """The adapter of a party. Raises `CustodianError`, permanent for an unknown adapter."""
    connect = ADAPTERS.get(party.adapter)
    if connect is None:
        raise CustodianError(
            "adapter_unknown", f"there is no adapter {party.adapter!r}", permanent=True
        )
    return connect(party)
