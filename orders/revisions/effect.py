"""Puts new terms in force: on the order, on the basis of its allocation, and as a revision row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations import engine, rebasing
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import execution, render
from orders.models import Order, OrderTerms
from orders.revisions.dropping import naming
from orders.revisions.rows import Asked
from orders.tree import Tree
from venues import instruments


def put_in_force(
    work: Unit,
    one: Tree,
    asked: Asked,
    *,
    qty: Decimal,
    limit_price: Decimal | None,
    by: Actor,
    at: datetime,
    also: Sequence[Any] = (),
) -> None:
    """The order is what it was asked to become, or what the venues have made of that.

    Records `replace`: one event with everything that moved, the caller's rows included.
    """
    order, row = one.order, asked.row
    first = [] if order.revision > 1 else [_terms(order, since=order.created_at)]
    was = _said(order)
    assert row.screening_id is not None
    order.replace(
        revision=row.revision,
        qty=qty,
        limit_price=limit_price,
        stop_price=row.stop_price,
        screening_id=row.screening_id,
        at=at,
    )
    basis = _rebase(work, order, row.shares)
    terms = _terms(order, since=at, basis=[[who, str(part)] for who, part in row.shares])
    row.accept(qty=qty, limit_price=limit_price, at=at)
    work.add(*first, terms)
    body = {
        **naming(one, row),
        "was": was,
        "now": _said(order),
        "as_asked": (qty, limit_price) == (row.order_qty, row.limit_price),
    }
    moved = [row, *first, terms, *basis, *also]
    execution.record(work, one, "replace", body, also=moved, by=by, at=at)


def _rebase(work: Unit, order: Order, shares: Sequence[Sequence[Any]]) -> list[Any]:
    """Every part in proportion to what was asked; a plain order's one account gets all of it."""
    rows = engine.of_orders(work, [order.id]).get(order.id)
    if rows is None:
        return []
    wanted = {who: Decimal(part) for who, part in shares}
    parts = [wanted.get(one.account_id, one.requested_qty) for one in rows.accounts]
    if sum(parts, Decimal(0)) != order.order_qty:
        increment = instruments.by_id(order.instrument_id).min_increment
        parts = rebasing.apportioned(parts, to=order.order_qty, increment=increment)
    return list(rebasing.rebase(rows, parts))


def _terms(order: Order, *, since: datetime, basis: Sequence[Any] = ()) -> OrderTerms:
    return OrderTerms(
        id=ids.prefixed("ot"),
        organization_id=order.organization_id,
        order_id=order.id,
        revision=order.revision,
        order_qty=order.order_qty,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        basis=list(basis),
        since=since,
    )


def _said(order: Order) -> dict[str, Any]:
    return {
        "revision": order.revision,
        "amount": render.amount(order.order_qty, order.amount_type),
        "limit_price": None if order.limit_price is None else render.tidy(order.limit_price),
        "stop_price": None if order.stop_price is None else render.tidy(order.stop_price),
    }
