"""One fill and all it moves: execution, venue order, execution order, order, in one event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from oms_site.journal import statements
from oms_site.journal.actors import Actor
from oms_site.journal.rows import LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.numbers import round_cents, round_ratio
from orders import charges, execution, render
from orders.models import Execution, ExecutionOrder, VenueOrder
from orders.states import ORDER_TERMINAL
from orders.tree import Tree
from venues import analytics, instruments, sessions
from venues.instruments import InstrumentFacts


def make(
    one: Tree,
    row: ExecutionOrder,
    *,
    source: str,
    exec_id: str,
    qty: Decimal,
    price: Decimal,
    trade_date: date,
    executed_at: datetime,
    received_at: datetime,
    venue_order: VenueOrder | None = None,
    kind: str = Execution.Kind.TRADE,
    exec_ref_id: str = "",
    counterparty: str = "",
    settlement_date: date | None = None,
    bypass_trade_booking: bool = False,
    bypass_street_side_leg: bool = False,
) -> Execution:
    """The execution row with its money in cents (FIX 381, 159, 118); a bust gives back its trade's.

    `qty` is signed.
    """
    order = one.order
    facts = instruments.by_id(order.instrument_id)
    principal = round_cents(facts.money(qty, price))
    settles = settlement_date or sessions.calendar(facts.market).settlement_date(trade_date)
    was = charges.taken_back(one, source=source, exec_ref_id=exec_ref_id, qty=qty)
    settles, accrued, charged = _costs(one, row, was, (qty, price, principal), settles)
    costs = charged if order.side == "buy" else -charged
    return statements.fresh(
        Execution,
        id=ids.prefixed("ex"),
        organization_id=order.organization_id,
        order_id=order.id,
        execution_order_id=row.id,
        venue_order_id=venue_order.id if venue_order else None,
        source=source,
        exec_id=exec_id,
        exec_ref_id=exec_ref_id,
        kind=kind,
        sequence=order.executions_made + 1,
        qty=qty,
        price=price,
        ytm=_yield(facts, price, settles),
        principal=principal,
        accrued_interest=accrued,
        fees=charged,
        net_money=principal + accrued + costs,
        trade_date=trade_date,
        settlement_date=settles,
        counterparty=counterparty,
        # Only a trade can be late: what takes back or corrects one is no more of the order.
        late=kind == Execution.Kind.TRADE and order.status in ORDER_TERMINAL,
        overfill=qty > 0 and (order.cum_qty + qty > order.order_qty or row.cum_qty + qty > row.qty),
        bypass_trade_booking=bypass_trade_booking,
        bypass_street_side_leg=bypass_street_side_leg,
        executed_at=executed_at,
        received_at=received_at,
    )


def _yield(facts: InstrumentFacts, price: Decimal, settles: date) -> Decimal | None:
    return analytics.yield_to_maturity(bond=facts.bond, clean_price=price, settlement_date=settles)


def _costs(
    one: Tree,
    row: ExecutionOrder,
    was: Execution | None,
    traded: tuple[Decimal, Decimal, Decimal],
    settles: date,
) -> tuple[date, Decimal, Decimal]:
    """Settlement date, accrued interest and fees; those of `was` given back for a bust."""
    if was is not None:
        return was.settlement_date, -was.accrued_interest, -was.fees
    facts = instruments.by_id(one.order.instrument_id)
    return settles, _accrued(facts, traded[0], settles), _charged(one, row, traded, settles)


def _charged(
    one: Tree, row: ExecutionOrder, traded: tuple[Decimal, Decimal, Decimal], settles: date
) -> Decimal:
    qty, price, principal = traded
    whole = charges.of_fill(
        one,
        row,
        qty=abs(qty),
        price=price,
        principal=abs(principal),
        settlement_date=settles,
    )
    return whole if qty > 0 else -whole


def _accrued(facts: InstrumentFacts, qty: Decimal, settles: date) -> Decimal:
    whole = analytics.accrued_interest(bond=facts.bond, par=abs(qty), settlement_date=settles)
    return whole if qty > 0 else -whole


def apply(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    fill: Execution,
    *,
    by: Actor,
    at: datetime,
    venue_order: VenueOrder | None = None,
    extra: dict[str, Any] | None = None,
    also: Sequence[LedgerRow] = (),
) -> None:
    """Move the whole tree by one execution and record it as one `execution` event.

    `also` are rows of the caller's that moved with it.
    """
    order = one.order
    gross = fill.qty * fill.price
    moved: list[Any] = [row, fill, *also]
    if venue_order is not None:
        venue_order.execute(qty=fill.qty, at=at)
        moved.append(venue_order)
    row.execute(qty=fill.qty, gross=gross, at=at)
    order.execute(qty=fill.qty, gross=gross, at=fill.executed_at)
    order.average(**averages(one, settlement_date=fill.settlement_date))
    work.add(fill)
    one.applied.append(fill)
    body = {**execution.naming(one, row), **wire(fill, order.amount_type), **(extra or {})}
    execution.record(work, one, "execution", body, also=moved, by=by, at=at)


def averages(one: Tree, *, settlement_date: date) -> dict[str, Decimal | None]:
    """The average so far: exact, rounded once to 10 places; its yield is recomputed from it."""
    order = one.order
    if order.cum_qty <= 0:
        return {"avg_px": None, "avg_ytm": None}
    gross, per_gross = order.gross.as_integer_ratio()
    qty, per_qty = order.cum_qty.as_integer_ratio()
    price = round_ratio(gross * per_qty, per_gross * qty, places=10)
    facts = instruments.by_id(order.instrument_id)
    ytm = analytics.yield_to_maturity(
        bond=facts.bond, clean_price=price, settlement_date=settlement_date
    )
    return {"avg_px": price, "avg_ytm": ytm}


def wire(fill: Execution, amount_type: str) -> dict[str, Any]:
    """An execution as clients see it."""
    return {
        "execution_id": fill.id,
        "venue_execution_id": fill.exec_id,
        "kind": str(fill.kind),
        "execution_ref_id": fill.exec_ref_id or None,
        "venue": fill.source,
        "amount": render.amount(fill.qty, amount_type),
        "price": {
            "pop": render.tidy(fill.price),
            "ytm": None if fill.ytm is None else render.tidy(fill.ytm),
        },
        "principal": fill.principal,
        "accrued_interest": fill.accrued_interest,
        "fees": fill.fees,
        "net_money": fill.net_money,
        "trade_date": fill.trade_date,
        "settlement_date": fill.settlement_date,
        "executed_at": fill.executed_at,
        "late": fill.late,
        "overfill": fill.overfill,
    }


def of_order(order_id: str) -> Sequence[Execution]:
    """The executions of an order, in the order they were applied."""
    return of_orders([order_id])[order_id]


def of_orders(order_ids: Iterable[str]) -> Mapping[str, Sequence[Execution]]:
    """The executions of each of these orders, in the order they were applied: one query."""
    found: dict[str, list[Execution]] = {order_id: [] for order_id in order_ids}
    for fill in Execution.objects.filter(order_id__in=found).order_by("sequence"):
        found[fill.order_id].append(fill)
    return found
