"""The gate for everything that goes through Django, and the headers on every answer of the API.

Two halves: the outer one stamps whatever answer leaves, the inner one stands where the browser's
user is known and decides. The short way asks the gate itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from oms_site.api import envelope, strict_json
from oms_site.firm import database, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.throttling import gate, lanes
from oms_site.throttling.limits import Lane, Verdict

_Answers = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class _Both:
    """A middleware that works beside an event loop and without one."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: _Answers) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self.later(request)
        return self.now(request)

    def now(self, request: HttpRequest) -> HttpResponse:
        """Answer in this thread."""
        return cast(HttpResponse, self.get_response(request))

    async def later(self, request: HttpRequest) -> HttpResponse:
        """Answer on the loop."""
        return await cast(Awaitable[HttpResponse], self.get_response(request))


class RateHeadersMiddleware(_Both):
    """Every answer below /v1/ says how much is left."""

    def now(self, request: HttpRequest) -> HttpResponse:
        return _stamp(request, super().now(request))

    async def later(self, request: HttpRequest) -> HttpResponse:
        return _stamp(request, await super().later(request))


class RateGateMiddleware(_Both):
    """429 before anything is done."""

    def now(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(lanes.API):
            verdict = _decide(request)
            if not verdict.allowed:
                return _refuse(verdict)
        return super().now(request)

    async def later(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(lanes.API):
            verdict = await _decide_later(request)
            if not verdict.allowed:
                return _refuse(verdict)
        return await super().later(request)


def charge_more(request: HttpRequest, principal: Principal, lane: Lane, more: int) -> None:
    """Count the rest of a request that carries many: all of it or nothing.

    Raises `OmsError` (429 `rate_limited`; 422 `more_than_rate` when it can never be let in).
    """
    if more:
        verdict = gate.charge_more(principal, lane, more)
        _keep(request, verdict).require()


def token_of(header: str) -> str:
    """The bearer token of an Authorization header, empty when there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _keep(request: HttpRequest, verdict: Verdict) -> Verdict:
    if lanes.passes_always(request.method or "", request.path_info) and not verdict.allowed:
        verdict = gate.UNKNOWN
    request.rate_verdict = verdict  # type: ignore[attr-defined]  # ours to add
    return verdict


def _decide(request: HttpRequest) -> Verdict:
    try:
        principal = _principal(request)
        lane = lanes.of(request.method or "", request.path_info)
        return _keep(request, gate.decide(principal, _address(request), lane))
    except (DatabaseError, InterfaceError):
        # Whoever answers next says that the database does not.
        return _keep(request, gate.UNKNOWN)


async def _decide_later(request: HttpRequest) -> Verdict:
    token = token_of(request.headers.get("Authorization", ""))
    if not token:
        # The browser's session is read by Django's own thread.
        return await sync_to_async(_decide)(request)
    try:
        fresh, principal = principals.cached(token)
        if not fresh:
            principal = await database.in_thread(principals.of_api_key, token)
        lane = lanes.of(request.method or "", request.path_info)
        return _keep(request, await gate.admit(principal, _address(request), lane))
    except (DatabaseError, InterfaceError):
        return _keep(request, gate.UNKNOWN)


def _principal(request: HttpRequest) -> Principal | None:
    token = token_of(request.headers.get("Authorization", ""))
    if token:
        return principals.of_api_key(token)
    user = getattr(request, "user", None)
    if isinstance(user, User) and user.is_active:
        return principals.of_user(user, via="browser")
    return None


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _refuse(verdict: Verdict) -> HttpResponse:
    body = strict_json.dumps(envelope.body(verdict.refusal))
    return HttpResponse(body, status=429, content_type="application/json")


def _stamp(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if not request.path_info.startswith(lanes.API):
        return response
    verdict: Verdict = getattr(request, "rate_verdict", gate.UNKNOWN)
    for name, value in verdict.headers.items():
        response.headers.setdefault(name, value)
    return response
