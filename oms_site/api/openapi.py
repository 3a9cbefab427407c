"""Tells the OpenAPI document how callers prove who they are. Imported by the addresses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped hook
    """API keys."""

    target_class = "oms_site.firm.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of yours."}


class BrowserSession(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # same
    """The logged-in browser."""

    target_class = "oms_site.firm.authentication.BrowserSessionAuthentication"
    name = "browserSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
