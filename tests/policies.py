"""Policies put in force as two people do it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from oms_site.firm import policy_changes, principals
from oms_site.firm.models import Policy, User
from oms_site.firm.principals import Principal
from tests import hiring


def agreed(
    *,
    preset: str = "guide",
    rules: dict[str, Any] | None = None,
    at: datetime,
    organization_id: str = "alpha",
) -> Policy:
    """The organization's next policy, proposed by one admin and approved by another, in force."""
    maker, checker = (_admin(f"{organization_id}_{name}") for name in ("policymaker", "policyman"))
    made = policy_changes.propose(
        preset=preset, rules=rules or {}, reason="for a test", by=maker, at=at
    )
    return policy_changes.approve(made.version, by=checker, at=at)


def _admin(name: str) -> Principal:
    user = User.objects.filter(username=name).first() or hiring.hire(
        name, of=name.partition("_")[0], roles=["admin"]
    )
    return principals.of_user(user, via="test")
