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

_KEEP_SECONDS = 1.0
# From then on the first who comes asks anew, and the others need not wait for the answer.
_ASK_AGAIN_SECONDS = 0.7
_KEEP_MOST = 10_000
_cache: dict[str, _Known] = {}


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


@dataclass(slots=True)
class _Known:
    at: float
    principal: Principal | None
    # Somebody is asking again.
    asked: bool = False

    @property
    def age(self) -> float:
        return clock.monotonic() - self.at


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
    known = _cache.get(key)
    if known is not None and known.age < _KEEP_SECONDS and not known.asked:
        return known.principal
    moment, principal = clock.monotonic(), _look_up(key)
    if len(_cache) >= _KEEP_MOST:
        _cache.clear()
    _cache[key] = _Known(moment, principal)
    return principal


def cached(token: str) -> tuple[bool, Principal | None]:
    """Whether memory has a fresh answer for this token, and the answer. Never a query.

    Who is told no has to ask `of_api_key`, also on behalf of those who are told yes meanwhile.
    """
    known = _cache.get(digest(token))
    if known is None or (age := known.age) >= _KEEP_SECONDS:
        return False, None
    if age >= _ASK_AGAIN_SECONDS and not known.asked:
        known.asked = True
        return False, None
    return True, known.principal


def forget(tokens: Iterable[str] = ()) -> None:
    """Drop cached answers, all of them when none are named."""
    for token in tokens:
        _cache.pop(digest(token), None)
    if not tokens:
        _cache.clear()


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
