"""What outsiders are told of what is booked: each thing once, in the books' own numbers.

Custodians hear of what moves without a trade, confirmations are withdrawn with their legs, and
portfolio systems hear of positions. What the parties themselves have is compared in `heard`.
"""

from __future__ import annotations

from orders.books.statements import Question, check

# Corrections are not told: they bring our books to what the custodian has.
_KINDS = (
    "('deposit', 'withdrawal', 'transfer', 'coupon', 'dividend', 'redemption', 'call', 'split',"
    " 'fx_buy', 'fx_sell', 'fee')"
)
# What moves between parts of one account moves nothing at its custodian.
_IS_TOLD = f"""m.kind IN {_KINDS} AND NOT (m.kind = 'transfer' AND EXISTS (
    SELECT 1 FROM allocations_movement s JOIN allocations_account b ON b.id = s.account_id
    WHERE s.source_id = m.source_id AND s.kind = m.kind AND s.account_id <> m.account_id
        AND coalesce(b.sleeve_of_id, b.id) = coalesce(a.sleeve_of_id, a.id)))"""
_MOVED = f"""
SELECT count(*) FROM allocations_movement m JOIN allocations_account a ON a.id = m.account_id
WHERE {{organization:m}} AND {_IS_TOLD}
"""
_NOTICES = f"""
SELECT m.id, format('%%s of %%s, with %%s notices', m.kind, m.account_id, count(n.movement_id))
FROM allocations_movement m JOIN allocations_account a ON a.id = m.account_id
LEFT JOIN allocations_movementnotice n ON n.movement_id = m.id
WHERE {{organization:m}} AND {_IS_TOLD}
GROUP BY m.id, m.kind, m.account_id HAVING count(n.movement_id) <> 1
UNION ALL
SELECT n.movement_id, format('told to %%s, and nothing of the kind has moved', n.custodian_id)
FROM allocations_movementnotice n WHERE {{organization:n}} AND NOT EXISTS (
    SELECT 1 FROM allocations_movement m JOIN allocations_account a ON a.id = m.account_id
    WHERE m.id = n.movement_id AND m.organization_id = n.organization_id AND {_IS_TOLD})
UNION ALL
SELECT n.movement_id, format('answered %%L and %%L', n.ref, n.code)
FROM allocations_movementnotice n WHERE {{organization:n}} AND CASE WHEN n.due_at IS NULL
    THEN (n.ref = '') = (n.code = '') ELSE n.ref <> '' END
"""

# --- what was taken back ---------------------------------------------------------------------
_MIRRORED = """
FROM allocations_bookingleg l
JOIN allocations_bookingleg b ON b.reverses_id = l.id AND b.status <> 'canceled'
JOIN allocations_allocation a ON a.id = l.allocation_id JOIN orders_order o ON o.id = a.order_id
"""
# What a leg asks for is done by a queue: what still waits there is on its way.
_IS_DONE = """NOT EXISTS (SELECT 1 FROM allocations_settlementdue d
    WHERE d.leg_id IN (l.id, b.id) AND d.due_at > %(old)s)"""
_TAKEN_BACK = f"""
SELECT c.id, format('%%s, and %%s has taken its leg back', c.status, b.id) {_MIRRORED}
JOIN allocations_tradeconfirm c ON c.leg_id = l.id AND c.status <> 'canceled'
WHERE {{scope}} AND {_IS_DONE}
UNION ALL
SELECT i.id, format('%%s, asking %%L, and %%s has taken its leg back', i.status, i.ask, b.id)
{_MIRRORED}
JOIN allocations_settlementinstruction i ON i.leg_id = l.id AND i.closed_at IS NULL
WHERE {{scope}} AND i.ask <> 'cancel' AND {_IS_DONE}
UNION ALL
SELECT c.id, format('stands at %%s, and nothing of it has changed hands', c.service_id) {_MIRRORED}
JOIN allocations_tradeconfirm c ON c.leg_id = l.id AND c.status = 'canceled'
WHERE {{scope}} AND b.status = 'booked' AND c.service_id IS NOT NULL AND c.ask <> 'withdraw'
    AND c.code NOT IN ('withdrawn', 'not_told') AND {_IS_DONE}
    AND NOT EXISTS (SELECT 1 FROM allocations_settlementinstruction i
        WHERE i.leg_id = l.id AND (i.closed_at IS NULL OR i.settled_qty > 0))
UNION ALL
SELECT b.id, format('%%s for %%s had changed hands, and %%s for %%s is to go back', had.qty,
    had.money, back.qty, back.money) {_MIRRORED}
CROSS JOIN LATERAL (
    SELECT coalesce(sum(i.settled_qty), 0) qty, coalesce(sum(i.settled_money), 0) money,
        coalesce(bool_or(i.closed_at IS NULL), false) is_open
    FROM allocations_settlementinstruction i WHERE i.leg_id = l.id) had
CROSS JOIN LATERAL (
    SELECT coalesce(sum(i.qty), 0) qty, coalesce(sum(i.net_money), 0) money, count(c.id) confirms
    FROM allocations_settlementinstruction i
    LEFT JOIN allocations_tradeconfirm c ON c.id = i.confirm_id AND c.status <> 'canceled'
    WHERE i.leg_id = b.id AND i.status <> 'canceled') back
WHERE {{scope}} AND b.status = 'booked' AND NOT had.is_open AND {_IS_DONE}
    AND ((had.qty, had.money) IS DISTINCT FROM (back.qty, back.money)
        OR back.confirms <> CASE WHEN had.qty > 0 THEN 1 ELSE 0 END)
UNION ALL
SELECT c.id, format('%%s, and its leg is %%s', c.status, l.status)
FROM allocations_tradeconfirm c JOIN allocations_bookingleg l ON l.id = c.leg_id
JOIN orders_order o ON o.id = c.order_id
WHERE {{scope}} AND c.status <> 'canceled' AND l.status <> 'booked'
"""
_CONFIRMS = """
SELECT count(*) FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
WHERE {scope}
"""

