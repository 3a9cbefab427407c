"""What every endpoint shares: the caller, the correlation id, fresh reference data, the moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from rest_framework.request import Request

from oms_site.api import asked
from oms_site.api.conditions import Conditional
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit import clock


class Told(TypedDict):
    """Who asks for a step, when, and under which id."""

    by: Principal
    at: datetime
    correlation_id: str


class Endpoint(Conditional):
    """Base of all endpoints: `principal` and `correlation_id` of the request being answered."""

    principal: Principal
    at: datetime

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        asked.check(self, request)
        assert isinstance(request.user, Principal)
        self.principal = request.user
        self.at = clock.now()
        generation.check()

    @property
    def told(self) -> Told:
        """What every story function is told of the request."""
        return {"by": self.principal, "at": self.at, "correlation_id": self.correlation_id}

    @property
    def correlation_id(self) -> str:
        """The id this request's events carry."""
        return str(getattr(self.request._request, "correlation_id", ""))
