"""Reads moments from request bodies: always given with their zone."""

from __future__ import annotations

from datetime import datetime

from oms_site.api.shape import Reader


def moment(body: Reader, name: str) -> datetime | None:
    """A moment, given with its zone; absent is None."""
    text = body.text(name, longest=40)
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None:
        body.fault(name, "invalid_time", "Give a time with its zone: 2026-11-23T15:04:05Z.")
        return None
    return given
