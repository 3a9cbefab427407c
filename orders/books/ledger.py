"""Quantities: what an order says it has done is what its executions and its children say."""

from __future__ import annotations

from orders import rerouting
from orders.books.statements import ENDED, VENUE_ENDED, Question, check, listed
from orders.states import Pending
from venues.capabilities import WORKED

_ORDERS = "SELECT count(*) FROM orders_order o WHERE {scope}"


def _below(table: str) -> str:
    return (
        f"SELECT count(*) FROM {table} t JOIN orders_order o ON o.id = t.order_id WHERE {{scope}}"
    )


_EXECUTION_ORDERS = _below("orders_executionorder")
_VENUE_ORDERS = _below("orders_venueorder")

_ORDER_CUM = """
SELECT o.id, format('cum_qty %%s, gross %%s after %%s executions; they sum to %%s, %%s after %%s',
    o.cum_qty, o.gross, o.executions_made, coalesce(x.qty, 0), coalesce(x.gross, 0),
    coalesce(x.n, 0))
FROM orders_order o
LEFT JOIN (SELECT order_id, sum(qty) qty, sum(qty * price) gross, count(*) n, min(sequence) lowest,
        max(sequence) highest, count(DISTINCT sequence) different
    FROM orders_execution GROUP BY order_id) x ON x.order_id = o.id
WHERE {scope} AND ((o.cum_qty, o.gross, o.executions_made)
        IS DISTINCT FROM (coalesce(x.qty, 0), coalesce(x.gross, 0), coalesce(x.n, 0))
    OR x.lowest <> 1 OR x.highest <> x.n OR x.different <> x.n)
"""
_EXECUTION_ORDER_CUM = """
SELECT t.id, format('cum_qty %%s, gross %%s; its executions sum to %%s, %%s',
    t.cum_qty, t.gross, coalesce(x.qty, 0), coalesce(x.gross, 0))
FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN (SELECT execution_order_id, sum(qty) qty, sum(qty * price) gross
    FROM orders_execution GROUP BY execution_order_id) x ON x.execution_order_id = t.id
WHERE {scope}
    AND (t.cum_qty, t.gross) IS DISTINCT FROM (coalesce(x.qty, 0), coalesce(x.gross, 0))
"""
_VENUE_ORDER_CUM = """
SELECT t.id, format('cum_qty %%s; its executions sum to %%s', t.cum_qty, coalesce(x.qty, 0))
FROM orders_venueorder t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN (SELECT venue_order_id, sum(qty) qty
    FROM orders_execution GROUP BY venue_order_id) x ON x.venue_order_id = t.id
WHERE {scope} AND t.cum_qty IS DISTINCT FROM coalesce(x.qty, 0)
"""
_ORDER_IS_ITS_CHILDREN = """
SELECT o.id, format('cum_qty %%s; its execution orders have %%s', o.cum_qty, coalesce(c.qty, 0))
FROM orders_order o
LEFT JOIN (SELECT order_id, sum(cum_qty) qty, count(*) n
    FROM orders_executionorder GROUP BY order_id) c ON c.order_id = o.id
WHERE {scope} AND o.cum_qty IS DISTINCT FROM coalesce(c.qty, 0)
"""
_EXECUTION_ORDER_IS_ITS_CHILDREN = """
SELECT t.id, format('cum_qty %%s; its venue orders have %%s, trades reported by hand %%s',
    t.cum_qty, coalesce(c.qty, 0), coalesce(x.qty, 0))
FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN (SELECT execution_order_id, sum(cum_qty) qty
    FROM orders_venueorder GROUP BY execution_order_id) c ON c.execution_order_id = t.id
LEFT JOIN (SELECT execution_order_id, sum(qty) qty FROM orders_execution
    WHERE venue_order_id IS NULL GROUP BY execution_order_id) x ON x.execution_order_id = t.id
WHERE {scope} AND t.cum_qty IS DISTINCT FROM coalesce(c.qty, 0) + coalesce(x.qty, 0)
"""


def _leaves(table: str, qty: str, ended: str) -> str:
    source = (
        table if table == "orders_order o" else f"{table} JOIN orders_order o ON o.id = t.order_id"
    )
    row = table.split()[-1]
    rule = (
        f"CASE WHEN {row}.status IN {ended} THEN 0 "
        f"ELSE greatest({row}.{qty} - {row}.cum_qty, 0) END"
    )
    return f"""
SELECT {row}.id, format('%%s with cum_qty %%s of %%s has leaves_qty %%s instead of %%s',
    {row}.status, {row}.cum_qty, {row}.{qty}, {row}.leaves_qty, {rule})
FROM {source} WHERE {{scope}} AND {row}.leaves_qty <> {rule}
"""


