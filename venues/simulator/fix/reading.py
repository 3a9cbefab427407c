"""The venue's reading of single fields: a number, a moment, or why a message is refused. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from venues.fix.codec import Message, moment
from venues.messages import ShortSale, Side


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


def side_of(message: Message) -> tuple[Side, ShortSale]:
    """Which way Side(54) goes, and its mark where it is a short sale. Raises `Unfit`."""
    match message.get(54):
        case "1":
            return "1", ""
        case "2":
            return "2", ""
        case "5":
            return "2", "5"
        case "6":
            return "2", "6"
        case _:
            raise Unfit(54, 5, "only buys, sells and short sales")
