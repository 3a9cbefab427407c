"""How a request proves who it is: `Authorization: Bearer <key>`, or the browser's session."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from oms_site.firm import principals
from oms_site.firm.models import User


class ApiKeyAuthentication(BaseAuthentication):
    """Bearer keys. `request.user` becomes a `Principal`."""

    def authenticate(self, request: Request) -> tuple[principals.Principal, str] | None:
        header = request.headers.get("Authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        principal = principals.of_api_key(token.strip())
        if principal is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        return principal, "key"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserSessionAuthentication(SessionAuthentication):
    """The logged-in browser, with CSRF. `request.user` becomes a `Principal`."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return principals.of_user(user, via="browser"), None
