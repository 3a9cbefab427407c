"""The session while a venue is tried: what is tried with, and all that the venue has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from oms_site.kit import clock, ids
from venues.gateways.port import Gateway
from venues.messages import (
    CancelReject,
    CancelRequest,
    ExecType,
    ExecutionReport,
    MarketData,
    NewOrder,
    OrderReport,
    QuoteReport,
    ReplaceRequest,
    Report,
    WireOut,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement, and what spoke against it; `skipped` says why it was not tried."""

    requirement: str
    fault: str = ""
    skipped: str = ""

    def told(self) -> dict[str, str]:
        """As it is kept."""
        return {"requirement": self.requirement, "fault": self.fault, "skipped": self.skipped}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What the requirements are tried with: a gateway, what the venue is said to take, securities.

    `plain` trades at once at the market, `partly` only in part; `far` is a price to buy `plain` at
    that nobody meets; `unknown` is no security of the venue's, `dealers` answer inquiries; books
    and tapes are agreed where `market_data` says so.
    """

    gateway: Callable[[], Gateway]
    plain: str
    partly: str
    far: Decimal
    qty: Decimal
    unknown: str = "000000000"
    protocols: frozenset[str] = frozenset({"limit_order_book"})
    ord_types: frozenset[str] = frozenset()
    times_in_force: frozenset[str] = frozenset()
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    replaces: bool = True
    dealers: tuple[str, ...] = ()
    market_data: bool = False
    patience: float = 5.0

    def takes(self, kind: str, among: frozenset[str]) -> bool:
        """Whether a capability is claimed; claiming none means all."""
        return not among or kind in among


@dataclass
class Floor:
    """The session while it is tried: what was said to the venue, and all it has ever answered."""

    trial: Trial
    gateway: Gateway
    heard: list[OrderReport] = field(default_factory=list)
    quotes: list[QuoteReport] = field(default_factory=list)
    prices: list[MarketData] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    open: dict[str, NewOrder] = field(default_factory=dict)
    last_seq: int = 0

    async def connect(self, next_seq: int) -> None:
        """Open the session, and learn the venue's last number."""
        self.last_seq = await self.gateway.connect(next_seq)

    async def say(self, *messages: WireOut) -> None:
        """Send messages in one write."""
        await self.gateway.send(messages)

    async def order(self, security: str = "", **changes: object) -> NewOrder:
        """Send a new order under a fresh id: at the market, unless it has a price."""
        ord_type = "2" if changes.get("price") else "1"
        terms = {"order_qty": self.trial.qty, "ord_type": ord_type, **changes}
        one = NewOrder(
            cl_ord_id=ids.prefixed("vo"),
            security_id=security or self.trial.plain,
            side="1",
            transact_time=clock.now(),
            **terms,  # type: ignore[arg-type]  # names of its fields
        )
        self.open[one.cl_ord_id] = one
        await self.say(one)
        return one

    async def resting(self) -> NewOrder:
        """An order that nobody meets, acknowledged."""
        one = await self.order(price=self.trial.far)
        await self.until(one, ExecType.NEW)
        return one

    async def cancel(self, one: NewOrder) -> CancelRequest:
        """Ask for an order's end."""
        asked = CancelRequest(
            cl_ord_id=ids.prefixed("vc"),
            orig_cl_ord_id=one.cl_ord_id,
            security_id=one.security_id,
            side=one.side,
            transact_time=clock.now(),
        )
        await self.say(asked)
        return asked

    def of(self, cl_ord_id: str) -> list[ExecutionReport]:
        """Execution reports that name an id."""
        return [
            r
            for r in self.heard
            if isinstance(r, ExecutionReport) and cl_ord_id in (r.cl_ord_id, r.orig_cl_ord_id)
        ]

    async def until(self, one: NewOrder, *kinds: ExecType) -> ExecutionReport:
        """The report of one of these kinds on an order. Raises `TimeoutError` without it."""
        return await self.wait(
            lambda: next((r for r in self.of(one.cl_ord_id) if r.exec_type in kinds), None)
        )

    async def refusal(self, asked: CancelRequest | ReplaceRequest) -> CancelReject:
        """The refusal of a request. Raises `TimeoutError` without it."""
        return await self.wait(
            lambda: next(
                (
                    r
                    for r in self.heard
                    if isinstance(r, CancelReject) and r.cl_ord_id == asked.cl_ord_id
                ),
                None,
            )
        )

    async def wait(self, found: Callable[[], T | None]) -> T:
        """What is found in what the venue says, before patience ends."""
        async with asyncio.timeout(self.trial.patience):
            if (there := found()) is not None:
                return there
            async for frames in self.gateway.receive():
                for frame in frames:
                    self._take(frame.text, frame.message, frame.error)
                if (there := found()) is not None:
                    return there
        raise TimeoutError

    def _take(self, text: str, message: object, error: str) -> None:
        if message is None:
            self.faults.append(f"a frame that cannot be read: {error}")
        if isinstance(message, MarketData):
            self.prices.append(message)
        if not isinstance(message, Report):
            return
        if self.texts.setdefault(message.seq, text) != text:
            self.faults.append(f"report {message.seq} was told in two ways")
        if isinstance(message, ExecutionReport | CancelReject):
            self.heard.append(message)
        elif isinstance(message, QuoteReport):
            self.quotes.append(message)

    async def leave(self) -> None:
        """Stop what is still open, and close the line."""
        for one in self.open.values():
            if all(r.leaves_qty for r in self.of(one.cl_ord_id)[-1:]):
                await self.cancel(one)
        await self.gateway.close()


def always(trial: Trial) -> str:
    """No reason to leave a requirement out."""
    return ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a venue must do; `why_not` says why it is not asked of this one."""

    name: str
    check: Callable[[Floor], Awaitable[str]]
    why_not: Callable[[Trial], str] = always
