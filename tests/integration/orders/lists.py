"""Short words for lists of orders: a bracket, an OCO, an OTO, and settling them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oms_site.kit import clock
from orders import routing, triggers
from orders.contingent import settling, submitting
from orders.models import Order, OrderListLeg, VenueOrder
from orders.requests import OrderAsk
from tests import trading
from venues import market_data
from venues.messages import ExecType, OrdStatus, Quote

D = Decimal
VENUE_BOOK = {"protocol": "limit_order_book", "strategy": "manual", "venue_id": trading.VENUE}


def quote(bid: str, ask: str) -> None:
    """The venue's top of book, as of now."""
    made = Quote(
        security_id=trading.BOND,
        at=clock.now(),
        bid_px=D(bid),
        bid_size=D(1_000_000),
        ask_px=D(ask),
        ask_size=D(1_000_000),
    )
    assert market_data.take([made], source=trading.VENUE) == 1
    market_data.forget()


def ask(**changes: Any) -> OrderAsk:
    """An order of a list; routed by the rules of the sandbox."""
    terms: dict[str, Any] = {
        "instrument_id": trading.BOND,
        "side": "buy",
        "ord_type": "limit",
        "amount_type": "par",
        "qty": D(10_000),
        "limit_price": D("99.5"),
        "account_id": "alpha-002",
    }
    return OrderAsk(**{**terms, **changes})


def profit(**changes: Any) -> OrderAsk:
    """A take-profit: rests above."""
    return ask(**{"side": "sell", "limit_price": D(101), **changes})


def loss(**changes: Any) -> OrderAsk:
    """A stop-loss: waits below."""
    terms: dict[str, Any] = {"side": "sell", "ord_type": "stop", "limit_price": None}
    return ask(**{**terms, "stop_price": D(98), **changes})


def made(contingency: str, *orders: OrderAsk, **changes: Any) -> list[str]:
    """Stage a list; the ids of its orders by position."""
    asked = submitting.ListAsk(contingency=contingency, orders=orders, **changes)
    result = submitting.submit(asked, by=trading.person(), at=clock.now())
    legs = OrderListLeg.objects.filter(order_list_id=result.order_list_id)
    return list(legs.order_by("position").values_list("order_id", flat=True))


def settle() -> None:
    """Everything that is due, until nothing is."""
    for _ in range(20):
        if not settling.drain() + triggers.drain() + routing.drain():
            return
    raise AssertionError("it never comes to rest")


def child(order_id: str) -> VenueOrder:
    """The newest venue order of an order."""
    found = VenueOrder.objects.filter(order_id=order_id).order_by("-created_at", "-id").first()
    assert found is not None
    return found


def canceled(row: VenueOrder) -> None:
    """The venue has done what it was asked."""
    now = VenueOrder.objects.get(pk=row.pk)
    assert now.cancel_cl_ord_id
    trading.receive(
        trading.report(
            row,
            ExecType.CANCELED,
            cl_ord_id=now.cancel_cl_ord_id,
            orig_cl_ord_id=row.id,
            ord_status=OrdStatus.CANCELED,
            cum_qty=now.cum_qty,
            leaves_qty=D(0),
        )
    )


def state(order_id: str) -> tuple[str, Decimal, Decimal | None]:
    """Status, filled, released."""
    order = Order.objects.get(pk=order_id)
    return str(order.status), order.cum_qty, order.released_qty
