"""The exchange of one session: takes requests, decides, reports. No sockets, no files.

The session room feeds it messages and time, and takes the reports to journal and send. Every
change of an order goes through the reporter, which folds it into the register first.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from venues.messages import (
    CancelRequest,
    ExecType,
    NewOrder,
    QuoteRequest,
    QuoteResponse,
    QuoteRespType,
    ReplaceRequest,
    Report,
    StatusRequest,
)
from venues.simulator import behaviors, dealers, matching, uncrossing
from venues.simulator.behaviors import Act, Script, Step
from venues.simulator.inquiries import Inquiries
from venues.simulator.market import Market
from venues.simulator.register import DUPLICATE, Inbound, Order, Register
from venues.simulator.reports import Reporter
from venues.simulator.time import Timers

TOO_LATE, UNKNOWN, PENDING, OTHER = 0, 1, 3, 99  # CxlRejReason(102)
_UNKNOWN_SYMBOL, _CLOSED, _BAD_QTY = 1, 2, 13  # OrdRejReason(103)
POST_ONLY_WOULD_CROSS = "post_only_would_cross"
_NOW_OR_NEVER = ("3", "4")  # TimeInForce(59): immediate or cancel, fill or kill
_NOTHING = Script()


class Exchange:
    """All orders of one session, and the reports not yet taken."""

    def __init__(self, register: Register, market: Market) -> None:
        self.register = register
        self.market = market
        self._say = Reporter(register)
        self._timers: Timers[Order] = Timers()
        self._inquiries = Inquiries(register, market, self._say)
        for order in register.open_orders():
            order.script = self._script(order, order.price)
            self._schedule(order)

    def take(self) -> list[tuple[Report, int]]:
        """The reports made since the last call, and how often each is to be sent."""
        return self._say.take()

    def handle(self, message: Inbound, at: datetime) -> None:
        """Act on one message that has just come in."""
        match message:
            case NewOrder():
                self._new(message, at)
            case CancelRequest():
                self._change(message, at)
            case ReplaceRequest():
                self._change(message, at)
            case StatusRequest():
                self._status(message, at)
            case QuoteRequest():
                self._inquiries.ask(message, at)
            case QuoteResponse(resp_type=QuoteRespType.HIT):
                self._hit(message, at)
            case QuoteResponse():
                self._inquiries.respond(message, at)

    def tick(self, at: datetime) -> None:
        """Do what has become due."""
        for order in self._timers.pop_due(at):
            self._advance(order, at)
        self._inquiries.tick(at)

    def quotes_moved(self, at: datetime) -> None:
        """Match what rests against books that may have moved."""
        for resting in list(self.register.live.values()):
            for order in list(resting.values()):
                if _is_matched(order) and order.begun_at is not None:
                    self._match(order, at, resting=True)

    def bust(self, exec_id: str, at: datetime) -> None:
        """Take a trade back. Raises KeyError or ValueError when there is none to take back."""
        self._amend(ExecType.TRADE_CANCEL, exec_id, at, qty=None, px=None)

    def correct(self, exec_id: str, at: datetime, *, qty: Decimal, px: Decimal) -> None:
        """Restate a trade. Raises KeyError or ValueError when there is none to restate."""
        self._amend(ExecType.TRADE_CORRECT, exec_id, at, qty=qty, px=px)

    def fill_late(self, cl_ord_id: str, at: datetime, *, qty: Decimal, px: Decimal) -> None:
        """Report a trade whatever state the order is in. Raises KeyError for an unknown order."""
        self._trade(self.register.orders[cl_ord_id], at, qty=qty, px=px)

    def cancel_unasked(self, cl_ord_id: str, at: datetime) -> None:
        """End an open order of the venue's own accord. Raises KeyError for an unknown order."""
        order = self.register.orders[cl_ord_id]
        if order.leaves_qty > 0:
            self._say.report(order, ExecType.CANCELED, at, text="canceled by the venue")

    def say_status(self, cusip: str, status: int, at: datetime, *, text: str = "") -> None:
        """Halt a security or let it trade again, and say so."""
        self._say.status_of(cusip, status, at, text=text)

    def refuse(self, message: NewOrder, at: datetime, *, text: str) -> None:
        """Refuse a new order whatever it is; one that is known already is answered as ever."""
        if self.register.knows(message.cl_ord_id):
            self.handle(message, at)
            return
        order = self.register.receive(message, at)
        assert order is not None
        self._say.report(order, ExecType.REJECTED, at, ord_rej_reason=OTHER, text=text)

    # Orders.

    def _new(self, message: NewOrder, at: datetime) -> None:
        known = self.register.orders.get(message.cl_ord_id)
        if known is not None:
            self._say.status(known, at, asked=message.cl_ord_id)
            return
        order = self.register.receive(message, at)
        assert order is not None
        order.script = self._script(order, order.price)
        reason, text = self._refusal(order, at)
        if reason is not None:
            self._say.report(order, ExecType.REJECTED, at, ord_rej_reason=reason, text=text)
        elif order.script is not None and order.script.late_ack:
            self._schedule(order)
        else:
            self._acknowledge(order, at)

    def _hit(self, message: QuoteResponse, at: datetime) -> None:
        known = self.register.orders.get(message.cl_ord_id)
        if known is not None:
            self._say.status(known, at, asked=message.cl_ord_id)
            return
        order = self.register.receive(message, at)
        assert order is not None
        refusal = self._inquiries.why_not(message, at)
        if refusal:
            self._say.report(order, ExecType.REJECTED, at, ord_rej_reason=OTHER, text=refusal)
            return
        order.script = self._script(order, order.price)
        self._acknowledge(order, at)

    def _refusal(self, order: Order, at: datetime) -> tuple[int | None, str]:
        if not self.market.knows(order.security_id):
            return _UNKNOWN_SYMBOL, "unknown security"
        if order.security_id in self.register.halted:
            return _CLOSED, "halted"
        if order.order_qty <= 0:
            return _BAD_QTY, "the quantity is not positive"
        if order.ord_type == "2" and (order.price is None or order.price <= 0):
            return OTHER, "a limit order has a price"
        if order.is_for_auction and (order.expire_time is None or at >= order.expire_time):
            return OTHER, "the auction is over"
        if uncrossing.would_cross(order, order.price, self.market):
            return OTHER, POST_ONLY_WOULD_CROSS
        if order.script is not None and order.script.reject:
            return OTHER, order.script.reject
        return None, ""

    def _script(self, order: Order, price: Decimal | None) -> Script | None:
        if order.is_for_auction:
            return None
        if order.dealer:
            return dealers.script(order.dealer, order.security_id, order.order_qty)
        fixed = behaviors.SECURITIES.get(order.security_id)
        if fixed is not None:
            return fixed.script
        if not self.market.knows(order.security_id):
            return None
        levels = self.market.levels(order.security_id, order.side)
        return behaviors.by_price(
            price=price,
            reference=self.market.reference(order.security_id),
            marketable=bool(levels) and matching.reaches(order.side, price, levels[0].px),
        )

    def _acknowledge(self, order: Order, at: datetime) -> None:
        waiting = order.pending
        self._say.report(order, ExecType.NEW, at)
        self._begin(order, at)
        if waiting is not None:
            self._answer(order, waiting, at)

    def _begin(self, order: Order, at: datetime) -> None:
        """An order's terms have just taken effect, as a new order or by a replace."""
        script = order.script
        off = self._off_quote(order) if script is not None and script.quoted else ""
        if off:
            self._say.report(order, ExecType.CANCELED, at, text=off)
        elif _is_matched(order):
            self._match(order, at)
        self._advance(order, at)

    def _off_quote(self, order: Order) -> str:
        levels = self.market.levels(order.security_id, order.side)
        if not levels:
            return "no offer" if order.side == "1" else "no bid"
        if not matching.reaches(order.side, order.price, levels[0].px):
            return "the limit is not at the quote"
        if order.leaves_qty > levels[0].size:
            return "more than the quoted size"
        return ""

    def _advance(self, order: Order, at: datetime) -> None:
        """Do all that is due on an order, and note when to look at it next."""
        if order.begun_at is None:
            if order.closed is None and at >= order.received_at + behaviors.ACK_DELAY:
                self._acknowledge(order, at)
            return
        if order.leaves_qty > 0 and order.expire_time is not None and at >= order.expire_time:
            self._end(order, at)
        while (step := _next_step(order)) is not None and at >= order.begun_at + step.after:
            self._act(order, step.act, at)
        self._schedule(order)

    def _end(self, order: Order, at: datetime) -> None:
        """Its time has come: what is for this moment trades, and what is left expires."""
        last = uncrossing.fill(order, self.market)
        if last is not None:
            self._trade(order, at, qty=last.qty, px=last.px)
        if order.leaves_qty > 0:
            self._say.report(order, ExecType.EXPIRED, at)

    def _schedule(self, order: Order) -> None:
        if order.leaves_qty == 0:
            return
        if order.begun_at is None:
            self._timers.add(order.received_at + behaviors.ACK_DELAY, order)
            return
        step = _next_step(order)
        if step is not None:
            self._timers.add(order.begun_at + step.after, order)
        if order.expire_time is not None:
            self._timers.add(order.expire_time, order)

    def _act(self, order: Order, act: Act, at: datetime) -> None:
        if act is Act.CANCEL:
            self._say.report(order, ExecType.CANCELED, at, text="canceled by the venue")
            return
        if act is Act.REFUSE:
            self._say.report(order, ExecType.REJECTED, at, text="the dealer refused (last look)")
            return
        qty = order.leaves_qty
        if act is Act.FILL_HALF:
            increment = self.market.increment(order.security_id)
            qty = min(qty, order.order_qty / 2 // increment * increment or qty)
        self._trade(order, at, qty=qty, px=self._fair_px(order))

    def _fair_px(self, order: Order) -> Decimal:
        """The limit, or the quote where that is better; a dealer's price is what was quoted."""
        if order.dealer and order.price is not None:
            return order.price
        levels = self.market.levels(order.security_id, order.side)
        if levels and matching.reaches(order.side, order.price, levels[0].px):
            return levels[0].px
        return order.price or self.market.reference(order.security_id)

    def _match(self, order: Order, at: datetime, *, resting: bool = False) -> None:
        """Trade with what stands; who rests gives no more at a time than is shown of it."""
        fills = matching.match(
            side=order.side,
            limit=order.price,
            qty=order.leaves_qty,
            levels=self.market.levels(order.security_id, order.side),
            whole=order.is_whole or order.time_in_force == "4",
            least=order.min_qty or Decimal(0),
        )
        for fill in fills:
            left = fill.qty
            while left > 0:
                piece = min(left, order.shown_qty) if resting else left
                self._trade(order, at, qty=piece, px=fill.px)
                left -= piece
        waits = order.price is not None or order.is_whole or order.min_qty is not None
        if order.leaves_qty > 0 and (not waits or order.time_in_force in _NOW_OR_NEVER):
            self._say.report(order, ExecType.CANCELED, at, text="nothing more to trade with")

    def _trade(self, order: Order, at: datetime, *, qty: Decimal, px: Decimal) -> None:
        self._say.report(order, ExecType.TRADE, at, last_qty=qty, last_px=px)

    def _amend(
        self,
        exec_type: ExecType,
        exec_id: str,
        at: datetime,
        *,
        qty: Decimal | None,
        px: Decimal | None,
    ) -> None:
        trade = self.register.trades[exec_id]
        if trade.busted:
            raise ValueError("this trade has been taken back before")
        self._say.report(
            trade.order,
            exec_type,
            at,
            last_qty=trade.qty if qty is None else qty,
            last_px=trade.px if px is None else px,
            exec_ref_id=trade.last_id or trade.exec_id,
        )
        self._schedule(trade.order)

    # Requests on an order.

    def _change(self, message: CancelRequest | ReplaceRequest, at: datetime) -> None:
        repeated = self.register.knows(message.cl_ord_id)
        order = self.register.receive(message, at)
        if repeated:
            self._say.refuse(message, order, DUPLICATE, at)
        elif order is None:
            self._say.refuse(message, None, UNKNOWN, at)
        elif order.leaves_qty == 0:
            self._say.refuse(message, order, TOO_LATE, at)
        elif order.pending is not message and not self._may_overtake(order, message):
            self._say.refuse(message, order, PENDING, at)
        elif order.begun_at is not None:
            self._answer(order, message, at)

    def _may_overtake(self, order: Order, message: CancelRequest | ReplaceRequest) -> bool:
        """A cancel does not wait for a replace that will never be answered."""
        hangs = order.script is not None and order.script.hangs
        return hangs and isinstance(message, CancelRequest)

    def _answer(self, order: Order, message: CancelRequest | ReplaceRequest, at: datetime) -> None:
        script = order.script or _NOTHING
        if order.leaves_qty == 0:
            self._say.refuse(message, order, TOO_LATE, at)
        elif isinstance(message, ReplaceRequest):
            if not script.hangs:
                self._replace(order, message, at)
        elif script.binding:
            self._say.refuse(message, order, TOO_LATE, at, text="the dealer is deciding")
        elif script.fills_on_cancel:
            self._trade(order, at, qty=order.leaves_qty, px=self._fair_px(order))
            self._say.refuse(message, order, TOO_LATE, at)
        else:
            self._say.report(
                order,
                ExecType.CANCELED,
                at,
                cl_ord_id=message.cl_ord_id,
                orig_cl_ord_id=message.orig_cl_ord_id,
            )

    def _replace(self, order: Order, message: ReplaceRequest, at: datetime) -> None:
        if message.order_qty <= 0 or (message.ord_type == "2" and not message.price):
            self._say.refuse(message, order, OTHER, at, text="no quantity or no price")
            return
        if uncrossing.would_cross(order, message.price, self.market):
            self._say.refuse(message, order, OTHER, at, text=POST_ONLY_WOULD_CROSS)
            return
        script = self._script(order, message.price if message.ord_type == "2" else None)
        if script is not None and script.reject:
            self._say.refuse(message, order, OTHER, at, text=script.reject)
            return
        self._say.report(
            order,
            ExecType.REPLACED,
            at,
            cl_ord_id=message.cl_ord_id,
            orig_cl_ord_id=message.orig_cl_ord_id,
            order_qty=max(message.order_qty, order.cum_qty),
        )
        if order.leaves_qty > 0 and order.begun_at == at:
            order.script = script
            self._begin(order, at)
        elif order.leaves_qty > 0:
            self._schedule(order)  # it has kept its place, and what was to happen to it

    def _status(self, message: StatusRequest, at: datetime) -> None:
        order = self.register.receive(message, at)
        if order is None:
            self._say.unknown(message, at)
        else:
            self._say.status(order, at, asked=message.cl_ord_id)


def _next_step(order: Order) -> Step | None:
    """What the order's script still holds for it."""
    if order.leaves_qty == 0 or order.script is None or order.steps >= len(order.script.steps):
        return None
    step = order.script.steps[order.steps]
    return None if step.act is Act.FILL_HALF and order.is_whole else step


def _is_matched(order: Order) -> bool:
    matched = order.script is None or order.script.late_ack
    return matched and not order.is_for_auction
