"""Form fields of the back office: exact JSON, plain decimals, lists of choices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from oms_site.admin.unfolded import CheckboxList, DecimalWidget, SelectWidget
from oms_site.kit import numbers


class PlainDecimalInput(DecimalWidget):
    """A number input without trailing zeros."""

    def format_value(self, value: Any) -> str | None:
        shown: str | None = super().format_value(
            numbers.plain(value) if isinstance(value, Decimal) else value
        )
        return shown


class ExactJSONField(forms.JSONField):
    """JSON that is shown indented and may hold no floats: decimals are written as text."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        read = super().to_python(value)
        if _has_float(read):
            raise forms.ValidationError(
                'Write decimals as text, such as "0.05": a JSON number would be rounded.',
                code="float",
            )
        return read


def one_choice(values: Iterable[str], *, label: str, required: bool = True) -> Any:
    """A selection for a text column whose values are known."""
    empty = [] if required else [("", "–")]
    choices = [*empty, *((value, value) for value in values)]
    return forms.ChoiceField(choices=choices, required=required, label=label, widget=SelectWidget())


def choices_list(values: Iterable[str], *, label: str, help_text: str = "") -> Any:
    """Checkboxes for a column that holds a list of names."""
    return forms.MultipleChoiceField(
        choices=[(value, value) for value in values],
        required=False,
        label=label,
        help_text=help_text,
        widget=CheckboxList(),
    )


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)
