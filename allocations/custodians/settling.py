"""What every custodian's settlement desk can do: confirm, dispute, instruct, withdraw, and tell.

The settlement room calls it, outside any transaction. Every call carries our own key, so repeating
it is harmless. What the other side says and what has changed hands comes as numbered messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from allocations.custodians.port import Refused
from venues.messages import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Confirmation(AK) of one leg. `qty` in par or shares, money in the currency, in cents."""

    key: str
    leg_id: str
    account: str
    cusip: str
    side: Side
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    net_money: Decimal
    trade_date: date
    settlement_date: date
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Receive (`side` 1) or deliver (2) against payment at a depository: SWIFT 541 and 543."""

    key: str
    leg_id: str
    account: str
    cusip: str
    side: Side
    qty: Decimal
    net_money: Decimal
    settlement_date: date
    depository: str
    participant: str
    delivery_account: str
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Taken:
    """The desk has it, under this reference of its own if it gives one."""

    ref: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing more of it will change hands; this much has."""

    settled_qty: Decimal


@dataclass(frozen=True, slots=True)
class Told:
    """One message as it came: its number at this custodian, and its text."""

    seq: int
    body: str


class SettlementDesk(Protocol):
    """One custodian's settlement desk, whatever its wire. Every call raises `CustodianError`."""

    def confirm(self, one: Confirmation) -> Taken | Refused:
        """Tell the other side our terms."""
        ...

    def dispute(self, key: str, *, leg_id: str, reason: str) -> Taken | Refused:
        """Tell the other side that its terms are wrong, or missing."""
        ...

    def instruct(self, one: Delivery) -> Taken | Refused:
        """Have it settled on its date."""
        ...

    def withdraw(self, key: str) -> Withdrawn | Refused:
        """Let nothing more of an instruction change hands, even if it arrives later."""
        ...

    def buy_in(self, key: str, *, day: date) -> Taken | Refused:
        """Give notice that what has failed is bought in."""
        ...

    def messages(self, *, after: int, now: datetime) -> list[Told]:
        """What it has told since that number, in order, as of our present moment."""
        ...


# --- what they tell --------------------------------------------------------------------------
class Statement(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="statement"):
    """A trade as the other side has it."""

    reference: str
    leg_id: str
    account: str
    cusip: str
    side: Literal["1", "2"]
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    net_money: Decimal
    trade_date: date
    settlement_date: date


class Affirmation(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="affirmation"):
    """The other side's word on our confirmation: AffirmStatus(940) 2 rejected, 3 affirmed."""

    reference: str
    confirm_id: str
    affirm_status: int
    text: str = ""


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="settled"):
    """So much of an instruction has changed hands."""

    reference: str
    instruction_id: str
    qty: Decimal
    net_money: Decimal
    value_date: date


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """What is left of an instruction has not changed hands on this day."""

    reference: str
    instruction_id: str
    day: date
    code: str
    text: str = ""


Message = Statement | Affirmation | Settled | Failed
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def read(body: str) -> Message:
    """A message from its text. Raises `msgspec.MsgspecError`."""
    return _decoder.decode(body)
