"""Every answer carries `X-Request-ID`; a client's own `X-Correlation-ID` is kept and echoed.

What the request does carries the same id in its events (`oms_site.kit.correlation`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from oms_site.kit import correlation, ids

_SAFE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def correlation_of(given: str) -> str:
    """The client's id when it is a sane one, else a new one."""
    return given if _SAFE.fullmatch(given) else ids.prefixed("req")


class RequestIdMiddleware:
    """Puts the id on the request and on the answer."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        given = request.headers.get("X-Correlation-ID", "")
        request.correlation_id = correlation_of(given)  # type: ignore[attr-defined]  # ours to add
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        with correlation.within(_id_of(request)):
            response = self.get_response(request)
        assert isinstance(response, HttpResponse)
        return self._stamp(request, response)

    async def _later(self, request: HttpRequest) -> HttpResponse:
        with correlation.within(_id_of(request)):
            response = await self.get_response(request)  # type: ignore[misc]  # awaitable here
        return self._stamp(request, response)

    def _stamp(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-ID"] = _id_of(request)
        return response


def _id_of(request: HttpRequest) -> str:
    return str(request.correlation_id)  # type: ignore[attr-defined]  # set above