# --- the street ------------------------------------------------------------------------------
# Who clears what is a setting without a history: where nobody has changed it by hand, whoever was
# told of trades before and after one was to be told of that one too.
_STREET = """
SELECT x.id, format('not told to %%s, as what came before and after it', w.party_id)
FROM orders_execution x JOIN orders_order o ON o.id = x.order_id
JOIN venues_instrument i ON i.id = o.instrument_id
JOIN (SELECT r.organization_id, j.asset_class, r.party_id, min(r.created_at) began,
        max(r.created_at) ended
    FROM allocations_clearingreport r JOIN venues_instrument j ON j.id = r.instrument_id
    WHERE r.trans_type = 'new' GROUP BY 1, 2, 3) w
    ON w.organization_id = o.organization_id AND w.asset_class = i.asset_class
    AND x.received_at BETWEEN w.began AND w.ended
LEFT JOIN venues_venue v ON v.id = x.source
WHERE {scope} AND x.kind = 'trade' AND NOT x.bypass_street_side_leg
    AND v.gateway IS DISTINCT FROM 'internal'
    AND NOT EXISTS (SELECT 1 FROM allocations_clearingreport r
        WHERE r.execution_id = x.id AND r.party_id = w.party_id)
    AND NOT EXISTS (SELECT 1 FROM allocations_clearingdue d WHERE d.execution_id = x.id)
    AND NOT EXISTS (SELECT 1 FROM django_admin_log g
        JOIN django_content_type t ON t.id = g.content_type_id
        WHERE t.app_label = 'allocations' AND t.model IN ('clearingarrangement', 'clearingparty'))
"""
_TRADES = """
SELECT count(*) FROM orders_execution x JOIN orders_order o ON o.id = x.order_id
WHERE {scope} AND x.kind = 'trade' AND NOT x.bypass_street_side_leg
"""

# --- portfolio systems -----------------------------------------------------------------------
_FED = """
SELECT count(*) FROM allocations_feeddelivery d
JOIN allocations_feedendpoint e ON e.id = d.endpoint_id WHERE {organization:e}
"""
_DELIVERIES = """
SELECT d.id::text, format('tells %%s of %%s otherwise than it moved', e.id, d.movement_id)
FROM allocations_feeddelivery d JOIN allocations_feedendpoint e ON e.id = d.endpoint_id
LEFT JOIN allocations_movement m ON m.id = d.movement_id
CROSS JOIN LATERAL (SELECT CASE WHEN d.body <> '' THEN d.body::jsonb END AS said) t
WHERE {organization:e} AND ((m.organization_id, m.account_id, m.instrument_id IS NULL)
        IS DISTINCT FROM (e.organization_id, d.account_id, false)
    OR t.said IS NOT NULL AND (t.said #>> '{change,movement_id}', t.said ->> 'account_id',
        (t.said ->> 'sequence')::bigint, (t.said #>> '{change,amount}')::numeric,
        (t.said #>> '{change,principal}')::numeric, (t.said #>> '{change,cash}')::numeric,
        (t.said #>> '{position,amount}')::numeric, (t.said #>> '{position,cost}')::numeric)
    IS DISTINCT FROM (m.id, m.account_id, m.sequence, m.qty, m.principal, m.cash, m.qty_after,
        m.cost_after))
UNION ALL
SELECT m.id, format('a position moved, and %%s has nothing to tell of it', e.id)
FROM allocations_feedendpoint e
JOIN allocations_movement m ON m.organization_id = e.organization_id
    AND m.at > e.created_at + interval '1 minute' AND substr(m.id, 4) > substr(e.id, 4)
JOIN allocations_account a ON a.id = m.account_id
WHERE {organization:e} AND m.instrument_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM allocations_feeddelivery d
        WHERE d.endpoint_id = e.id AND d.movement_id = m.id)
    AND NOT EXISTS (SELECT 1 FROM journal_event p WHERE p.subject = e.id
        AND p.event_type = 'feed_pause' AND p.at < m.at + interval '1 minute')
"""

CHECKS = (
    check(
        "notices_are_what_moved",
        "Whatever moved a client's account without a trade has exactly one notice to its custodian,"
        " and nothing else has one.",
        Question(_MOVED, _NOTICES),
    ),
    check(
        "taken_back_is_withdrawn",
        "What was taken back has no live confirmation, and no open instruction or standing trade at"
        " a service but with its withdrawal; exactly what had changed hands goes back.",
        Question(_CONFIRMS, _TAKEN_BACK),
    ),
    check(
        "trades_are_reported_for_clearing",
        "Every trade was reported to each party that was told of trades of its kind before and"
        " after it.",
        Question(_TRADES, _STREET),
    ),
    check(
        "deliveries_are_what_moved",
        "Every delivery to a portfolio system says what its movement says, and every change of a"
        " client's position since an address was registered, until it was paused, has one.",
        Question(_FED, _DELIVERIES),
    ),
)
