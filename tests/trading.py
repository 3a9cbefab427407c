"""Short words for a trading story inside the test process: submit, route, hear from the venue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import transaction

from oms_site.firm import principals
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import desk, reports, routing
from orders.models import Order, VenueOrder
from orders.requests import Instruction, OrderAsk, SubmitRequest
from venues import inbox, messages
from venues.inbox import Raw
from venues.messages import CancelReject, ExecType, ExecutionReport, OrdStatus

BOND = "037833DP2"
VENUE = "SIMA"
D = Decimal
_seq = count(1)


def person(name: str = "alpha_trader") -> Principal:
    """A sandbox user."""
    found = principals.of_api_key(f"oems_test_{name}")
    assert found is not None
    return found


def request(by: str = "alpha_trader", **changes: Any) -> SubmitRequest:
    """The standard order, with some terms changed."""
    terms: dict[str, Any] = {
        "instrument_id": BOND,
        "side": "buy",
        "ord_type": "limit",
        "amount_type": "par",
        "qty": D(3000),
        "limit_price": D("99.5"),
        "account_id": "alpha-002",
    }
    return SubmitRequest(OrderAsk(**{**terms, **changes}), person(by), clock.now())


def submit(**changes: Any) -> str:
    """Submit one order; its id."""
    (result,) = desk.submit([request(**changes)])
    assert result.error is None, result.error
    return result.order_id


def instruction(qty: int | Decimal, **changes: Any) -> Instruction:
    """An execution order for the order book of one venue."""
    terms: dict[str, Any] = {
        "protocol": "limit_order_book",
        "strategy": "manual",
        "venue_id": VENUE,
        "qty": D(qty),
    }
    return Instruction(**{**terms, **changes})


def execute(order_id: str, qty: int | Decimal, **changes: Any) -> VenueOrder:
    """Take part of a staged order to the venue; its venue order."""
    made = desk.execute(
        order_id, instruction(qty, **changes), by=person(), at=clock.now(), correlation_id=""
    )
    assert made.error is None, made.error
    return VenueOrder.objects.get(execution_order_id=made.execution_order_id)


def routed(**changes: Any) -> VenueOrder:
    """Submit one order and route it; its venue order."""
    order_id = submit(**changes)
    routing.drain()
    return VenueOrder.objects.get(order_id=order_id)


def next_seq() -> int:
    """A number that no report of a story has had."""
    return next(_seq)


def report(child: VenueOrder, exec_type: ExecType, **changes: Any) -> ExecutionReport:
    """What the venue says of one venue order; a quantity and price make it a trade."""
    terms: dict[str, Any] = {
        "seq": next(_seq),
        "exec_id": f"E{next(_seq)}",
        "exec_type": exec_type,
        "ord_status": OrdStatus.NEW,
        "order_id": f"V-{child.id}",
        "cl_ord_id": child.id,
        "security_id": BOND,
        "side": "1",
        "order_qty": child.qty,
        "cum_qty": D(0),
        "leaves_qty": child.qty,
        "transact_time": clock.now(),
        "trade_date": date(2026, 11, 23),
    }
    return ExecutionReport(**{**terms, **changes})


def fill(child: VenueOrder, qty: int | Decimal, *, cum: int | Decimal, **changes: Any) -> Any:
    """A trade; `cum` is the venue's own tally after it."""
    cum_qty = D(cum)
    whole = cum_qty >= child.qty
    terms: dict[str, Any] = {
        "ord_status": OrdStatus.FILLED if whole else OrdStatus.PARTIALLY_FILLED,
        "last_qty": D(qty),
        "last_px": D("99.4"),
        "cum_qty": cum_qty,
        "leaves_qty": max(child.qty - cum_qty, D(0)),
    }
    kind = changes.pop("exec_type", ExecType.TRADE)
    return report(child, kind, **{**terms, **changes})


def cancel_refused(child: VenueOrder, *, reason: int = 99, text: str = "no") -> CancelReject:
    """The venue will not cancel what it was last asked to."""
    asked = VenueOrder.objects.only("cancel_cl_ord_id").get(pk=child.pk)
    return CancelReject(
        seq=next(_seq),
        order_id=f"V-{child.id}",
        cl_ord_id=asked.cancel_cl_ord_id,
        orig_cl_ord_id=child.id,
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=reason,
        transact_time=clock.now(),
        text=text,
    )


def receive(*said: messages.Report, venue_id: str = VENUE) -> None:
    """The venue's reports reach us and are applied, in this order, as one batch."""
    store(*said, venue_id=venue_id)
    reports.apply(venue_id, inbox.contiguous(venue_id, limit=10_000))


def store(*said: messages.Report, venue_id: str = VENUE) -> None:
    """The venue's reports reach us and are not applied yet."""
    first = inbox.next_seq(venue_id)
    raw = [Raw(first + n, messages.encode(one).decode()) for n, one in enumerate(said)]
    assert len(inbox.store(venue_id, raw, at=clock.now())) == len(raw)


def order(order_id: str) -> Order:
    """The order as it is stored now."""
    return Order.objects.get(pk=order_id)


@contextmanager
def for_this_example() -> Iterator[None]:
    """Whatever is done inside is undone at the end: examples of a property know no others."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def check_tree(order_id: str) -> None:
    """What holds of every order at every moment, whatever happened to it."""
    check_trees([order_id])


def check_trees(order_ids: Sequence[str]) -> None:
    """The same of each of these orders, read together."""
    found = Order.objects.filter(pk__in=order_ids).order_by("id")
    rows = found.prefetch_related("executions", "execution_orders__venue_orders")
    assert {one.id for one in rows} == set(order_ids)
    for one in rows:
        _check_tree(one)


def _check_tree(one: Order) -> None:
    fills = list(one.executions.all())
    assert one.cum_qty == sum((f.qty for f in fills), D(0))
    assert one.executions_made == len(fills)
    assert one.leaves_qty == _leaves(one.status, one.order_qty, one.cum_qty)
    rows = list(one.execution_orders.all())
    assert one.cum_qty == sum((row.cum_qty for row in rows), D(0))
    live = [row for row in rows if not row.is_terminal]
    late = any(f.late or f.overfill or f.qty < 0 for f in fills)
    assert late or sum((row.leaves_qty for row in live), D(0)) <= one.leaves_qty
    for row in rows:
        assert row.leaves_qty == _leaves(row.status, row.qty, row.cum_qty)
        children: Sequence[VenueOrder] = list(row.venue_orders.all())
        if children:
            assert row.cum_qty == sum((child.cum_qty for child in children), D(0))


def _leaves(status: str, qty: Decimal, cum: Decimal) -> Decimal:
    closed = status in {"filled", "canceled", "rejected", "expired"}
    return D(0) if closed else max(qty - cum, D(0))
