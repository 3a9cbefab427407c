"""The venue's reading of single fields: a number, a moment, or why a message is refused. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from venues.fix.codec import Message, moment


class Unfit(Exception):
    """A message that the session refuses: which tag, and SessionRejectReason(373)."""

    def __init__(self, tag: int, reason: int, text: str) -> None:
        super().__init__(text)
        self.tag, self.reason = tag, reason


def decimal(message: Message, tag: int) -> Decimal:
    """A field that is a number. Raises `Unfit`."""
    try:
        value = Decimal(message.get(tag))
    except InvalidOperation as error:
        raise Unfit(tag, 6, f"{tag} is no number") from error
    if not value.is_finite():
        raise Unfit(tag, 6, f"{tag} is no number")
    return value


def moment_of(message: Message, tag: int) -> datetime:
    """A field that is a moment. Raises `Unfit`."""
    try:
        return moment(message.get(tag))
    except ValueError as error:
        raise Unfit(tag, 6, f"{tag} is no moment") from error
