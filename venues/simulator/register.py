"""What the venue knows of its orders and trades: a fold of what came in and what it reported.

The exchange changes it only by `apply`; after a restart the journal is folded through the very
same functions, so that nothing the venue ever said can differ from what it remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from oms_site.kit import numbers
from venues.messages import (
    CancelReject,
    CancelRequest,
    DealerQuote,
    ExecType,
    ExecutionReport,
    NewOrder,
    OrdStatus,
    OrdType,
    QuoteCancel,
    QuoteReport,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatus,
    ReplaceRequest,
    Report,
    SecurityStatus,
    ShortSale,
    Side,
    StatusRequest,
)
from venues.simulator.behaviors import Script

Inbound = NewOrder | CancelRequest | ReplaceRequest | StatusRequest | QuoteRequest | QuoteResponse
ZERO = Decimal(0)
HALTED = 2  # SecurityTradingStatus(326)
DUPLICATE = 6  # CxlRejReason(102): the id has been used before, by a request that may be open
CLOSING = {
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
}


@dataclass(slots=True, eq=False)
class Order:
    """One order as the venue sees it.

    `begun_at` is when its present terms took effect, `steps` how often it has traded on them,
    `pending` the first request not answered yet, `moved_at` when anything last happened to it.
    """

    order_id: str
    cl_ord_id: str
    security_id: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    price: Decimal | None
    time_in_force: str
    exec_inst: str
    expire_time: datetime | None
    received_at: datetime
    begun_at: datetime | None = None
    moved_at: datetime | None = None
    closed: OrdStatus | None = None
    cum_qty: Decimal = ZERO
    notional: Decimal = ZERO
    steps: int = 0
    pending: CancelRequest | ReplaceRequest | None = None
    script: Script | None = None
    dealer: str = ""  # whose quote it hits
    display_qty: Decimal | None = None
    min_qty: Decimal | None = None
    short_sale: ShortSale = ""
    shown_at: datetime | None = None  # when what it shows was renewed last

    @property
    def leaves_qty(self) -> Decimal:
        """What may still trade."""
        if self.closed is not None or self.cum_qty >= self.order_qty:
            return ZERO
        return self.order_qty - self.cum_qty

    @property
    def ord_status(self) -> OrdStatus:
        """The one status of FIX's order of precedence."""
        if ZERO < self.order_qty <= self.cum_qty:
            return OrdStatus.FILLED
        if self.closed is not None:
            return self.closed
        if self.begun_at is None:
            return OrdStatus.PENDING_NEW
        return OrdStatus.PARTIALLY_FILLED if self.cum_qty else OrdStatus.NEW

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of what has traded."""
        if not self.cum_qty:
            return None
        return numbers.round_fraction(Fraction(self.notional) / Fraction(self.cum_qty), places=10)

    @property
    def shown_qty(self) -> Decimal:
        """What the book shows of it: of an iceberg the rest of a piece, then the next whole one."""
        if self.display_qty is None:
            return self.leaves_qty
        return self.leaves_qty % self.display_qty or min(self.display_qty, self.leaves_qty)

    @property
    def stands_since(self) -> datetime | None:
        """Its place among those of its price: a renewed piece goes to the back."""
        return self.shown_at or self.begun_at

    @property
    def is_post_only(self) -> bool:
        """Participate, don't initiate: ExecInst(18) holds 6."""
        return "6" in self.exec_inst.split()

    @property
    def is_for_auction(self) -> bool:
        """At the open or at the close: TimeInForce(59) 2 and 7, at its ExpireTime(126)."""
        return self.time_in_force in ("2", "7")

    @property
    def is_whole(self) -> bool:
        """All or none: ExecInst(18) holds G."""
        return "G" in self.exec_inst.split()


@dataclass(slots=True)
class Trade:
    """One execution as it stands now, and the id under which it was first reported.

    `last_id` is the id of its last correction, which the next one refers to (ExecRefID(19)).
    """

    exec_id: str
    order: Order
    qty: Decimal
    px: Decimal
    at: datetime
    busted: bool = False
    last_id: str = ""


@dataclass(slots=True, eq=False)
class Inquiry:
    """One request for quotes and all that was answered. `gone` are quotes moved or withdrawn."""

    request: QuoteRequest
    received_at: datetime
    refused: bool = False
    over: bool = False
    quotes: dict[str, DealerQuote] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    countered: dict[str, QuoteResponse] = field(default_factory=dict)

    def latest(self, dealer: str) -> DealerQuote | None:
        """A dealer's last price, taken back or not."""
        mine = [quote for quote in self.quotes.values() if quote.dealer == dealer]
        return mine[-1] if mine else None


