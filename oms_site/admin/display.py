"""How values look: plain decimals, UTC times, indented JSON, colored states.

JSON is indented as text: its numbers are never read, so none can change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString

from oms_site.firm.exact_json import ExactEncoder
from oms_site.kit import numbers

EMPTY = "–"
_COLORS = {
    "success": ("filled", "approved", "booked", "active", "passed", "applied"),
    "info": ("new", "pending_new", "pending_approval", "pending_execution", "open", "queued"),
    "primary": ("submitted", "sent", "calculated", "sending"),
    "warning": ("partially_filled", "flagged", "draft", "suspended", "break", "duplicate"),
    "danger": ("rejected", "failed", "unreadable"),
}
COLOR_OF = {state: color for color, states in _COLORS.items() for state in states}
_STATES = frozenset({"status", "outcome", "verdict"})


def decimal(value: Decimal) -> str:
    """`value` with thousands separated and no trailing zeros."""
    whole, point, places = numbers.plain(value).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{places}"


def moment(value: datetime) -> str:
    """An ISO time in UTC, to the millisecond where there are any."""
    utc = value.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return utc.replace(tzinfo=None).isoformat(" ", spec) + " UTC"


def pretty(text: str) -> SafeString:
    """JSON text, indented; what is not JSON is shown as it is."""
    try:
        shown = msgspec.json.format(text.encode(), indent=2).decode()
    except msgspec.DecodeError:
        shown = text
    return format_html('<pre class="oms-json">{}</pre>', shown)


def shown(field: models.Field[Any, Any], *, json_text: bool = False) -> Callable[[Any], Any] | None:
    """A column that shows the field of a row our way; None when Django's own way is right."""
    render = _renderer(field, json_text=json_text)
    if render is None:
        return None

    def column(row: models.Model) -> Any:
        value = getattr(row, field.attname)
        return EMPTY if value is None or value == "" else render(value)

    described: Any = column
    described.short_description = field.verbose_name
    described.admin_order_field = field.name
    if field.name in _STATES:
        described.label = COLOR_OF
    return column


def _renderer(field: models.Field[Any, Any], *, json_text: bool) -> Callable[[Any], Any] | None:
    if json_text:
        return pretty
    if isinstance(field, models.JSONField):
        return _json
    if isinstance(field, ArrayField):
        return _listed
    if isinstance(field, models.DecimalField):
        return decimal
    if isinstance(field, models.DateTimeField):
        return moment
    if isinstance(field, models.DateField):
        return date.isoformat
    if isinstance(field, models.BooleanField):
        # Django's red cross would make a calm "not in doubt" look like an alarm.
        return _yes_or_no
    return _same if field.name in _STATES else None


def _json(value: Any) -> SafeString | str:
    return pretty(ExactEncoder().encode(value)) if value not in ({}, []) else EMPTY


def _listed(value: list[str]) -> str:
    return ", ".join(value) or EMPTY


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _same(value: Any) -> Any:
    return value
