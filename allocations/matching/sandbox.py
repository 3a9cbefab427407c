"""The sandbox's matching services, and whose trades go there. Leaves people's changes."""

from __future__ import annotations

from allocations.models import MatchingRoute, MatchingService

CTM, MARKIT = "svc_ctm", "svc_markitserv"
_SERVICES = (
    (CTM, "CTM by files", "ctm_files"),
    (MARKIT, "MarkitSERV (simulated)", "simulated"),
)
# Trades with these brokers, as trades reported by hand name them.
_BROKERS = (("CTMB", CTM), ("MKIT", MARKIT))


def seed(organization_id: str) -> None:
    """Add the services, and the routes of one organization of the sandbox."""
    MatchingService.objects.bulk_create(
        [MatchingService(id=key, name=name, adapter=adapter) for key, name, adapter in _SERVICES],
        ignore_conflicts=True,
    )
    MatchingRoute.objects.bulk_create(
        [
            MatchingRoute(
                organization_id=organization_id,
                name=f"trades with {broker}",
                position=n,
                counterparty=broker,
                service_id=service,
            )
            for n, (broker, service) in enumerate(_BROKERS)
        ],
        ignore_conflicts=True,
    )
