"""What an operation may be asked: the query parameters that its documentation names, each once.

A misspelled filter must not answer about everything, nor a misspelled `dry_run` trade.
"""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from oms_site.kit.errors import Detail, OmsError

_NUL = "\x00"  # the one character that no text of the database can hold


def check(view: APIView, request: Request) -> None:
    """Raises `OmsError`: `unknown_filter`, `invalid_filter` (422), 404 for no possible address."""
    if any(_NUL in str(part) for part in view.kwargs.values()):
        raise OmsError("not_found", "No such thing here.", status=404)
    given = request.query_params
    if not given:
        return
    declared = _declared(view, request)
    unknown = sorted(set(given) - declared.keys())
    if unknown:
        known = f"Known here: {', '.join(sorted(declared))}." if declared else "None is known here."
        raise OmsError(
            "unknown_filter",
            known,
            details=[Detail(name, "unknown_filter", "Not known here.") for name in unknown],
        )
    for name, values in given.lists():
        if len(values) > 1 and not declared[name]:
            raise OmsError("invalid_filter", "Give it once.", field=name)
        if any(_NUL in value for value in values):
            raise OmsError("invalid_filter", "Leave out the character NUL.", field=name)


def flag(request: Request, name: str) -> bool:
    """A parameter that is true or false; false when it is left out. Raises `invalid_filter`."""
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false"):
        raise OmsError("invalid_filter", "Give true or false.", field=name)
    return value == "true"


def _declared(view: APIView, request: Request) -> dict[str, bool]:
    """Names of the parameters, and whether they may be given more than once."""
    handler = getattr(view, (request.method or "").lower(), None)
    kind: Any = getattr(handler, "kwargs", {}).get("schema")
    if kind is None:
        return {}
    schema = kind()
    schema.view, schema.method = view, request.method
    return {
        one.name: bool(one.many)
        for one in schema.get_override_parameters()
        if one.location == "query"
    }
