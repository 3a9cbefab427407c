"""Cancel requests for thousands of orders by one statement, written as the desk writes each.

For orders of the plain shape only: open, nothing pending, no open schedule, every live execution
order worked by venues that were not asked yet. Every other order is left to be asked one by one.
Rows, versions, events and messages are those of `desk.stop`; a test holds the two against each
other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction

from oms_site.journal import statements
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from orders import sides
from orders.states import EXECUTION_STEPS, ORDER_STEPS, VENUE_STEPS, Pending
from venues import messages, transmission

_LOCK = """
SELECT id FROM orders_order
WHERE id = ANY(%(ids)s) AND status = ANY(%(open)s)
    AND pending = '' AND amending = '' AND route_at IS NULL
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
# Read after the orders are locked: whoever changes what is below an order holds the order.
_PLAIN = """
SELECT o.id FROM unnest(%(ids)s::text[]) AS o(id)
JOIN orders_executionorder e ON e.order_id = o.id AND e.status = ANY(%(live)s)
LEFT JOIN LATERAL (
    SELECT count(*) AS n, bool_and(v.pending = '' AND v.replace_cl_ord_id = '') AS unasked
    FROM orders_venueorder v
    WHERE v.order_id = o.id AND v.execution_order_id = e.id AND v.status = ANY(%(working)s)
) w ON true
WHERE NOT EXISTS (SELECT 1 FROM orders_schedule s WHERE s.order_id = o.id AND s.next_at IS NOT NULL)
GROUP BY o.id HAVING bool_and(e.pending = '' AND w.n > 0 AND w.unasked)
"""
_ASK = """
WITH asked AS MATERIALIZED (
    SELECT o.id, o.organization_id, o.version, o.client_order_id, i.cusip,
           coalesce(o.short_sale, o.side) AS side,
           row_number() OVER (ORDER BY o.id) AS n
    FROM orders_order o JOIN venues_instrument i ON i.id = o.instrument_id
    WHERE o.id = ANY(%(ids)s)
), live AS MATERIALIZED (
    SELECT e.id, e.order_id, e.version, e.client_execution_order_id,
           row_number() OVER (PARTITION BY e.order_id ORDER BY e.id) AS k
    FROM orders_executionorder e WHERE e.order_id = ANY(%(ids)s) AND e.status = ANY(%(live)s)
), child AS MATERIALIZED (
    SELECT v.id, v.order_id, v.execution_order_id, v.venue_id, v.version, v.cancels_sent,
           CASE v.cl_ord_id WHEN '' THEN v.id ELSE v.cl_ord_id END AS orig_id,
           'vc_' || %(run)s || lpad(upper(to_hex(row_number() OVER (ORDER BY v.id))), 10, '0')
               AS cancel_id
    FROM orders_venueorder v
    WHERE v.order_id = ANY(%(ids)s) AND v.status = ANY(%(working)s)
), parts AS MATERIALIZED (
    SELECT order_id, count(*) AS n FROM live GROUP BY order_id
), moved_children AS (
    UPDATE orders_venueorder v
    SET pending = %(cancel)s, cancel_cl_ord_id = c.cancel_id, version = c.version + 1,
        cancels_sent = c.cancels_sent + 1
    FROM child c WHERE v.id = c.id
), moved_parts AS (
    UPDATE orders_executionorder e SET pending = %(cancel)s, version = l.version + 1
    FROM live l WHERE e.id = l.id
), moved_orders AS (
    UPDATE orders_order o
    SET pending = %(cancel)s, cancel_requested_at = %(at)s, version = a.version + 1 + p.n
    FROM asked a JOIN parts p ON p.order_id = a.id WHERE o.id = a.id
), sent AS (
    INSERT INTO venues_outbound (venue_id, cl_ord_id, kind, body, created_at, sends)
    SELECT c.venue_id, c.cancel_id, 'F', format(CASE a.side WHEN 'buy' THEN %(buy)s
           WHEN 'short' THEN %(short)s WHEN 'exempt' THEN %(exempt)s ELSE %(sell)s END,
           c.cancel_id, c.orig_id, a.cusip), %(at)s, 0
    FROM child c JOIN asked a ON a.id = c.order_id ORDER BY c.id
), moves AS (
    SELECT execution_order_id, string_agg(format(%(child)s, id, cancel_id, version + 1,
           cancels_sent + 1), ',' ORDER BY id) AS children
    FROM child GROUP BY execution_order_id
), told AS (
    SELECT a.id AS order_id, 0 AS k, 'cr_' || %(run)s || lpad(upper(to_hex(a.n)), 10, '0') AS name,
           %(system)s AS msg_type, 'cancel_request' AS event_type, a.organization_id,
           a.version + 1 AS seq, a.client_order_id, '' AS part, NULL AS client_part,
           format(%(order)s, a.id, a.version + 1) AS changes
    FROM asked a
    UNION ALL
    SELECT a.id, l.k, '', %(internal)s, 'venue_cancel_request', a.organization_id,
           a.version + 1 + l.k, a.client_order_id, l.id, l.client_execution_order_id,
           format(%(part)s, a.id, a.version + 1 + l.k, l.id, l.version + 1, m.children)
    FROM live l JOIN asked a ON a.id = l.order_id JOIN moves m ON m.execution_order_id = l.id
), numbered AS (
    SELECT t.*, 'evt_' || %(run)s || lpad(upper(to_hex(row_number() OVER (ORDER BY order_id, k))),
           10, '0') AS event_id
    FROM told t
), written AS (
    INSERT INTO journal_event (event_id, organization_id, msg_type, event_type, subject, seq,
        order_id, at, recorded_at, actor, correlation_id, body, changes)
    SELECT event_id, organization_id, msg_type, event_type, order_id, seq, order_id, %(at)s,
           %(recorded_at)s, %(actor)s, %(correlation)s,
           format(CASE k WHEN 0 THEN %(asks)s ELSE %(sends)s END, order_id,
                  coalesce(to_json(client_order_id)::text, 'null'), event_id, name, part,
                  coalesce(to_json(client_part)::text, 'null')), changes
    FROM numbered ORDER BY order_id, k
)
SELECT id, 'cr_' || %(run)s || lpad(upper(to_hex(n)), 10, '0') FROM asked
"""


