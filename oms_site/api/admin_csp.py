"""The looser policy of the admin's pages, and of no others.

Unfold evaluates Alpine's expressions and sets inline styles. Stands just inside django-csp's
middleware, which writes the header.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

PREFIX = "/admin/"


class AdminCspMiddleware:
    """Replaces the directives that `ADMIN_CONTENT_SECURITY_POLICY` names, under /admin/ only."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        return self._loosen(request, cast(HttpResponse, self.get_response(request)))

    async def _later(self, request: HttpRequest) -> HttpResponse:
        answer = cast(Awaitable[HttpResponse], self.get_response(request))
        return self._loosen(request, await answer)

    def _loosen(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path_info.startswith(PREFIX):
            # A nonce would make browsers ignore 'unsafe-inline', so directives are replaced whole.
            response._csp_replace = settings.ADMIN_CONTENT_SECURITY_POLICY  # type: ignore[attr-defined]  # django-csp reads it
        return response
