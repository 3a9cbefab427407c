"""What each role may do. Plain data: code asks for an entitlement, never for a role."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """The five kinds of people and systems."""

    TRADER = "trader"
    COMPLIANCE = "compliance"
    OPERATIONS = "operations"
    AUDITOR = "auditor"
    ADMIN = "admin"


ENTITLEMENTS: dict[Role, frozenset[str]] = {
    Role.TRADER: frozenset(
        {
            "order.view",
            "order.submit",
            "order.cancel",
            "halt.engage",
            "order.route",
            "trade.report",
            "allocation.cancel",
            "events.view",
        }
    ),
    Role.COMPLIANCE: frozenset(
        {
            "order.view",
            "order.release",
            "order.cancel",
            "control.manage",
            "halt.engage",
            "halt.release",
            "transaction.check",
            "events.view",
            "events.history",
            "audit.view",
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            "order.view",
            "allocation.cancel",
            "booking.repair",
            "halt.engage",
            "repair.approve",
            "break.resolve",
            "ops.view",
            "transaction.submit",
            "transaction.check",
            "events.view",
            "events.history",
        }
    ),
    Role.AUDITOR: frozenset(
        {"order.view", "ops.view", "events.view", "events.history", "audit.view"}
    ),
    Role.ADMIN: frozenset(
        {
            "order.view",
            "order.release",
            "ops.view",
            "break.resolve",
            "repair.approve",
            "events.view",
            "config.manage",
            "halt.engage",
            "halt.release",
        }
    ),
}


def entitlements(roles: Iterable[str]) -> frozenset[str]:
    """Everything these roles together may do; unknown roles may do nothing."""
    held: set[str] = set()
    for role in roles:
        if role in set(Role):
            held |= ENTITLEMENTS[Role(role)]
    return frozenset(held)