def ask(
    work: Unit,
    order_ids: Sequence[str],
    *,
    at: datetime,
    left: Callable[[Sequence[str]], None] = lambda _: None,
) -> dict[str, str]:
    """Ask what is plain among these orders to stop. Returns the cancel id of each that was asked.

    The unit must not hold any of them. Orders that somebody else has locked are left alone; when
    none is plain, none stays locked. `left` hears at once which ones are not asked.
    """
    with transaction.atomic():
        plain = _plain(order_ids)
        if others := sorted(set(order_ids).difference(plain)):
            left(others)
        if not plain:
            transaction.set_rollback(True)
            return {}
    # The first 16 characters of a ULID, then a count: they sort by time and are nobody else's.
    named = {"ids": plain, "run": ids.ulid()[:16], "at": at, "recorded_at": clock.now()}
    work.knock(transmission.CHANNEL)
    return dict(work.at_once(_ASK, {**named, **_facts(), **_texts(work, at)}))


def _plain(order_ids: Sequence[str]) -> list[str]:
    """Those of the plain shape, locked."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"ids": list(order_ids), **_facts()})
        locked = [key for (key,) in cursor.fetchall()]
        cursor.execute(_PLAIN, {"ids": locked, **_facts()})
        return [key for (key,) in cursor.fetchall()]


def _facts() -> dict[str, Any]:
    """From which states a request may be made: the tables of the transitions."""
    return {
        "open": sorted(ORDER_STEPS["request_cancel"][0]),
        "live": sorted(EXECUTION_STEPS["request_cancel"][0]),
        "working": sorted(VENUE_STEPS["request_cancel"][0]),
        "cancel": Pending.CANCEL.value,
        "system": MsgType.SYSTEM_UPDATE.value,
        "internal": MsgType.INTERNAL.value,
    }


def _texts(work: Unit, at: datetime) -> dict[str, str]:
    """What the rows say, as texts in which PostgreSQL fills in names and numbers."""
    order = {"pending": "cancel", "cancel_requested_at": at, "version": "#2"}
    part = [
        ["orders_order", "$1", {"version": "#2"}],
        ["orders_executionorder", "$3", {"pending": "cancel", "version": "#4"}],
        "#5",
    ]
    child = {"cancels_sent": "#4", "pending": "cancel", "cancel_cl_ord_id": "$2", "version": "#3"}
    named = {"order_id": "$1", "client_order_id": "#2"}
    parts = {**named, "execution_order_id": "$5", "client_execution_order_id": "#6"}
    return {
        "actor": work.by.name,
        "correlation": work.by.correlation_id,
        "order": _template([["orders_order", "$1", order]]),
        "part": _template(part),
        "child": _template(["orders_venueorder", "$1", child]),
        "asks": _frame(
            work,
            MsgType.SYSTEM_UPDATE,
            "cancel_request",
            at,
            {**named, "cancel_request_id": "$4"},
        ),
        "sends": _frame(
            work, MsgType.INTERNAL, "venue_cancel_request", at, {**parts, "pending": "cancel"}
        ),
        "buy": _message("1", at),
        "sell": _message("2", at),
        "short": _message("2", at, sides.SHORT),
        "exempt": _message("2", at, sides.EXEMPT),
    }


def _frame(
    work: Unit, msg_type: MsgType, event_type: str, at: datetime, body: dict[str, Any]
) -> str:
    event = {"event_type": event_type, "time": at, **body}
    frame = {"msg_type": msg_type.value, "event": event, "event_id": "$3"}
    return _template({**frame, "update_id": work.update_id})


def _message(side: messages.Side, at: datetime, short_sale: str | None = None) -> str:
    request = messages.CancelRequest(
        cl_ord_id="$1",
        orig_cl_ord_id="$2",
        security_id="$3",
        side=side,
        transact_time=at,
        short_sale=sides.WIRE[short_sale],
    )
    return _template(msgspec.Raw(messages.encode(request)))


def _template(value: Any) -> str:
    """JSON for SQL's format(): `"$n"` becomes text number n inside its quotes, `"#n"` bare."""
    text = statements.encode(value).replace("%", "%%")
    for n in range(1, 7):
        text = text.replace(f'"#{n}"', f"%{n}$s").replace(f'"${n}"', f'"%{n}$s"')
    return text
