"""What every endpoint of this room shares: who asks, when, and how a body is read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework.request import Request

from controls import governance
from oms_site.api import asked
from oms_site.api.conditions import Conditional
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import Forbidden, OmsError


class Endpoint(Conditional):
    """Base: who asks, and when."""

    principal: Principal
    at: datetime

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        asked.check(self, request)
        assert isinstance(request.user, Principal)
        self.principal = request.user
        self.at = clock.now()
        generation.check()

    def need(self, *entitlements: str) -> None:
        """Raises not_entitled (403) unless the caller holds one of these."""
        if not any(map(self.principal.may, entitlements)):
            raise Forbidden("not_entitled", f"This needs the entitlement {entitlements[0]}.")

    def may_look(self) -> None:
        """Raises not_entitled (403) for who may not see controls."""
        self.need(*governance.VIEW, governance.MANAGE, governance.CONFIGURE)


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises invalid_request (422)."""
    if not isinstance(request.data, dict):
        raise OmsError("invalid_request", "Give a JSON object.")
    return dict(request.data)


def text(body: dict[str, Any], name: str) -> str:
    """Take a text out of the body, so that what is left is the content."""
    value = body.pop(name, "")
    if not isinstance(value, str):
        raise OmsError("invalid_text", "Give a text.", field=name)
    return value


def number(value: Any, field: str) -> int | None:
    """A whole number of a query or a body, or None. Raises invalid_number (422)."""
    if value is None:
        return None
    digits = str(value)
    whole = isinstance(value, str | int | Decimal) and digits.isascii() and digits.isdigit()
    if not whole or len(digits) > 9:
        raise OmsError("invalid_number", "Give a whole number.", field=field)
    return int(digits)
