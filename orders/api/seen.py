"""The version that a person has read, as a body gives it: who decides, decides on what they saw."""

from __future__ import annotations

from typing import Any

from oms_site.api.shape import whole


def version_of(data: Any) -> int | None:
    """`version` of a body; None when it names none. Raises `OmsError` for what is no number."""
    given = data.get("version") if isinstance(data, dict) else None
    return None if given is None else whole(given, field="version")
