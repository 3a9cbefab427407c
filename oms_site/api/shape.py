"""Reads a JSON object against named fields and gathers every fault before refusing.

reader = Reader(body)
side = reader.choice("side", ("buy", "sell"))
reader.finish(known=FIELDS)          # raises with all faults at once
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from oms_site.kit.errors import Detail, OmsError, refuse
from oms_site.kit.numbers import NotADecimal, parse_decimal

LONGEST_ID = 80


class Reader:
    """One object of a request body. Faults are kept in `faults`, shared with nested readers."""

    def __init__(self, value: Any, *, at: str = "", faults: list[Detail] | None = None) -> None:
        self.at = at
        self.faults: list[Detail] = [] if faults is None else faults
        if isinstance(value, dict):
            self.value: dict[str, Any] = value
        else:
            self.value = {}
            self.fault("", "invalid_type", "Give a JSON object.")

    def where(self, name: str) -> str:
        """The full path of a field."""
        return f"{self.at}.{name}" if self.at and name else self.at or name

    def fault(self, name: str, code: str, message: str) -> None:
        """Note a fault of one field."""
        self.faults.append(Detail(self.where(name), code, message))

    def text(self, name: str, *, required: bool = False, longest: int = LONGEST_ID) -> str | None:
        """A text; empty and null count as absent."""
        value = self.value.get(name)
        if value is None or value == "":
            if required:
                self.fault(name, "required", "This field is required and cannot be empty.")
            return None
        if not isinstance(value, str):
            self.fault(name, "invalid_type", "Give a text.")
            return None
        if len(value) > longest:
            self.fault(name, "too_long", f"Give at most {longest} characters.")
            return None
        if "\x00" in value:
            self.fault(name, "invalid_text", "The character NUL is not allowed.")
            return None
        return value

    def choice(self, name: str, options: Collection[str], *, default: str | None = None) -> str:
        """One of the options; required when there is no default."""
        value = self.value.get(name)
        if value is None and default is not None:
            return default
        if value is None or value == "":
            self.fault(name, "required", f"Give one of: {', '.join(options)}.")
            return ""
        if not isinstance(value, str) or value not in options:
            self.fault(name, "invalid_choice", f"Give one of: {', '.join(options)}.")
            return ""
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.value.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(name, "invalid_type", "Give true or false.")
            return default
        return value

    def decimal(
        self, name: str, *, required: bool = False, positive: bool = True, places: int = 8
    ) -> Decimal | None:
        """A decimal given as a JSON number or as a text of plain digits."""
        value = self.value.get(name)
        if value is None:
            if required:
                self.fault(name, "required", "This field is required.")
            return None
        if isinstance(value, str):
            try:
                value = parse_decimal(value, max_places=places)
            except NotADecimal:
                self.fault(name, "invalid_number", "Give plain digits, such as 99.5.")
                return None
        if not isinstance(value, Decimal):
            self.fault(name, "invalid_type", "Give a number.")
            return None
        return self._in_range(name, value, positive=positive, places=places)

    def _in_range(
        self, name: str, value: Decimal, *, positive: bool, places: int
    ) -> Decimal | None:
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        if -exponent > places and value != round(value, places):
            self.fault(name, "too_many_places", f"Give at most {places} decimal places.")
            return None
        if abs(value) >= Decimal(10) ** 12:
            self.fault(name, "too_large", "Give less than 1,000,000,000,000.")
            return None
        if positive and value <= 0:
            self.fault(name, "not_positive", "Give a number above zero.")
            return None
        return value

    def objects(self, name: str, *, most: int = 100) -> list[Reader]:
        """A list of objects; absent and null are an empty list."""
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(name, "invalid_type", "Give a list of objects.")
            return []
        if len(value) > most:
            self.fault(name, "too_many", f"Give at most {most}.")
            return []
        return [
            Reader(item, at=f"{self.where(name)}[{i}]", faults=self.faults)
            for i, item in enumerate(value)
        ]

    def object(self, name: str) -> Reader | None:
        """A nested object; absent and null are None."""
        value = self.value.get(name)
        return None if value is None else Reader(value, at=self.where(name), faults=self.faults)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Note every field that is not known: a typing error must not be ignored silently."""
        if not self.value.keys() <= set(known):
            for name in self.value.keys() - set(known):
                self.fault(name, "unknown_field", "This field is not known here.")

    def finish(self) -> None:
        """Raise `OmsError` (422 `invalid_request`) with every fault noted so far."""
        refuse(self.faults)


def whole(value: Any, *, field: str, most: int = 2**63 - 1) -> int:
    """A whole number from zero to `most` of a body read strictly, where numbers are Decimals.

    Raises `OmsError` (422 `not_a_number`).
    """
    number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    if not number or not 0 <= value <= most or value % 1:
        raise OmsError("not_a_number", "Give a whole number.", field=field)
    return int(value)
