"""What a body gives: a text, and the version that a person has read and decides on."""

from __future__ import annotations

from typing import Any

from oms_site.api.shape import whole
from oms_site.kit.errors import OmsError


def version_of(data: Any) -> int | None:
    """`version` of a body; None when it names none. Raises `OmsError` for what is no number."""
    given = data.get("version") if isinstance(data, dict) else None
    return None if given is None else whole(given, field="version")


def text_of(data: Any, name: str, *, longest: int = 300) -> str:
    """A text of a body, cut where it is too long; empty when it gives none. Raises `OmsError`."""
    value = data.get(name) if isinstance(data, dict) else None
    if value is not None and not isinstance(value, str):
        raise OmsError("not_a_text", "Give a text.", field=name)
    return (value or "")[:longest]
