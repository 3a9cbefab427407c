"""A JSON column whose numbers come back as they were written.

PostgreSQL keeps every digit of a number in `jsonb`; Python's reader would make a float of it. Rows
that hold prices and quantities as JSON (evidence of the gate) use this field.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
from django.db import models

_writer = msgspec.json.Encoder(decimal_format="number")


class ExactDecoder(json.JSONDecoder):
    """Numbers with a fraction are decimals, whole ones integers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_float": Decimal})


class ExactEncoder(json.JSONEncoder):
    """Decimals are numbers with every digit they have; moments are ISO 8601."""

    def encode(self, o: Any) -> str:
        """The value as JSON text."""
        return _writer.encode(o).decode()


class ExactJSONField(models.JSONField):
    """`JSONField` without floats."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["encoder"], options["decoder"] = ExactEncoder, ExactDecoder
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """What a migration says of the field: its two readers are always the same."""
        name, path, args, options = super().deconstruct()
        options.pop("encoder"), options.pop("decoder")
        return name, path, args, options
