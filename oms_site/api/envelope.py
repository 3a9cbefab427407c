"""The wire's error envelope, and the mapping of every refusal to it.

`error_type` is what clients branch on; `error_details[].code` and `code` are our stable codes; the
sentences are for people and may change.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, DataError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from oms_site.kit.errors import OmsError

log = logging.getLogger(__name__)
_TITLES = {400: "Bad request.", 401: "Not authenticated.", 403: "Not allowed.", 404: "Not found."}


def error_type(code: str, http_status: int) -> str:
    """The guide's `error_type` of a refusal."""
    if code in {"market_closed", "closed"}:
        return "closed"
    if http_status == 404:
        return "not_found"
    if http_status == 429:
        return "rate_limited"
    return "server_error" if http_status >= 500 else "invalid_request"


def body(error: OmsError) -> dict[str, Any]:
    """The JSON of a refusal."""
    return {
        "error": error.message,
        "error_type": error_type(error.code, error.status),
        "code": error.code,
        "error_details": [
            {"field": d.field, "code": d.code, "message": d.message} for d in error.details
        ],
    }


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    refusal = _as_refusal(error)
    if refusal is None:
        return None
    response = Response(body(refusal), status=refusal.status)
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    if refusal.status == 503:
        response["Retry-After"] = "1"
    return response


def _as_refusal(error: Exception) -> OmsError | None:
    if isinstance(error, OmsError):
        return error
    if isinstance(error, Http404):
        return OmsError("not_found", "No such thing here.", status=404)
    if isinstance(error, PermissionDenied):
        return OmsError("not_entitled", "Not allowed.", status=403)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, DataError):
        log.error("a value of a request cannot be stored", exc_info=error)
        return OmsError("invalid_value", "A value in this request cannot be stored.")
    if isinstance(error, DatabaseError):
        log.error("the database did not take a request", exc_info=error)
        return unavailable()
    return None


def unavailable() -> OmsError:
    """What a caller is told when the database did not answer: 503, safe to repeat with its ids."""
    return OmsError(
        "database_unavailable",
        "It is not known to be stored. Send the same request again with the same ids.",
        status=503,
    )


def _of_framework(error: exceptions.APIException) -> OmsError:
    code = getattr(error, "default_code", "error")
    if error.status_code == status.HTTP_403_FORBIDDEN and code == "not_authenticated":
        error.status_code = status.HTTP_401_UNAUTHORIZED
    title = _TITLES.get(error.status_code, "Refused.")
    detail = error.detail if isinstance(error.detail, str) else title
    return OmsError(str(code), str(detail), status=error.status_code)
