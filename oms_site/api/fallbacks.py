"""What unknown addresses and unexpected faults answer: the envelope, or a page for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from oms_site.api import envelope, strict_json
from oms_site.kit.errors import OmsError

_API = "/v1/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if not request.path.startswith(_API):
        return defaults.page_not_found(request, exception)
    return _answer(OmsError("not_found", "There is no such address.", status=404))


def server_error(request: HttpRequest) -> HttpResponse:
    """500: logged with the request's id, which the answer carries in X-Request-ID."""
    if not request.path.startswith(_API):
        return defaults.server_error(request)
    return _answer(OmsError("server_error", "This is our fault and has been logged.", status=500))


def _answer(refusal: OmsError) -> HttpResponse:
    body = strict_json.dumps(envelope.body(refusal))
    return HttpResponse(body, status=refusal.status, content_type="application/json")