@dataclass(slots=True)
class Register:
    """Orders, requests and trades of one session."""

    session: str
    last_seq: int = 0
    orders: dict[str, Order] = field(default_factory=dict)  # by every ClOrdID it has carried
    requests: dict[str, CancelRequest | ReplaceRequest] = field(default_factory=dict)
    trades: dict[str, Trade] = field(default_factory=dict)  # by every ExecID it has carried
    live: dict[str, dict[str, Order]] = field(default_factory=dict)  # by security and order
    inquiries: dict[str, Inquiry] = field(default_factory=dict)  # by QuoteReqID
    halted: set[str] = field(default_factory=set)
    _made: int = field(default=0, init=False)

    def receive(self, message: Inbound, at: datetime) -> Order | None:
        """Note what came in; the order concerned, if there is one. A repeated id adds nothing."""
        if isinstance(message, NewOrder):
            order = self.orders.get(message.cl_ord_id)
            return order or self._open(message, at)
        if isinstance(message, StatusRequest):
            return self.orders.get(message.cl_ord_id)
        if isinstance(message, QuoteRequest):
            self.inquiries.setdefault(message.quote_req_id, Inquiry(message, at))
            return None
        if isinstance(message, QuoteResponse):
            return self._respond(message, at)
        order = self.orders.get(message.orig_cl_ord_id)
        if self.knows(message.cl_ord_id):
            return order
        self.requests[message.cl_ord_id] = message
        if order is not None and order.pending is None:
            order.pending = message
        return order

    def knows(self, cl_ord_id: str) -> bool:
        """Whether an id has been used, by an order or by a request."""
        return cl_ord_id in self.orders or cl_ord_id in self.requests

    def open_orders(self) -> list[Order]:
        """Every order that may still trade, in order of arrival."""
        return [o for key, o in self.orders.items() if o.leaves_qty > 0 and o.cl_ord_id == key]

    def apply(
        self,
        order: Order,
        exec_type: ExecType,
        at: datetime,
        *,
        exec_id: str,
        cl_ord_id: str,
        order_qty: Decimal,
        last_qty: Decimal | None = None,
        last_px: Decimal | None = None,
        exec_ref_id: str = "",
    ) -> None:
        """Let one report change the order it is about."""
        if exec_type is not ExecType.ORDER_STATUS:
            order.moved_at = at
        if exec_type is ExecType.NEW:
            order.begun_at = at
        elif exec_type in CLOSING:
            order.closed, order.pending = CLOSING[exec_type], None
            self.orders[cl_ord_id] = order
        elif exec_type is ExecType.REPLACED:
            self._replace(order, at, cl_ord_id=cl_ord_id, order_qty=order_qty)
        elif exec_type is ExecType.TRADE and last_qty is not None and last_px is not None:
            self.trades[exec_id] = Trade(exec_id, order, last_qty, last_px, at)
            order.steps += 1
            _add(order, last_qty, last_px)
            if order.display_qty and order.leaves_qty and not order.leaves_qty % order.display_qty:
                order.shown_at = at
        elif exec_type in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
            self._amend(exec_type, exec_id=exec_id, ref=exec_ref_id, qty=last_qty, px=last_px)
        self._index(order)

    def fold(self, report: Report) -> None:
        """Read back one report of the journal."""
        self.last_seq = report.seq
        if isinstance(report, SecurityStatus):
            halt = report.trading_status == HALTED
            (self.halted.add if halt else self.halted.discard)(report.security_id)
            return
        if not isinstance(report, ExecutionReport | CancelReject):
            self._answered(report)
            return
        order = self.orders.get(report.orig_cl_ord_id or report.cl_ord_id)
        if order is None:
            return
        if isinstance(report, CancelReject):
            if report.cxl_rej_reason != DUPLICATE:
                self.settle(order, report.cl_ord_id)
            return
        self.apply(
            order,
            report.exec_type,
            report.transact_time,
            exec_id=report.exec_id,
            cl_ord_id=report.cl_ord_id,
            order_qty=report.order_qty,
            last_qty=report.last_qty,
            last_px=report.last_px,
            exec_ref_id=report.exec_ref_id,
        )

    def settle(self, order: Order, cl_ord_id: str) -> None:
        """The request `cl_ord_id` on this order has been answered."""
        if order.pending is not None and order.pending.cl_ord_id == cl_ord_id:
            order.pending = None

    def _open(self, message: NewOrder, at: datetime) -> Order:
        self._made += 1
        order = Order(
            order_id=f"{self.session}-O{self._made}",
            cl_ord_id=message.cl_ord_id,
            security_id=message.security_id,
            side=message.side,
            ord_type=message.ord_type,
            order_qty=message.order_qty,
            price=message.price if message.ord_type == "2" else None,
            time_in_force=message.time_in_force,
            exec_inst=message.exec_inst,
            expire_time=message.expire_time,
            received_at=at,
            display_qty=message.display_qty,
            min_qty=message.min_qty,
            short_sale=message.short_sale,
        )
        self.orders[order.cl_ord_id] = order
        return order

    def _respond(self, message: QuoteResponse, at: datetime) -> Order | None:
        inquiry = self.inquiries.get(message.quote_req_id)
        if message.resp_type == QuoteRespType.HIT:
            return self.orders.get(message.cl_ord_id) or self._open_hit(message, inquiry, at)
        if inquiry is not None and message.resp_type == QuoteRespType.PASS:
            inquiry.over = True
        elif inquiry is not None and message.resp_type == QuoteRespType.COUNTER:
            inquiry.countered[message.quote_id] = message
        return None

    def _open_hit(self, message: QuoteResponse, inquiry: Inquiry | None, at: datetime) -> Order:
        self._made += 1
        quote = inquiry.quotes.get(message.quote_id) if inquiry is not None else None
        order = Order(
            order_id=f"{self.session}-O{self._made}",
            cl_ord_id=message.cl_ord_id,
            security_id=message.security_id,
            side=message.side,
            ord_type="2",
            order_qty=message.order_qty or ZERO,
            price=message.price,
            time_in_force="4",
            exec_inst="",
            expire_time=None,
            received_at=at,
            dealer=quote.dealer if quote is not None else "",
            short_sale=message.short_sale,
        )
        self.orders[order.cl_ord_id] = order
        return order

    def _answered(self, report: QuoteReport) -> None:
        inquiry = self.inquiries.get(report.quote_req_id)
        if inquiry is None:
            return
        match report:
            case DealerQuote():
                inquiry.quotes[report.quote_id] = report
                inquiry.gone.add(report.replaces)
                inquiry.countered.pop(report.replaces, None)
            case QuoteCancel():
                inquiry.gone.add(report.quote_id)
                inquiry.countered.pop(report.quote_id, None)
            case QuoteRequestReject():
                inquiry.refused = True
            case _ if report.quote_status == QuoteStatus.PASS:
                inquiry.passed.add(report.dealer)

    def _replace(self, order: Order, at: datetime, *, cl_ord_id: str, order_qty: Decimal) -> None:
        request = self.requests[cl_ord_id]
        assert isinstance(request, ReplaceRequest)
        price = request.price if request.ord_type == "2" else None
        # Only what asks for less at the same price keeps its place in the queue.
        if price != order.price or order_qty > order.order_qty:
            self.live.get(order.security_id, {}).pop(order.order_id, None)
            order.begun_at, order.steps, order.shown_at = at, 0, None
        order.ord_type, order.order_qty, order.price = request.ord_type, order_qty, price
        order.time_in_force, order.exec_inst = request.time_in_force, request.exec_inst
        order.expire_time, order.cl_ord_id = request.expire_time, cl_ord_id
        order.display_qty, order.min_qty = request.display_qty, request.min_qty
        self.orders[cl_ord_id] = order
        self.settle(order, cl_ord_id)

    def _amend(
        self,
        exec_type: ExecType,
        *,
        exec_id: str,
        ref: str,
        qty: Decimal | None,
        px: Decimal | None,
    ) -> None:
        trade = self.trades[ref]
        _add(trade.order, -trade.qty, trade.px)
        if exec_type is ExecType.TRADE_CANCEL or qty is None or px is None:
            trade.busted, trade.qty = True, ZERO
        else:
            trade.qty, trade.px = qty, px
            _add(trade.order, qty, px)
        trade.last_id = exec_id
        self.trades[exec_id] = trade

    def _index(self, order: Order) -> None:
        resting = self.live.setdefault(order.security_id, {})
        if order.leaves_qty > 0:
            resting[order.order_id] = order
        else:
            resting.pop(order.order_id, None)


def _add(order: Order, qty: Decimal, px: Decimal) -> None:
    order.cum_qty += qty
    order.notional += qty * px
