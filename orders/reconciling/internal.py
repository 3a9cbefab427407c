"""Our own arithmetic: orders, venue orders and allocations against the facts they fold (P01)."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from orders.reconciling.differences import Comparison, Difference

# Orders that came, or were executed, since a moment; all of them without one.
_RECENT = """(%(since)s::timestamptz IS NULL OR {order} IN (
    SELECT id FROM orders_order WHERE created_at >= %(since)s
    UNION SELECT order_id FROM orders_execution WHERE received_at >= %(since)s))"""
_ORDER, _OF_ORDER = _RECENT.format(order="o.id"), _RECENT.format(order="v.order_id")
_OF_ALLOCATION = _RECENT.format(order="a.order_id")
# kind, what we keep, what the facts say; an allocation that waits to be split is left out.
_QUESTIONS = {
    "order_fold": f"""
SELECT o.id, o.organization_id, o.id, trim_scale(o.cum_qty)::text,
    trim_scale(coalesce(sum(x.qty), 0))::text
FROM orders_order o LEFT JOIN orders_execution x ON x.order_id = o.id
WHERE {_ORDER} GROUP BY o.id HAVING o.cum_qty <> coalesce(sum(x.qty), 0)""",
    "venue_order_fold": f"""
SELECT v.id, v.organization_id, v.order_id, trim_scale(v.cum_qty)::text,
    trim_scale(coalesce(sum(x.qty), 0))::text
FROM orders_venueorder v LEFT JOIN orders_execution x ON x.venue_order_id = v.id
WHERE {_OF_ORDER} GROUP BY v.id HAVING v.cum_qty <> coalesce(sum(x.qty), 0)""",
    "allocation_fold": f"""
SELECT a.id, a.organization_id, a.order_id, trim_scale(a.actual_qty)::text,
    trim_scale(o.cum_qty)::text
FROM allocations_allocation a JOIN orders_order o ON o.id = a.order_id
WHERE {_OF_ALLOCATION} AND a.actual_qty <> o.cum_qty AND a.status NOT IN ('failed', 'canceled')
    AND NOT EXISTS (SELECT 1 FROM orders_allocationdue d WHERE d.order_id = o.id)""",
    "legs_fold": f"""
SELECT a.id, a.organization_id, a.order_id, trim_scale(sum(l.sign * l.qty))::text,
    trim_scale(a.actual_qty)::text
FROM allocations_allocation a JOIN (
    SELECT *, CASE WHEN reverses_id IS NULL THEN 1 ELSE -1 END AS sign
    FROM allocations_bookingleg WHERE status <> 'canceled') l ON l.allocation_id = a.id
WHERE {_OF_ALLOCATION} AND a.status = 'approved' AND NOT EXISTS (SELECT 1 FROM orders_execution x
    WHERE x.order_id = a.order_id AND x.bypass_trade_booking)
GROUP BY a.id HAVING sum(l.sign * l.qty) <> a.actual_qty""",
}


def run(*, since: datetime | None = None) -> Comparison:
    """What came or was executed since a moment, or everything, in a few statements."""
    found: list[Difference] = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM orders_order o WHERE {_ORDER}", {"since": since})
        compared = int(cursor.fetchone()[0])
        for kind, question in _QUESTIONS.items():
            cursor.execute(question, {"since": since})
            found += [
                Difference(
                    kind=kind,
                    key=key,
                    organization_id=organization_id,
                    order_id=order_id,
                    ours={"qty": kept},
                    theirs={"qty": folded},
                )
                for key, organization_id, order_id, kept, folded in cursor.fetchall()
            ]
    return Comparison(compared, found)
