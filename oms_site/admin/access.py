"""Who is asking, what he may do, and which rows are his: the back office's permissions.

Entitlements of roles decide, never Django's permission tables. A superuser runs the platform: he
sees every organization, but commands on orders stay with those whose role holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal

_NOBODY = Principal(user_id=0, username="", organization_id="", entitlements=frozenset())


def principal(request: HttpRequest) -> Principal:
    """The caller; one that may do nothing unless a staff member is logged in."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not (user.is_active and user.is_staff):
        return _NOBODY
    return principals.of_user(user, via="admin")


def is_superuser(request: HttpRequest) -> bool:
    """Whether the caller runs the whole platform."""
    user = getattr(request, "user", None)
    return isinstance(user, User) and user.is_active and user.is_staff and user.is_superuser


def may(request: HttpRequest, needs: Iterable[str]) -> bool:
    """Whether the caller holds one of the entitlements, or is the superuser."""
    if is_superuser(request):
        return True
    caller = principal(request)
    return any(caller.may(need) for need in needs)


def correlation_id(request: HttpRequest) -> str:
    """The id under which this request is logged."""
    return str(getattr(request, "correlation_id", ""))


def own_rows(request: HttpRequest, rows: QuerySet[Any], path: str) -> QuerySet[Any]:
    """The rows of the caller's organization, found by a lookup path; "" means shared by all."""
    if is_superuser(request):
        return rows
    organization_id = principal(request).organization_id
    if not organization_id:
        return rows.none()
    return rows.filter(**{path: organization_id}) if path else rows


def owns(request: HttpRequest, row: Model, path: str) -> bool:
    """Whether one row is among `own_rows`."""
    if is_superuser(request):
        return True
    value: Any = row
    for name in path.split("__") if path else ():
        value = getattr(value, name, None)
    organization_id = principal(request).organization_id
    return bool(organization_id) and (not path or value == organization_id)
