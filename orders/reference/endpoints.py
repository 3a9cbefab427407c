"""Every address that the product answers, as the URL configuration has it.

Called by the page of permissions and by its test: what is added there without saying who may use
it is found here. The back office (`/admin/`) has a test of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_METHODS = ("get", "post", "put", "patch", "delete")
_ELSEWHERE = ("admin/",)


@dataclass(frozen=True)
class Endpoint:
    """One method of one address; `path` has its parameters in angle brackets."""

    method: str
    path: str
    name: str
    api: bool

    @property
    def key(self) -> str:
        """How the table of rights names it."""
        return f"{self.method} {self.name}"


def all_of_them() -> list[Endpoint]:
    """Every endpoint, in the order of its address."""
    found = list(_within(get_resolver().url_patterns, ""))
    return sorted(found, key=lambda one: (not one.api, one.path, one.method))


def _within(patterns: list[Any], before: str) -> Iterator[Endpoint]:
    for one in patterns:
        path = before + str(one.pattern)
        if path.startswith(_ELSEWHERE):
            continue
        if isinstance(one, URLResolver):
            yield from _within(one.url_patterns, path)
        elif isinstance(one, URLPattern):
            for method in _methods(one.callback):
                yield Endpoint(method, f"/{path}", one.name or "", path.startswith("v1/"))


def _methods(view: Any) -> list[str]:
    cls = getattr(view, "cls", None)
    if cls is None or not hasattr(view, "initkwargs"):
        return ["GET"]
    return [name.upper() for name in _METHODS if hasattr(cls, name)]
