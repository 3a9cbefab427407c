"""The fields of one message that came, in our words: tags and values as the format translates them.

Pure. What cannot be read raises `ValueError`, with the tag and what was said.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from venues.fix.codec import Message, digits, moment
from venues.formats import Content
from venues.messages import ShortSale, Side

# No amount of the world has more, on either side of the point.
MOST_DIGITS = 30
# Buy, buy minus, sell, sell plus, sell short, sell short exempt.
_SIDES: dict[str, Side] = {"1": "1", "3": "1", "2": "2", "4": "2", "5": "2", "6": "2"}


class Given:
    """The fields of one message in our words."""

    def __init__(self, message: Message, content: Content) -> None:
        renamed = content.of(content.rename, message.type)
        back = {theirs: ours for ours, theirs in renamed.items()}
        self._fields: dict[str, str] = {}
        for tag, value in message.fields:
            key = back.get(str(tag), str(tag))
            words = content.values.get(key)
            said = {their: our for our, their in words.items()} if words else {}
            self._fields.setdefault(key, said.get(value, value))

    def text(self, tag: int) -> str:
        """A value, or nothing."""
        return self._fields.get(str(tag), "")

    def decimal(self, tag: int) -> Decimal | None:
        """A number; None when absent. Raises `ValueError` for what is none."""
        text = self.text(tag)
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise ValueError(f"{tag}={text} is no number") from error
        if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:
            raise ValueError(f"{tag}={text} is no number")
        return value

    def at(self, tag: int, otherwise: int) -> datetime:
        """A moment, of another field where this one is absent. Raises `ValueError`."""
        return moment(self.text(tag) or self.text(otherwise))

    def whole(self, tag: int) -> int | None:
        """A code by its number; None for anything else."""
        text = self.text(tag)
        return int(text) if digits(text) else None

    def side(self) -> Side:
        """Side(54) as one of ours. Raises `ValueError` for what neither buys nor sells."""
        try:
            return _SIDES[self.text(54)]
        except KeyError:
            raise ValueError(f"54={self.text(54)} is no side") from None

    def short_sale(self) -> ShortSale:
        """The mark in Side(54): sold short, short exempt, or neither."""
        said = self.text(54)
        return "5" if said == "5" else "6" if said == "6" else ""

    def needed(self, tag: int) -> str:
        """A value that has to be there. Raises `ValueError`."""
        if not (text := self.text(tag)):
            raise ValueError(f"{tag} is missing")
        return text
