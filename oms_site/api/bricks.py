"""The bricks of the API's document: named objects, and the fields that all of them use."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers as s


def shape(name: str, /, **fields: Any) -> Any:
    """A named object of the document. A class: each use of it needs an instance of its own."""
    return type(name, (s.Serializer,), fields)


def text(**kw: Any) -> s.CharField:
    """Text that may be null or left out."""
    return s.CharField(allow_null=True, required=False, **kw)


def moment() -> s.DateTimeField:
    """A time that may be null."""
    return s.DateTimeField(allow_null=True)


def decimal(**kw: Any) -> s.Field[Any, Any, Any, Any]:
    """A number that never passes through a float."""
    return s.DecimalField(max_digits=20, decimal_places=8, coerce_to_string=False, **kw)


Detail = shape("ErrorDetail", field=s.CharField(), code=s.CharField(), message=s.CharField())
Error = shape(
    "APIError",
    error=s.CharField(),
    error_type=s.ChoiceField(
        ["invalid_request", "server_error", "not_found", "closed", "rate_limited"]
    ),
    code=s.CharField(),
    error_details=s.ListField(child=Detail()),
)


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error answers of an operation; every one of them may also be asked too often."""
    return {status: OpenApiResponse(Error) for status in (*statuses, 429)}
