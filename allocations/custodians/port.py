"""What every custodian adapter can do: book one leg exactly once, and find what it booked.

The booking room calls it, outside any transaction. The leg's idempotency key makes repeating a
call safe: an answer that got lost is asked for again with the same key, never with a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from oms_site.kit.errors import OmsError
from venues.messages import Side


class CustodianError(OmsError):
    """No answer that could be relied on.

    `in_doubt`: the custodian may have booked all the same, so ask with `find` or repeat with the
    same key. `permanent`: repeating the same call cannot succeed. `waits`: it has arrived and is
    not answered yet, as files are not: nothing is wrong, and it is asked again for as long as it
    takes.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        permanent: bool = False,
        in_doubt: bool = False,
        waits: bool = False,
    ) -> None:
        super().__init__(code, message, status=503)
        self.permanent = permanent
        self.in_doubt = in_doubt
        self.waits = waits


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingInstruction:
    """One leg to be booked. `qty` in par or shares, price per 100 or per share, money in USD."""

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
    reference: str = ""
    # What its booking configuration says; empty where nobody has made one.
    booking_type: str = ""
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """The custodian has it, under this reference of its own."""

    booking_ref: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The custodian will not book it as it stands."""

    code: str
    reason: str
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class CustodianPosition:
    """What the custodian says an account holds: by trade date, and the settled part of it."""

    account: str
    cusip: str
    qty: Decimal
    settled_qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianBooking:
    """One booking as the custodian has it, under our key."""

    key: str
    booking_ref: str
    account: str
    cusip: str
    side: str
    qty: Decimal
    net_money: Decimal
    booked_at: datetime | None = None


class Custodian(Protocol):
    """One custodian, whatever its wire."""

    def book(self, instruction: BookingInstruction) -> Booked | Refused:
        """Book one leg under its key; repeating is harmless. Raises `CustodianError`."""
        ...

    def find(self, key: str) -> Booked | None:
        """What became of a key; None if it never arrived. Raises `CustodianError`."""
        ...

    def positions(self, *, as_of: date) -> list[CustodianPosition]:
        """Positions at the end of a day, for reconciliation. Raises `CustodianError`."""
        ...

    def bookings(self, *, trade_date: date) -> list[CustodianBooking]:
        """What it booked of trades of one day, for reconciliation. Raises `CustodianError`."""
        ...
