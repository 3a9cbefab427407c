"""`ETag` and `If-Match` (RFC 9110): what is changed is what the caller has seen, or nothing is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.views import APIView

from oms_site.kit import expecting
from oms_site.kit.errors import OmsError

_TAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_LIST = re.compile(rf"\s*{_TAG}(?:\s*,\s*{_TAG})*\s*")
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="the `ETag` of what you have seen; 412 `version_moved` once it is another one",
)
# A fill moves an order as well: who wants it to end whatever it has become asks for no version.
LEAVE_OUT_TO_STOP = (
    "With `If-Match` it is asked only as it was seen, and every fill makes another version of it: "
    "leave the header out to stop it whatever has become of it."
)


class Conditional(APIView):
    """A view whose `conditional` methods name the part of the path that `If-Match` is about."""

    conditional: ClassVar[Mapping[str, str]] = {}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.conditional:
            return super().dispatch(request, *args, **kwargs)
        with expecting.nothing():
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        name = self.conditional.get((request.method or "").lower())
        given = request.headers.get("If-Match", "").strip()
        if name and given and given != "*":
            expecting.expect(str(kwargs[name]), _tags(given))


def etag(tag: object) -> dict[str, str]:
    """The header that says which version an answer shows."""
    return {"ETag": f'"{tag}"'}


def _tags(given: str) -> frozenset[str]:
    """The strong tags of a header; weak ones match nothing. Raises `OmsError` (400)."""
    if not _LIST.fullmatch(given):
        text = 'Give the ETag as it came, such as "7".'
        raise OmsError("invalid_if_match", text, status=400, field="If-Match")
    return frozenset(tag[1:-1] for tag in re.findall(_TAG, given) if not tag.startswith("W/"))
