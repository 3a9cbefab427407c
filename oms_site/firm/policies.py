"""The policy in force for an organization, from memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oms_site.firm.generation import Cached
from oms_site.firm.models import Policy

# The guide's own rules; an organization's policy row overrides what it names.
GUIDE: dict[str, Any] = {
    "allowed_ord_types": ["market", "limit"],
    "allowed_tif": ["day"],
    "outside_hours": "reject",
    "order_amendment": "disallowed",
    "allocation_entry": "pre_trade_only",
    "allowed_allocation_strategies": ["fifo_without_averaging", "pro_rata_with_averaging"],
    "late_fill": "quarantine",
    "approvals_required": 1,
    "gtc_max_days": 90,
    "events_window_hours": 48,
    "settlement_days": 1,
    "control_simulation_hours": 24,
    "expiry_event": "expire",
    # "hold": no order is taken before the day's first comparison with the outside is explained.
    "start_of_day_check": "warn",
}


# Everything else that an organization may open; its row may still narrow it.
PRESETS: dict[str, dict[str, Any]] = {
    "guide": {},
    "full": {
        "allowed_ord_types": [
            "market",
            "limit",
            "stop",
            "stop_limit",
            "market_if_touched",
            "limit_if_touched",
        ],
        "allowed_tif": ["day", "ioc", "fok", "gtc", "gtd"],
        "allowed_allocation_strategies": [
            "fifo_without_averaging",
            "fifo_with_averaging",
            "pro_rata_with_averaging",
            "pro_rata_without_averaging",
            "flat",
            "percentage",
        ],
    },
}


@dataclass(frozen=True)
class PolicyFacts:
    """One version of a policy; its id is pinned on every order it decided."""

    id: int
    version: int
    preset: str
    effective_at: datetime
    rules: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.rules[name]


def _load() -> dict[str, list[PolicyFacts]]:
    found: dict[str, list[PolicyFacts]] = {}
    for row in Policy.objects.order_by("organization_id", "-version"):
        found.setdefault(row.organization_id, []).append(
            PolicyFacts(
                row.pk,
                row.version,
                row.preset,
                row.effective_at,
                {**GUIDE, **PRESETS.get(row.preset, {}), **row.rules},
            )
        )
    return found


_policies = Cached(_load)


def of(organization_id: str, *, at: datetime) -> PolicyFacts:
    """The newest policy in force at a moment. Raises `LookupError` when there is none."""
    for policy in _policies.get().get(organization_id, []):
        if policy.effective_at <= at:
            return policy
    raise LookupError(f"{organization_id} has no policy in force")
