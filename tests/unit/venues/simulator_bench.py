"""An exchange on a bench, for tests of what the simulated venue decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecutionReport,
    NewOrder,
    ReplaceRequest,
    Side,
    StatusRequest,
)
from venues.simulator.exchange import Exchange
from venues.simulator.market import Market
from venues.simulator.register import Inbound, Register

PLAIN = "91282CAA1"
SHARE = "037833100"
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@dataclass
class Listed:
    cusip: str
    reference_price: Decimal
    security_type: str
    min_increment: Decimal


LISTINGS = (
    Listed(PLAIN, Decimal(100), "note", Decimal(100)),
    Listed(SHARE, Decimal(190), "equity", Decimal(1)),
)


@dataclass
class Bench:
    """An exchange on a bench, with a clock that moves when told."""

    now: datetime = START
    market: Market = field(default_factory=lambda: Market(LISTINGS, seed="SIMA"))
    made: int = 0

    def __post_init__(self) -> None:
        self.exchange = Exchange(Register("SIMA"), self.market)

    def order(
        self,
        security_id: str = PLAIN,
        side: Side = "1",
        qty: int | str = 1_000,
        px: str | None = "101",
        **more: Any,
    ) -> list[ExecutionReport]:
        self.made += 1
        fields: dict[str, Any] = {
            "cl_ord_id": f"C{self.made}",
            "security_id": security_id,
            "side": side,
            "ord_type": "1" if px is None else "2",
            "order_qty": Decimal(qty),
            "price": None if px is None else Decimal(px),
            "transact_time": self.now,
            **more,
        }
        return self.reports(NewOrder(**fields))

    def cancel(self, cl_ord_id: str = "X1", orig: str = "C1") -> list[str]:
        return self.said(
            CancelRequest(
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=orig,
                security_id=PLAIN,
                side="1",
                transact_time=self.now,
            )
        )

    def replace(self, qty: int, px: str, cl_ord_id: str = "R1", orig: str = "C1") -> list[str]:
        return self.said(
            ReplaceRequest(
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=orig,
                security_id=PLAIN,
                side="1",
                ord_type="2",
                order_qty=Decimal(qty),
                price=Decimal(px),
                transact_time=self.now,
            )
        )

    def status(self, cl_ord_id: str = "C1") -> ExecutionReport:
        return self.reports(StatusRequest(cl_ord_id=cl_ord_id, security_id=PLAIN, side="1"))[0]

    def reports(self, message: Inbound | None = None) -> list[ExecutionReport]:
        if message is not None:
            self.exchange.handle(message, self.now)
        return [r for r, _ in self.exchange.take() if isinstance(r, ExecutionReport)]

    def said(self, message: Inbound) -> list[str]:
        """What was answered, in short: exec type and status, or the reason of a refusal."""
        self.exchange.handle(message, self.now)
        return [
            f"refused {r.cxl_rej_reason}" if isinstance(r, CancelReject) else short(r)
            for r, _ in self.exchange.take()
            if isinstance(r, CancelReject | ExecutionReport)
        ]

    def wait(self, seconds: float) -> list[str]:
        self.now += timedelta(seconds=seconds)
        self.exchange.tick(self.now)
        return shorts(self.reports())


def short(report: ExecutionReport) -> str:
    return f"{report.exec_type.name} {report.ord_status.name}"


def shorts(reports: list[ExecutionReport]) -> list[str]:
    return [short(report) for report in reports]


NEW, FILLED, PARTLY = "NEW NEW", "TRADE FILLED", "TRADE PARTIALLY_FILLED"
CANCELED, EXPIRED = "CANCELED CANCELED", "EXPIRED EXPIRED"
