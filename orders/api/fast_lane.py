"""The short way for `POST /v1/trading/order/`: straight from ASGI to the desk.

It answers exactly as the REST view beside it does, from the same reader, the same desk and the same
envelope; it only leaves out what an order with an API key does not need.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError

from oms_site.api import strict_json
from oms_site.api.request_id import correlation_of
from oms_site.firm import database, principals
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from oms_site.throttling import gate
from oms_site.throttling.limits import Lane
from orders.api import lines, taking
from orders.api.taking import Asked

log = logging.getLogger(__name__)
PATH = "/v1/trading/order/"
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def takes(scope: dict[str, Any]) -> bool:
    """Whether this request goes the short way: an order with a bearer key and no query."""
    return (
        scope["method"] == "POST"
        and scope["path"] == PATH
        and not scope["query_string"]
        and _header(scope, b"authorization").lower().startswith(b"bearer ")
    )


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of the short way."""
    correlation_id = correlation_of(_header(scope, b"x-correlation-id").decode("latin-1"))
    headers = [(b"x-request-id", correlation_id.encode())]
    verdict = gate.UNKNOWN
    try:
        principal = await _principal(scope)
        verdict = await gate.admit(principal, _address(scope), Lane.ORDERS)
        verdict.require()
        if principal is None:
            raise OmsError(
                "authentication_failed", "This API key is unknown, revoked or expired.", status=401
            )
        body = await _body(scope, receive)
        key = _header(scope, b"idempotency-key").decode("latin-1")
        answer = await lines.of_this_loop().submit(
            Asked(principal, clock.now(), correlation_id, key, body)
        )
    except OmsError as refusal:
        answer = taking.refused(refusal)
    except DatabaseError:
        log.exception("an order could not be taken in")
        answer = taking.unknown()
    content = answer.content
    headers.extend((name.encode(), value.encode()) for name, value in answer.headers.items())
    headers.extend((name.encode(), value.encode()) for name, value in verdict.headers.items())
    headers.append((b"content-type", b"application/json"))
    headers.append((b"content-length", str(len(content)).encode()))
    headers.append((b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _header(scope: dict[str, Any], name: bytes) -> bytes:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


async def _principal(scope: dict[str, Any]) -> Principal | None:
    token = _header(scope, b"authorization")[7:].strip().decode("latin-1")
    fresh, principal = principals.cached(token)
    if not fresh:
        principal = await database.in_thread(principals.of_api_key, token)
    return principal


def _address(scope: dict[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


async def _body(scope: dict[str, Any], receive: Receive) -> bytes:
    kind = _header(scope, b"content-type").split(b";")[0].strip().lower()
    if kind and kind != b"application/json":
        raise OmsError("unsupported_media_type", "Send application/json.", status=415)
    message = await receive()
    body = message.get("body", b"")
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > strict_json.MOST_BYTES:
            raise strict_json.BadJson("The body is over 1 MiB.", code="body_too_large", status=413)
    if message["type"] == "http.disconnect":
        raise OmsError("disconnected", "The client left.", status=400)
    return b"".join(parts)
