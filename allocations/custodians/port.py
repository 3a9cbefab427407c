"""What every custodian adapter can do: book one leg exactly once, find what it booked, and state.

Booking and reconciliation call it, outside any transaction. A leg's idempotency key makes repeating
a call safe: an answer that got lost is asked for again with the same key, never with a new one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

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
    # What we call the part of the account that it is for; empty for an account as a whole, and then
    # not told at all.
    sleeve: str = ""

    def told(self) -> dict[str, Any]:
        """Its fields as they are told: those of a whole account say nothing of sleeves."""
        fields = asdict(self)
        if not self.sleeve:
            del fields["sleeve"]
        return fields


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What moves an account's money or securities without a trade; signed for the account.

    The custodian learns of deposits, withdrawals, exchanges and what issuers pay by these, where
    it does not know of them by itself. `cusip` is empty where only money moves.
    """

    key: str
    account: str
    kind: str
    currency: str
    cash: Decimal
    trade_date: date
    settlement_date: date
    cusip: str = ""
    qty: Decimal = Decimal(0)


# --- what it says for reconciliation ---------------------------------------------------------
@dataclass(frozen=True, slots=True)
class CustodianPosition:
    """What the custodian says an account holds: by trade date, and what of it has changed hands.

    `settled_qty` is None where it does not say. `through` is the number of the last settlement
    message (see `settling`) that moved it; 0 where messages are not numbered.
    """

    account: str
    cusip: str
    qty: Decimal
    settled_qty: Decimal | None
    through: int = 0


@dataclass(frozen=True, slots=True)
class CustodianCash:
    """What the custodian says an account has in one currency; `traded` is None if it does not."""

    account: str
    currency: str
    settled: Decimal
    traded: Decimal | None = None
    through: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianStatement:
    """Every account at the end of the day `as_of`, as known at `at` on the custodian's own clock.

    Flat lines may be left out. `cash` is None where the custodian does not say what money there
    is, which is not to say that there is none. `through` is the number of the last settlement
    message told before it; 0 where messages are not numbered.
    """

    as_of: date
    at: datetime
    positions: tuple[CustodianPosition, ...]
    cash: tuple[CustodianCash, ...] | None = None
    through: int = 0


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

    def note(self, notice: Notice) -> Booked | Refused:
        """Take note of what moves without a trade, under its key; repeating is harmless.

        A custodian that learns of such things by itself refuses everything with `NOT_TOLD`.
        Raises `CustodianError`.
        """
        ...

    def statement(self, *, as_of: date) -> CustodianStatement:
        """Securities and money at the end of a day. Raises `CustodianError`."""
        ...

    def bookings(self, *, trade_dates: Collection[date]) -> list[CustodianBooking]:
        """What it booked of trades of these days. Raises `CustodianError`."""
        ...
