"""The OpenAPI document as a file, as `/v1/schema/` serves it."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.generators import SchemaGenerator


def page() -> str:
    """The document, two spaces to a level."""
    generator: Any = SchemaGenerator
    document = generator().get_schema(request=None, public=True)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
