"""Messages: what was to be sent was sent once, what came in has a verdict, nothing is missing."""

from __future__ import annotations

from orders.books.statements import Question, ask, rows
from orders.books.verdicts import Check, Run, Tally

_SINCE = "(%(since)s::timestamptz IS NULL OR m.{} >= %(since)s::timestamptz)"
_IN, _OUT = _SINCE.format("received_at"), _SINCE.format("created_at")

_UNACCOUNTED = f"""
SELECT format('%%s %%s', m.venue_id, m.seq), format('received at %%s, no verdict', m.received_at)
FROM venues_inbound m
WHERE {_IN} AND m.received_at < %(old)s AND (m.verdict = '' OR m.applied_at IS NULL)
UNION ALL
SELECT format('%%s %%s', h.venue_id, h.seq + 1),
    format('report %%s to %%s never came', h.seq + 1, h.following - 1)
FROM (SELECT m.venue_id, m.seq, m.received_at,
        lead(m.seq) OVER (PARTITION BY m.venue_id ORDER BY m.seq) following,
        lead(m.received_at) OVER (PARTITION BY m.venue_id ORDER BY m.seq) following_at
    FROM venues_inbound m) h
WHERE h.following > h.seq + 1 AND h.following_at < %(old)s
UNION ALL
SELECT format('%%s 1', m.venue_id), format('the first report we have is %%s', min(m.seq))
FROM venues_inbound m GROUP BY m.venue_id HAVING min(m.seq) <> 1
"""
_CONNECTED = "v.status = 'active' AND v.last_heard_at >= %(old)s"
_UNSENT = f"""
SELECT format('%%s %%s', m.kind, m.cl_ord_id), format('for %%s since %%s, not sent', m.venue_id,
    m.created_at)
FROM venues_outbound m JOIN venues_venue v ON v.id = m.venue_id
WHERE {_OUT} AND m.sent_at IS NULL AND m.created_at < %(old)s AND {_CONNECTED}
"""
_WAITING = f"""
SELECT v.id, count(*) FROM venues_outbound m JOIN venues_venue v ON v.id = m.venue_id
WHERE {_OUT} AND m.sent_at IS NULL AND m.created_at < %(old)s AND NOT coalesce({_CONNECTED}, false)
GROUP BY v.id ORDER BY v.id
"""
_ONE_EACH = f"""
SELECT v.id, format('%%s NewOrder or hit messages, to %%s', count(m.id),
    string_agg(m.venue_id, ' '))
FROM orders_venueorder v JOIN orders_order o ON o.id = v.order_id
LEFT JOIN venues_outbound m ON m.cl_ord_id = v.id AND m.kind IN ('D', 'AJ1')
WHERE {{scope}} AND v.venue_id NOT IN (SELECT i.id FROM venues_venue i WHERE i.gateway = 'internal')
GROUP BY v.id, v.venue_id
HAVING count(m.id) <> 1 OR min(m.venue_id) <> v.venue_id
UNION ALL
SELECT m.cl_ord_id, 'a NewOrder or hit for no venue order' FROM venues_outbound m
WHERE {_OUT} AND m.kind IN ('D', 'AJ1')
    AND NOT EXISTS (SELECT 1 FROM orders_venueorder v WHERE v.id = m.cl_ord_id)
"""


def _outbound(run: Run) -> Tally:
    looked = f"SELECT count(*) FROM venues_outbound m WHERE {_OUT}"
    tally = ask(run, (Question(looked, _UNSENT), Question("SELECT 0", _ONE_EACH)))
    for venue_id, count in rows(run, _WAITING):
        tally.notes.append(f"{count} messages wait for {venue_id}, which is not connected")
    return tally


def _inbound(run: Run) -> Tally:
    looked = f"SELECT count(*) FROM venues_inbound m WHERE {_IN}"
    return ask(run, (Question(looked, _UNACCOUNTED),))


CHECKS = (
    Check(
        "every_report_has_a_verdict",
        "Every report from a venue older than a minute was applied or otherwise accounted for, and"
        " none is missing in between.",
        _inbound,
    ),
    Check(
        "every_message_was_sent_once",
        "Every message older than a minute for a connected venue was sent, and every venue order"
        " has exactly one NewOrder or hit.",
        _outbound,
    ),
)
