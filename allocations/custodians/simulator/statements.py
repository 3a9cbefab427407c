"""What the simulated custodian says an account has: securities and money, traded and settled.

Worked out from its journals alone, for the end of a day. A test may have it say something else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from allocations.custodians.simulator.books import Booking
from allocations.custodians.simulator.notices import Notice

ZERO = Decimal(0)
_Key = tuple[str, str]  # account and CUSIP, or account and currency


class Hand(NamedTuple):
    """What has changed hands by one message: signed for the account."""

    account: str
    cusip: str
    currency: str
    qty: Decimal
    cash: Decimal
    day: date
    seq: int


class Wrong(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a custodian is to say wrongly, by `ACCOUNT/CUSIP` or `ACCOUNT/CURRENCY`."""

    custodian: str
    cash: dict[str, Decimal] = {}
    settled: dict[str, Decimal] = {}
    left_out: list[str] = []
    says_cash: bool = True
    says_settled: bool = True


@dataclass(slots=True)
class _Line:
    traded: Decimal = ZERO
    settled: Decimal = ZERO
    through: int = 0


def made(
    bookings: Iterable[Booking],
    hands: Iterable[Hand],
    notices: Iterable[Notice],
    *,
    as_of: date,
    at: datetime,
    through: int,
    wrong: Wrong | None = None,
) -> dict[str, Any]:
    """The statement of a day: every account's securities and money, flat lines left out.

    `through` is the number of the last message told by then.
    """
    held: defaultdict[_Key, _Line] = defaultdict(_Line)
    money: defaultdict[_Key, _Line] = defaultdict(_Line)
    for booking in bookings:
        leg, sign = booking.instruction, 1 if booking.instruction.side == "1" else -1
        if leg.trade_date <= as_of:
            held[leg.account, leg.cusip].traded += sign * leg.qty
            money[leg.account, leg.currency].traded -= sign * leg.net_money
    for hand in hands:
        for lines, name, moved in ((held, hand.cusip, hand.qty), (money, hand.currency, hand.cash)):
            if hand.day <= as_of:
                lines[hand.account, name].settled += moved
            lines[hand.account, name].through = hand.seq
    for one in notices:
        for lines, name, moved in ((held, one.cusip, one.qty), (money, one.currency, one.cash)):
            if moved and one.trade_date <= as_of:
                lines[one.account, name].traded += moved
            if moved and one.settlement_date <= as_of:
                lines[one.account, name].settled += moved
    return _told(held, money, wrong, {"as_of": as_of, "at": at, "through": through})


def _told(
    held: dict[_Key, _Line], money: dict[_Key, _Line], wrong: Wrong | None, head: dict[str, Any]
) -> dict[str, Any]:
    if wrong is not None:
        for lines, by in ((money, wrong.cash), (held, wrong.settled)):
            for name, more in by.items():
                account, _, about = name.partition("/")
                lines[account, about].settled += more
                if lines is money:
                    lines[account, about].traded += more
    silent = frozenset(wrong.left_out) if wrong else frozenset()
    positions = [
        {
            "account": account,
            "cusip": cusip,
            "qty": line.traded,
            "settled_qty": line.settled if wrong is None or wrong.says_settled else None,
            "through": line.through,
        }
        for (account, cusip), line in sorted(held.items())
        if (line.traded or line.settled) and f"{account}/{cusip}" not in silent
    ]
    cash = [
        {
            "account": account,
            "currency": currency,
            "settled": line.settled,
            "traded": line.traded,
            "through": line.through,
        }
        for (account, currency), line in sorted(money.items())
        if (line.traded or line.settled) and f"{account}/{currency}" not in silent
    ]
    says = wrong is None or wrong.says_cash
    return {**head, "positions": positions, "cash": cash if says else None}
