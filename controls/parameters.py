"""The numbers of a control, read strictly once, when the library loads it.

Every rule class names a subclass of `Params`. An unknown name, a missing one, a number that is not
finite or not above zero is an error: a control that is half understood must not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

P = TypeVar("P", bound="Params")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parameters; a rule without any uses it as it is."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError(f"{name} must be a number")
            if isinstance(value, bool):
                continue
            if isinstance(value, Decimal | int) and value <= 0:
                raise ValueError(f"{name} must be above zero")


# How the reader names the field at fault: by path, by name, or as the sentence's first word.
_AT_FAULT = (
    re.compile(r"at `\$\.([\w.\[\]]+)`"),
    re.compile(r"field `(\w+)`"),
    re.compile(r"^(\w+) "),
)


class BadParams(ValueError):
    """The stored parameters do not fit the rule."""

    def field(self, kind: type[Params]) -> str:
        """The parameter at fault, as `params.<name>`; `params` alone when none can be named."""
        for pattern in _AT_FAULT:
            found = pattern.search(str(self))
            if found and (pattern is not _AT_FAULT[2] or found[1] in kind.__struct_fields__):
                return f"params.{found[1]}"
        return "params"


def read(kind: type[P], raw: Mapping[str, Any]) -> P:
    """The parameters as exact, typed values; raises BadParams with the reason."""
    try:
        return msgspec.convert(dict(raw), kind)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise BadParams(str(error)) from error
