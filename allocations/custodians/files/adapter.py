"""The booking side of a custodian that is spoken to by files.

Called by the booking room, outside any transaction. Unacknowledged bookings are in doubt; the
leg's id is its key, so a batch may go out twice and a booking is made once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allocations.custodians import stating
from allocations.custodians.files.exchange import Exchange
from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    CustodianBooking,
    CustodianError,
    CustodianStatement,
    Notice,
    Refused,
)
from oms_site.kit import ids


class FilesCustodian:
    """One custodian (see `allocations.custodians.port.Custodian`)."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def book(self, instruction: BookingInstruction) -> Booked | Refused:
        """Book one leg under its key. Raises `CustodianError`, which waits while unanswered."""
        answer = self.exchange.ask({"do": "book", **_plain(instruction.told())})
        match answer.get("status"):
            case "booked":
                return Booked(_text(answer, "booking_ref"))
            case "rejected":
                return Refused(_text(answer, "code"), str(answer.get("reason", "")))
        raise CustodianError("booking_failed", str(answer.get("reason", "")), in_doubt=True)

    def find(self, key: str) -> Booked | None:
        """What became of a key; None if it never arrived. Raises `CustodianError`."""
        answer = self.question("find", about=key)
        return Booked(_text(answer, "booking_ref")) if answer.get("booking_ref") else None

    def note(self, notice: Notice) -> Booked | Refused:
        """Tell of what moves without a trade. Raises `CustodianError`, which waits."""
        terms = {name: value for name, value in asdict(notice).items() if name != "key"}
        asked = {"do": "notice", "key": f"notice:{notice.key}", "of": notice.key}
        answer = self.exchange.ask({**asked, **_plain(terms)})
        match answer.get("status"):
            case "taken":
                return Booked(_text(answer, "ref"))
            case "rejected":
                return Refused(_text(answer, "code"), str(answer.get("reason", "")))
        raise CustodianError("notice_failed", str(answer.get("reason", "")), in_doubt=True)

    def statement(self, *, as_of: date) -> CustodianStatement:
        """The file of a day: its securities and money. Raises `CustodianError`."""
        answer = self.question("statement", as_of=as_of.isoformat())
        return stating.read(answer.get("statement"))

    def bookings(self, *, trade_dates: Collection[date]) -> list[CustodianBooking]:
        """What it booked of trades of these days. Raises `CustodianError`."""
        days = ",".join(day.isoformat() for day in sorted(trade_dates))
        return [
            CustodianBooking(
                key=row["key"],
                booking_ref=row["booking_ref"],
                account=row["account"],
                cusip=row["cusip"],
                side=row["side"],
                qty=Decimal(row["qty"]),
                net_money=Decimal(row["net_money"]),
                booked_at=datetime.fromisoformat(row["booked_at"]),
            )
            for row in _rows(self.question("bookings", dates=days))
        ]

    def question(self, do: str, **about: object) -> dict[str, Any]:
        """Ask for something under a key of its own. Raises `CustodianError`."""
        answer = self.exchange.ask({"do": do, "key": ids.prefixed("ask"), **about})
        if answer.get("status") == "failed":
            raise CustodianError("question_failed", str(answer.get("reason", "")))
        return answer


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """As it is written: decimals and dates as text."""
    return {name: value if isinstance(value, str) else str(value) for name, value in record.items()}


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("rows")
    if not isinstance(rows, list):
        raise CustodianError("answer_unreadable", "there are no rows in the answer")
    return rows


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise CustodianError("answer_unreadable", f"no {name} in the answer", in_doubt=True)
    return value
