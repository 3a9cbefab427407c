"""Pages by keyset: a cursor is the key of the last row seen, so no page is ever counted or skipped.

Every list here is ordered by a unique key and read one row beyond the page, from an index.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from oms_site.kit.errors import OmsError

MOST = 1000
_YEARS = range(1900, 9_900)  # whoever means another one has mistyped it
Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


def limit(text: str) -> int:
    """How many rows a page has. Raises `OmsError` (`invalid_filter`)."""
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST:
        return int(text)
    raise OmsError("invalid_filter", f"Give 1 to {MOST}.", field="limit")


def cursor(key: Sequence[str] | None) -> str | None:
    """The key of a row as text; None where there is no further page."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode()


def read(text: str, parts: int) -> list[str]:
    """The key of a cursor. Raises `OmsError` (`invalid_filter`)."""
    try:
        key = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(k, str) for k in key):
        raise OmsError("invalid_filter", "Give a cursor of an earlier page.", field="cursor")
    return [str(part) for part in key]


def moment(text: str, *, field: str = "as_of") -> datetime | None:
    """A moment with its zone. Raises `OmsError` (`invalid_filter`) for anything else."""
    if not text:
        return None
    try:
        read_ = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        read_ = None
    if read_ is None or read_.tzinfo is None or read_.year not in _YEARS:
        said = "Give a moment with its zone, such as 2026-11-23T15:00:00Z."
        raise OmsError("invalid_filter", said, field=field)
    return read_


def past(text: str, *, at: datetime, field: str = "as_of") -> datetime | None:
    """A moment that has come by `at`. Raises `OmsError` (`invalid_filter`) for any other."""
    asked = moment(text, field=field)
    if asked is not None and asked > at:
        said = f"Give a moment that has come: it is {at:%Y-%m-%dT%H:%M:%SZ} now."
        raise OmsError("invalid_filter", said, field=field)
    return asked


def newest_first(
    rows: QuerySet[Row], name: str, given: Mapping[str, str]
) -> tuple[list[Row], str | None]:
    """One page of rows by a moment and their id, newest first; and the next page's cursor."""
    most = limit(given.get("limit", "100"))
    if given.get("cursor"):
        text, key = read(given["cursor"], 2)
        before = moment(text, field="cursor")
        rows = rows.filter(Q(**{f"{name}__lt": before}) | Q(**{name: before, "id__lt": key}))
    found = list(rows.order_by(f"-{name}", "-id")[: most + 1])
    page, more = found[:most], len(found) > most
    last = page[-1] if more else None
    return page, cursor([getattr(last, name).isoformat(), str(last.pk)] if last else None)
