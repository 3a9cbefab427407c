"""The suspense account: where a fact stays whose client account is not known, or not known yet.

Each organization has one. It has no row among the accounts, so nobody can trade it; its cost is
the plain sum of what came and went, and it has no tax lots.
"""

from __future__ import annotations

_PREFIX = "suspense:"


def suspense(organization_id: str) -> str:
    """The id of an organization's suspense account."""
    return f"{_PREFIX}{organization_id}"


def is_suspense(account_id: str) -> bool:
    """Whether an account's id is that of a suspense account."""
    return account_id.startswith(_PREFIX)
