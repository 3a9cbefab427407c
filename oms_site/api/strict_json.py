"""JSON as a system of record must read it: nothing guessed, nothing rounded, nothing repeated.

Refused with 400: duplicate keys, NaN and Infinity, exponents, nesting deeper than 32, bodies over
1 MiB, lone surrogates and NUL. Numbers become Decimal straight from their digits.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

import msgspec
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from oms_site.kit.errors import OmsError

MOST_BYTES = 1_048_576
MOST_DEPTH = 32
# The backslashes before u0000: an odd number of them writes NUL, an even one plain letters.
_NUL = re.compile(rb"(\\+)u0000")
_encoder = msgspec.json.Encoder(decimal_format="number")


class BadJson(OmsError):
    """The body is not the JSON we read. Status 400, or 413 when it is too large."""

    def __init__(self, message: str, *, code: str = "invalid_json", status: int = 400) -> None:
        super().__init__(code, message, status=status)


def loads(body: bytes) -> Any:
    """The value of a JSON text. Raises `BadJson`."""
    if len(body) > MOST_BYTES:
        raise BadJson("The body is over 1 MiB.", code="body_too_large", status=413)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("The body is not UTF-8.") from None
    if text.count("{") + text.count("[") > MOST_DEPTH:
        _refuse_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_exact,
            parse_int=_exact,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise BadJson(f"The body is not JSON: {error}.") from None
    if "\\u" in text:
        _refuse_broken_text(value)
    return value


def dumps(value: Any) -> bytes:
    """JSON with every decimal digit kept, as numbers."""
    return _encoder.encode(value)


def _refuse_depth(text: str) -> None:
    depth, inside, escaped = 0, False, False
    for char in text:
        if escaped:
            escaped = False
        elif inside:
            escaped = char == "\\"
            inside = char != '"'
        elif char == '"':
            inside = True
        elif char in "{[":
            depth += 1
            if depth > MOST_DEPTH:
                raise BadJson(f"The body is nested deeper than {MOST_DEPTH} levels.")
        elif char in "}]":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # set.add is None: falsy
        raise BadJson(f"The key {twice!r} is given twice.", code="duplicate_key")
    return found


def _exact(digits: str) -> Decimal:
    if "e" in digits or "E" in digits:
        raise BadJson(f"Write {digits[:40]} without an exponent.", code="invalid_number")
    if len(digits) > 40 or (digits.startswith("-0") and not digits.strip("-0.")):
        raise BadJson(f"{digits[:40]} is not a number we read.", code="invalid_number")
    return Decimal(digits)


def _constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not a number.", code="invalid_number")


def _refuse_broken_text(value: Any) -> None:
    try:
        whole = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("A text holds half a character (a lone surrogate).") from None
    if any(run % 2 for run in map(len, _NUL.findall(whole))):
        raise BadJson("A text holds the character NUL.")


class StrictJSONParser(BaseParser):
    """The parser of every endpoint."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(MOST_BYTES + 1)
        return loads(body) if body else {}


class ExactJSONRenderer(BaseRenderer):
    """Decimals as JSON numbers with every digit; `bytes` pass through as already rendered JSON."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else dumps(data)
