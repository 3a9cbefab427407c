"""What has traded in public at a venue: prints, numbered by security apart from the books."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from venues.messages.base import Message


class TapePrint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trade, or with action(279) 2 the word that it never was; `at` is always the trade's own.

    A trade that was restated is taken back and printed again under another `trade_id`, which is
    public and says nothing of whose it was. `seq` is RptSeq(83) of the security's tape.
    """

    seq: int
    trade_id: str
    px: Decimal
    size: Decimal
    at: datetime
    action: Literal["0", "2"] = "0"


class TapeSnapshot(Message, frozen=True, tag="tape"):
    """The last prints that stand, oldest first, and what the day comes to.

    `rpt_seq` is the number of the last print of all, also of one that does not stand any more. A
    venue that does not say its volume has the sum of what is told.
    """

    security_id: str
    rpt_seq: int
    at: datetime
    day: date
    volume: Decimal | None
    prints: tuple[TapePrint, ...] = ()


class TapeUpdate(Message, frozen=True, tag="prints"):
    """What has been printed since, each under the next number; `volume` is the day's with it.

    None where the venue does not say: what is told is added up.
    """

    security_id: str
    at: datetime
    day: date
    volume: Decimal | None
    prints: tuple[TapePrint, ...]
