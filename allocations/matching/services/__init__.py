"""Adapters of central matching services: a folder each, found by its name.

A folder has `connect(facts)`, which gives a `MatchingClient`. Nothing else names it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import cast

from django.utils.module_loading import import_string

from allocations.custodians.port import CustodianError
from allocations.matching.port import MatchingClient, ServiceFacts


def names() -> list[str]:
    """Every adapter there is."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


def of(facts: ServiceFacts) -> MatchingClient:
    """The client of a service. Raises `CustodianError`, permanent for an unknown adapter."""
    if facts.adapter not in names():
        raise CustodianError(
            "adapter_unknown", f"there is no adapter {facts.adapter!r}", permanent=True
        )
    connect = import_string(f"{__name__}.{facts.adapter}.connect")
    return cast(Callable[[ServiceFacts], MatchingClient], connect)(facts)
