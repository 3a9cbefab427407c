"""What every message is, and the words that several kinds of them use."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Side = Literal["1", "2"]  # Side(54): buy, sell
ShortSale = Literal["", "5", "6"]  # Side(54) of a sale that is marked short, or short exempt
OrdType = Literal["1", "2"]  # OrdType(40): market, limit
Extensions = tuple[tuple[str, str], ...]  # names and values


class ExecType(StrEnum):
    """ExecType(150), FIX 4.4 values."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus(39), FIX 4.4 values."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="msg", omit_defaults=True):
    """One frame; the tag says which."""
