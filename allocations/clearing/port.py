"""What every clearing party's adapter can do: take one report of one trade, once.

Called outside any transaction. The report's id is its key, so repeating a call is harmless. Raises
`CustodianError`, like every adapter of an outside party.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

from allocations.custodians.port import Refused
from allocations.custodians.settling import Taken
from venues.messages import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeReport:
    """TradeCaptureReport(AE): `key` is TradeReportID(571), `trans_type` 487, `refers_to` 572.

    `qty` in par or shares, `price` clean in percent of par or per share, money in the currency.
    """

    key: str
    trans_type: Literal["0", "1", "2"]
    refers_to: str
    member: str
    exec_id: str
    venue: str
    counterparty: str
    cusip: str
    side: Side
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    net_money: Decimal
    currency: str
    trade_date: date
    settlement_date: date


class Clearer(Protocol):
    """One central counterparty or clearing broker, whatever its wire."""

    def report(self, one: TradeReport) -> Taken | Refused:
        """Tell it of a trade, or of what became of one. Raises `CustodianError`."""
        ...

    def find(self, key: str) -> Taken | None:
        """What it has under a key; None if it never took it. Raises `CustodianError`."""
        ...