# A venue's late or excess shares, and a bust, can make too much live before anybody can act: while
# the break about it is open a person has it.
_WITH_A_PERSON = """EXISTS (SELECT 1 FROM orders_break b WHERE b.order_id = o.id
    AND b.closed_at IS NULL AND b.kind IN ('overfill', 'late_fill', 'bust'))"""
_OVERCOMMITTED = f"""
SELECT o.id, format('%%s with leaves_qty %%s, but %%s live execution orders for %%s: %%s',
    o.status, o.leaves_qty, c.n, c.leaves, c.ids)
FROM orders_order o
JOIN (SELECT order_id, count(*) n, sum(leaves_qty) leaves, string_agg(id, ' ' ORDER BY id) ids
    FROM orders_executionorder WHERE status NOT IN {ENDED} GROUP BY order_id) c ON c.order_id = o.id
WHERE {{scope}} AND (o.status IN {ENDED} OR c.leaves > o.leaves_qty) AND NOT {_WITH_A_PERSON}
"""
_OVERCOMMITTED_BELOW = f"""
SELECT t.id, format('%%s with leaves_qty %%s, but %%s live venue orders for %%s: %%s',
    t.status, t.leaves_qty, c.n, c.leaves, c.ids)
FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id
JOIN (SELECT execution_order_id, count(*) n, sum(leaves_qty) leaves,
        string_agg(id, ' ' ORDER BY id) ids
    FROM orders_venueorder WHERE status NOT IN {VENUE_ENDED} GROUP BY execution_order_id) c
    ON c.execution_order_id = t.id
WHERE {{scope}} AND (t.status IN {ENDED} OR c.leaves > t.leaves_qty) AND NOT {_WITH_A_PERSON}
"""
_STOPPING = listed([Pending.CANCEL.value, Pending.EXPIRE.value])
# Execution orders of order books and desks whose rest nobody has: no venue works one or has yet to
# answer a replacement of it, and none gave it back to smart routing to be sent on.
_LOOSE = f"""
SELECT t.id, format('%%s with leaves_qty %%s, and every venue order of it is over', t.status,
    t.leaves_qty)
FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id
WHERE {{scope}} AND t.protocol IN {listed(sorted(WORKED))} AND t.status NOT IN {ENDED}
    AND NOT EXISTS (SELECT 1 FROM orders_venueorder v WHERE v.execution_order_id = t.id
        AND (v.status NOT IN {VENUE_ENDED} OR v.replace_cl_ord_id <> '' OR v.status = 'canceled'
            AND starts_with(v.cancel_cl_ord_id, '{rerouting.CANCELS}_') AND v.cancels_sent > 0
            AND t.pending NOT IN {_STOPPING} AND o.pending NOT IN {_STOPPING}))
"""
_PAST_ITS_SESSION = f"""
SELECT o.id, format('%%s, though its session ended at %%s', o.status, o.expires_at)
FROM orders_order o
WHERE {{scope}} AND o.status NOT IN {ENDED} AND o.pending = ''
    AND o.expires_at < %(at)s - interval '5 minutes'
"""

CHECKS = (
    check(
        "cum_qty_is_its_executions",
        "What an order, an execution order and a venue order have done is the signed sum of their"
        " executions, busts and corrections included.",
        Question(_ORDERS, _ORDER_CUM),
        Question(_EXECUTION_ORDERS, _EXECUTION_ORDER_CUM),
        Question(_VENUE_ORDERS, _VENUE_ORDER_CUM),
    ),
    check(
        "cum_qty_is_its_children",
        "An order has done what its execution orders did; an execution order what its venue orders"
        " did and what was reported by hand.",
        Question(_ORDERS, _ORDER_IS_ITS_CHILDREN),
        Question(_EXECUTION_ORDERS, _EXECUTION_ORDER_IS_ITS_CHILDREN),
    ),
    check(
        "leaves_follow_the_rule",
        "What is left is nothing once it is over, else the quantity less what is done, and never"
        " below zero.",
        Question(_ORDERS, _leaves("orders_order o", "order_qty", ENDED)),
        Question(_EXECUTION_ORDERS, _leaves("orders_executionorder t", "qty", ENDED)),
        Question(_VENUE_ORDERS, _leaves("orders_venueorder t", "qty", VENUE_ENDED)),
    ),
    check(
        "nothing_is_worked_twice",
        "No closed row has live children, and live children want no more than is left, unless a"
        " break about it is open.",
        Question(_ORDERS, _OVERCOMMITTED),
        Question(_EXECUTION_ORDERS, _OVERCOMMITTED_BELOW),
    ),
    check(
        "what_is_open_has_somebody",
        "An execution order of the order books that is open is worked by a venue, or on its way"
        " from one to another.",
        Question(_EXECUTION_ORDERS, _LOOSE),
    ),
    check(
        "no_order_outlives_its_session",
        "No order is open five minutes after its session without waiting for a venue's answer.",
        Question(_ORDERS, _PAST_ITS_SESSION),
    ),
)
