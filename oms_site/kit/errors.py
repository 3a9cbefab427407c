"""Refusals: one error type with a stable machine code, the field and what to do about it.

Rooms raise it or a subclass beside the function that refuses; the API turns it into the wire's
error envelope. Assertions are for programmer errors, these are for the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Detail:
    """One refused field: where, which stable code, and a sentence that says what to do."""

    field: str
    code: str
    message: str


class OmsError(Exception):
    """A refusal with a stable `code`, an HTTP `status` and the fields at fault."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        status: int = 422,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = tuple(details) or ((Detail(field, code, message),) if field else ())

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.message, self.status, self.details))


def _rebuild(code: str, message: str, status: int, details: Sequence[Detail]) -> OmsError:
    return OmsError(code, message, status=status, details=details)


class NotFound(OmsError):
    """Unknown here, or not this organization's: the two are never told apart."""

    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"No such {what}.", status=404)


class Forbidden(OmsError):
    """The caller is known and may not do this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, status=403)


def refuse(faults: Sequence[Detail]) -> None:
    """Raise `OmsError` (422) for the faults, if there are any; several are an `invalid_request`."""
    if faults:
        code = faults[0].code if len(faults) == 1 else "invalid_request"
        raise OmsError(code, "Validation error: " + faults[0].message, details=tuple(faults))
