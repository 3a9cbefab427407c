"""People who join an organization that exists: born without roles, given them by two others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oms_site.firm.models import RoleChange, User
from oms_site.kit import clock

APPROVING = ["compliance", "admin"]


def hire(username: str, *, of: str | None, roles: Iterable[str], **values: Any) -> User:
    """A new person with these roles, in the way that the organization's people allow."""
    wanted = list(roles)
    givers = list(_givers(of)) if of else []
    if len(givers) < 2 or not wanted:
        return User.objects.create(username=username, organization_id=of, roles=wanted, **values)
    user = User.objects.create(username=username, organization_id=of, **values)
    give(user, wanted, by=givers)
    return user


def give(user: User, roles: list[str], *, by: list[User] | None = None) -> None:
    """Two others of the organization give a person roles."""
    assert user.organization_id is not None
    first, second, *_ = by or list(_givers(user.organization_id))
    row = RoleChange.objects.create(
        user=user,
        organization_id=user.organization_id,
        was=user.roles,
        roles=roles,
        reason="hired",
        proposed_by=first,
        proposed_at=clock.now(),
    )
    row.status, row.decided_by, row.decided_at = "approved", second, clock.now()
    row.save()
    user.refresh_from_db()


def _givers(organization_id: str | None) -> Any:
    rows = User.objects.filter(organization_id=organization_id, is_active=True)
    return rows.filter(roles__overlap=APPROVING).order_by("pk")
