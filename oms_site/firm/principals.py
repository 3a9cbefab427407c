"""The caller of a command, resolved from an API key or a browser session, cached per process.

A principal is a frozen value: rooms ask it what it may do and never touch the user row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oms_site.firm.models import ApiKey, User, digest
from oms_site.firm.roles import entitlements
from oms_site.kit import clock
from oms_site.kit.errors import Forbidden
from oms_site.kit.fresh import MISSING, Fresh


@dataclass(frozen=True)
class Principal:
    """Who acts: user, organization and entitlements, as they were when asked."""

    user_id: int
    username: str
    organization_id: str
    entitlements: frozenset[str]
    via: str = "api"
    # The key it came in with; None for a person at a screen.
    api_key_id: int | None = None

    is_authenticated = True

    def may(self, entitlement: str) -> bool:
        """Whether this caller holds the entitlement."""
        return entitlement in self.entitlements

    def require(self, entitlement: str) -> None:
        """Raises `Forbidden` (`not_entitled`) unless the caller holds the entitlement."""
        if entitlement not in self.entitlements:
            raise Forbidden("not_entitled", f"This needs the entitlement {entitlement}.")


# By the digests of keys. A key that is not, or no more, is known too.
_cache: Fresh[str, Principal | None] = Fresh(keep_s=1.0, again_s=0.7, most=10_000)


def of_user(user: User, *, via: str, api_key_id: int | None = None) -> Principal:
    """The principal of a user row; a user without an organization sees nothing."""
    return Principal(
        user_id=user.pk,
        username=user.username,
        organization_id=user.organization_id or "",
        entitlements=entitlements(user.roles) if user.organization_id else frozenset(),
        via=via,
        api_key_id=api_key_id,
    )


def of_api_key(token: str) -> Principal | None:
    """The principal of a bearer token, or None. Revocation is seen within a second."""
    key = digest(token)
    return _cache.get(key, lambda: _look_up(key))


def cached(token: str) -> tuple[bool, Principal | None]:
    """Whether memory has a fresh answer for this token, and the answer. Never a query.

    Who is told no has to ask `of_api_key`, also on behalf of those who are told yes meanwhile.
    """
    known = _cache.known(digest(token))
    return (False, None) if known is MISSING else (True, known)


def forget(tokens: Iterable[str] = ()) -> None:
    """Drop cached answers, all of them when none are named."""
    _cache.forget(*map(digest, tokens))


def _look_up(key: str) -> Principal | None:
    from django.conf import settings  # noqa: PLC0415  this room is imported before settings are read

    row = ApiKey.objects.select_related("user").filter(digest=key).first()
    if row is None or row.revoked_at is not None or not row.user.is_active:
        return None
    if row.expires_at is not None and row.expires_at <= clock.machine_now():
        return None
    if row.sandbox and not settings.SANDBOX:
        return None
    return of_user(row.user, via=f"key {row.prefix}", api_key_id=row.pk)
