"""The venue's voice: numbers, builds and keeps the reports until they are taken.

Each report is folded into the register before its fields are read from it, so what is said and
what is remembered are the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecType,
    ExecutionReport,
    OrdStatus,
    QuoteReport,
    ReplaceRequest,
    Report,
    SecurityStatus,
    StatusRequest,
)
from venues.simulator.register import CLOSING, DUPLICATE, ZERO, Order, Register
from venues.simulator.time import NEW_YORK

_UNKNOWN_ORDER = 5  # OrdRejReason(103)
_TOO_LATE = 0  # CxlRejReason(102)


class Reporter:
    """The reports of one session, gapless from 1."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._out: list[tuple[Report, int]] = []

    def take(self) -> list[tuple[Report, int]]:
        """The reports made since the last call, and how often each is to be sent."""
        out, self._out = self._out, []
        return out

    def _next(self) -> tuple[int, str]:
        self._register.last_seq += 1
        return (
            self._register.last_seq,
            f"{self._register.session}-{self._register.last_seq}",
        )

    def report(
        self,
        order: Order,
        exec_type: ExecType,
        at: datetime,
        *,
        cl_ord_id: str = "",
        orig_cl_ord_id: str = "",
        order_qty: Decimal | None = None,
        last_qty: Decimal | None = None,
        last_px: Decimal | None = None,
        exec_ref_id: str = "",
        ord_rej_reason: int | None = None,
        text: str = "",
    ) -> None:
        """Let something happen to an order and say so."""
        seq, exec_id = self._next()
        cl_ord_id, waiting = cl_ord_id or order.cl_ord_id, order.pending
        self._register.apply(
            order,
            exec_type,
            at,
            exec_id=exec_id,
            cl_ord_id=cl_ord_id,
            order_qty=order.order_qty if order_qty is None else order_qty,
            last_qty=last_qty,
            last_px=last_px,
            exec_ref_id=exec_ref_id,
        )
        report = ExecutionReport(
            seq=seq,
            exec_id=exec_id,
            exec_type=exec_type,
            ord_status=order.ord_status,
            order_id=order.order_id,
            cl_ord_id=cl_ord_id,
            security_id=order.security_id,
            side=order.side,
            order_qty=order.order_qty,
            cum_qty=order.cum_qty,
            leaves_qty=order.leaves_qty,
            transact_time=at,
            trade_date=at.astimezone(NEW_YORK).date(),
            orig_cl_ord_id=orig_cl_ord_id,
            last_qty=last_qty,
            last_px=last_px,
            avg_px=order.avg_px,
            exec_ref_id=exec_ref_id,
            ord_rej_reason=ord_rej_reason,
            text=text,
            short_sale=order.short_sale,
        )
        twice = order.script is not None and order.script.twice
        self._out.append((report, 2 if twice else 1))
        if exec_type in CLOSING and waiting is not None and waiting.cl_ord_id != cl_ord_id:
            # Another request on it was still waiting: nobody is left without an answer.
            self.refuse(waiting, order, _TOO_LATE, at)

    def status(self, order: Order, at: datetime, *, asked: str) -> None:
        """Answer about an order under its present id; an old one it was asked by goes along."""
        is_old = asked != order.cl_ord_id and order.cl_ord_id in self._register.requests
        self.report(
            order,
            ExecType.ORDER_STATUS,
            at,
            cl_ord_id=order.cl_ord_id if is_old else asked,
            orig_cl_ord_id=asked if is_old else "",
        )

    def answer(self, make: Callable[[int, str], QuoteReport]) -> None:
        """Say something about an inquiry; `make` gets the report's number and an id to use."""
        report = make(*self._next())
        self._register.fold(report)
        self._out.append((report, 1))

    def status_of(self, cusip: str, status: int, at: datetime, *, text: str = "") -> None:
        """Say how a security trades."""
        seq, _ = self._next()
        said = SecurityStatus(
            seq=seq, security_id=cusip, trading_status=status, transact_time=at, text=text
        )
        self._register.fold(said)
        self._out.append((said, 1))

    def unknown(self, message: StatusRequest, at: datetime) -> None:
        """Answer a status request about an order the venue never had."""
        seq, exec_id = self._next()
        report = ExecutionReport(
            seq=seq,
            exec_id=exec_id,
            exec_type=ExecType.ORDER_STATUS,
            ord_status=OrdStatus.REJECTED,
            order_id="NONE",
            cl_ord_id=message.cl_ord_id,
            security_id=message.security_id,
            side=message.side,
            order_qty=ZERO,
            cum_qty=ZERO,
            leaves_qty=ZERO,
            transact_time=at,
            trade_date=at.astimezone(NEW_YORK).date(),
            ord_rej_reason=_UNKNOWN_ORDER,
            text="unknown order",
            short_sale=message.short_sale,
        )
        self._out.append((report, 1))

    def refuse(
        self,
        message: CancelRequest | ReplaceRequest,
        order: Order | None,
        reason: int,
        at: datetime,
        *,
        text: str = "",
    ) -> None:
        """Refuse a cancel or replace; `reason` is CxlRejReason(102)."""
        if order is not None and reason != DUPLICATE:
            self._register.settle(order, message.cl_ord_id)
        seq, _ = self._next()
        reject = CancelReject(
            seq=seq,
            order_id="NONE" if order is None else order.order_id,
            cl_ord_id=message.cl_ord_id,
            orig_cl_ord_id=message.orig_cl_ord_id,
            ord_status=OrdStatus.REJECTED if order is None else order.ord_status,
            cxl_rej_reason=reason,
            transact_time=at,
            response_to="1" if isinstance(message, CancelRequest) else "2",
            text=text,
        )
        self._out.append((reject, 1))
