"""What each role may do. Plain data: code asks for an entitlement, never for a role."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """The kinds of people and systems."""

    TRADER = "trader"
    SENIOR_TRADER = "senior_trader"
    COMPLIANCE = "compliance"
    OPERATIONS = "operations"
    AUDITOR = "auditor"
    ADMIN = "admin"


_TRADER = frozenset(
    {
        "order.view",
        "order.submit",
        "order.cancel",
        "halt.engage",
        "order.route",
        "trade.report",
        "allocation.cancel",
        "allocation.enter",
        "events.view",
    }
)
ENTITLEMENTS: dict[Role, frozenset[str]] = {
    Role.TRADER: _TRADER,
    # Who answers for a price beside the market.
    Role.SENIOR_TRADER: _TRADER | {"pmp.suppress"},
    Role.COMPLIANCE: frozenset(
        {
            "order.view",
            "order.release",
            "order.cancel",
            "control.manage",
            "policy.manage",
            "access.approve",
            "halt.engage",
            "halt.release",
            "transaction.check",
            "allocation.approve",
            "events.view",
            "events.history",
            "audit.view",
            "price.layers",
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            "order.view",
            "allocation.cancel",
            "allocation.enter",
            "allocation.approve",
            "booking.repair",
            "halt.engage",
            "repair.approve",
            "break.resolve",
            "ops.view",
            "transaction.submit",
            "transaction.check",
            "rate.set",
            "events.view",
            "events.history",
            "price.layers",
        }
    ),
    Role.AUDITOR: frozenset(
        {
            "order.view",
            "ops.view",
            "events.view",
            "events.history",
            "audit.view",
            "price.layers",
        }
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
            "policy.manage",
            "access.manage",
            "access.approve",
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
