"""Which service matches which trades, from memory: the organization's first rule that fits."""

from __future__ import annotations

from dataclasses import dataclass

from allocations.matching.port import ServiceFacts
from allocations.models import MatchingRoute, MatchingService
from oms_site.firm.generation import Cached


@dataclass(frozen=True, slots=True)
class _Known:
    services: dict[str, ServiceFacts]
    routes: dict[str, list[MatchingRoute]]


def find(
    organization_id: str, *, counterparty: str, custodian_id: str, asset_class: str
) -> str | None:
    """The service that matches such a trade; None where it is confirmed with its custodian."""
    known = _known.get()
    for route in known.routes.get(organization_id, ()):
        if (
            route.counterparty in ("", counterparty)
            and route.custodian_id in (None, custodian_id)
            and route.asset_class in ("", asset_class)
        ):
            facts = known.services.get(route.service_id or "")
            return facts.id if facts is not None and facts.active else None
    return None


def service(service_id: str) -> ServiceFacts | None:
    """One service, active or not: what was sent there is answered from there."""
    return _known.get().services.get(service_id)


def services() -> list[ServiceFacts]:
    """Every service, by id."""
    return [facts for _, facts in sorted(_known.get().services.items())]


def _load() -> _Known:
    known = _Known({}, {})
    for row in MatchingService.objects.all():
        known.services[row.id] = ServiceFacts(row.id, row.name, row.adapter, row.active)
    for route in MatchingRoute.objects.filter(active=True).order_by("position", "id"):
        known.routes.setdefault(route.organization_id, []).append(route)
    return known


_known = Cached(_load)
