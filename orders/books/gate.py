"""The gate: nothing went to market without clearance, and nobody cleared their own order."""

from __future__ import annotations

from orders.books.statements import Question, check

# Older is a matter of the journal, not of clocks: an order's events are numbered under its lock,
# and an execution order's messages are written together with the event that it was created.
_UNCLEARED = """
SELECT t.id, CASE
    WHEN (s.subject, s.subject_version) IS DISTINCT FROM (t.order_id, t.order_version)
        THEN format('of order %%s, but screening %%s is of %%s', t.order_id, s.id, s.subject)
    WHEN s.outcome IS DISTINCT FROM t.screening_outcome OR s.outcome NOT IN ('passed', 'flagged')
        THEN format('screening %%s was %%s', s.id, s.outcome)
    ELSE format('flagged, and no approved review of it: %%s %%s', r.id, r.status) END
FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN controls_screening s ON s.id = t.screening_id
LEFT JOIN controls_review r ON r.id = t.review_id
WHERE {scope} AND ((s.subject, s.subject_version, s.outcome)
        IS DISTINCT FROM (t.order_id, t.order_version, t.screening_outcome)
    OR s.outcome NOT IN ('passed', 'flagged')
    OR s.outcome = 'flagged' AND (r.id IS NULL OR r.status <> 'approved'
        OR r.screening_id <> s.id OR r.subject <> t.order_id))
UNION ALL
SELECT o.id, format('worked by its event %%s, cleared by its event %%s', w.first, a.seq)
FROM orders_order o
JOIN (SELECT subject, min(seq) AS first FROM journal_event
    WHERE event_type = 'execution_order_create' GROUP BY subject) w ON w.subject = o.id
LEFT JOIN journal_event a ON a.subject = o.id AND a.event_type = 'approve'
WHERE {scope} AND (a.seq IS NULL OR a.seq > w.first)
"""
_SELF_DECIDED = """
SELECT r.id, format('maker %%s, order submitted by %%s, decided by %%s',
    r.maker_id, o.submitted_by_id, r.decided_by_id)
FROM controls_review r JOIN orders_order o ON o.id = r.subject
WHERE {scope} AND (r.decided_by_id IN (r.maker_id, o.submitted_by_id)
    OR r.maker_id <> o.submitted_by_id
    OR r.status IN ('approved', 'rejected') AND r.decided_by_id IS NULL)
"""

# An override is the order's that it says, and no order passed by one that is not its own.
_MISUSED = """
SELECT v.id, format('used by %%s, which %%s', v.used_order, CASE
    WHEN o.id IS NULL THEN 'is not there'
    WHEN (o.organization_id, o.submitted_by_id) <> (v.organization_id, v.maker_id)
        THEN 'is somebody else''s'
    ELSE 'has no look that says so' END)
FROM controls_override v LEFT JOIN orders_order o ON o.id = v.used_order
WHERE {organization:v} AND v.status = 'used'
    AND (o.id IS NULL OR (o.organization_id, o.submitted_by_id) <> (v.organization_id, v.maker_id)
        OR NOT EXISTS (SELECT 1 FROM controls_screening s WHERE s.subject = o.id
            AND s.results @> jsonb_build_array(jsonb_build_array('overridden', v.id))))
UNION ALL
SELECT o.id, format('passed by %%s, which is not its own', r ->> 4)
FROM orders_order o JOIN controls_screening s ON s.id = o.screening_id
CROSS JOIN LATERAL jsonb_array_elements(s.results) AS r
WHERE {scope} AND s.results @> '[["overridden"]]' AND s.outcome <> 'rejected'
    AND r ->> 2 = 'overridden' AND NOT EXISTS (SELECT 1 FROM controls_override v
        WHERE v.id = r ->> 4 AND v.used_order = o.id AND v.status = 'used')
"""

CHECKS = (
    check(
        "nothing_went_out_uncleared",
        "Every execution order has a passed screening or an approved review of its own order, older"
        " than its first message to a venue.",
        Question(
            "SELECT count(*) FROM orders_executionorder t JOIN orders_order o ON o.id = t.order_id"
            " WHERE {scope}",
            _UNCLEARED,
        ),
    ),
    check(
        "nobody_cleared_their_own",
        "Every review was decided by somebody else than the maker of its order.",
        Question(
            "SELECT count(*) FROM controls_review r JOIN orders_order o ON o.id = r.subject"
            " WHERE {scope}",
            _SELF_DECIDED,
        ),
    ),
    check(
        "overrides_were_used_once",
        "Every used override let one order of its own trader pass, and no order passed by another.",
        Question(
            "SELECT count(*) FROM controls_override v WHERE {organization:v} AND v.status = 'used'",
            _MISUSED,
        ),
    ),
)
