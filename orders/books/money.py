"""Prices and money: averages to the last digit, executions and bookings to the cent."""

from __future__ import annotations

from orders.books.statements import Question, ask, check, rows
from orders.books.verdicts import Check, Run, Tally

# Whole-number division is exact where division of decimals is not: half up in one rounding.
_AVERAGE = (
    "CASE WHEN o.cum_qty > 0 THEN sign(o.gross) *"
    " div(2 * abs(o.gross) * 10000000000 + o.cum_qty, 2 * o.cum_qty) * 0.0000000001 END"
)
_AVERAGES = f"""
SELECT o.id, format('avg_px %%s; %%s over %%s is %%s', o.avg_px, o.gross, o.cum_qty,
    trim_scale({_AVERAGE}))
FROM orders_order o WHERE {{scope}} AND o.avg_px IS DISTINCT FROM {_AVERAGE}
"""
_PRINCIPAL = "round(x.qty * x.price * CASE i.asset_class WHEN 'equity' THEN 1 ELSE 0.01 END, 2)"
_SIGN = "CASE {} WHEN 'buy' THEN 1 ELSE -1 END"
_EXECUTION_MONEY = f"""
SELECT x.id, format('principal %%s, accrued %%s, fees %%s, net %%s for %%s at %%s',
    x.principal, x.accrued_interest, x.fees, x.net_money, x.qty, x.price)
FROM orders_execution x JOIN orders_order o ON o.id = x.order_id
JOIN venues_instrument i ON i.id = o.instrument_id
WHERE {{scope}} AND (x.principal <> {_PRINCIPAL}
    OR x.net_money <> x.principal + x.accrued_interest + {_SIGN.format("o.side")} * x.fees)
"""
_LEG_MONEY = f"""
SELECT l.id, format('net_money %%s; principal %%s, accrued %%s, fees %%s of a %%s',
    l.net_money, l.principal, l.accrued_interest, l.fees, a.side)
FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
JOIN orders_order o ON o.id = a.order_id
WHERE {{scope}}
    AND l.net_money <> l.principal + l.accrued_interest + {_SIGN.format("a.side")} * l.fees
"""
_LEGS = """
SELECT count(*) FROM allocations_bookingleg l
JOIN allocations_allocation a ON a.id = l.allocation_id
JOIN orders_order o ON o.id = a.order_id WHERE {scope}
"""
_ALLOCATIONS = """
SELECT count(*) FROM allocations_allocation a JOIN orders_order o ON o.id = a.order_id WHERE {scope}
"""

# One row per allocation: what was executed (and of it, what is to be booked), what legs say, what
# accounts say; `settled` is false while fills wait to be split, or for a person.
_SPLITS = """
WITH done AS (
    SELECT order_id, sum(qty) qty, bool_or(qty < 0) taken_back,
        bool_or(bypass_trade_booking) outside,
        coalesce(sum(qty) FILTER (WHERE NOT bypass_trade_booking), 0) book_qty,
        coalesce(sum(principal) FILTER (WHERE NOT bypass_trade_booking), 0) principal,
        coalesce(sum(accrued_interest) FILTER (WHERE NOT bypass_trade_booking), 0) accrued,
        coalesce(sum(fees) FILTER (WHERE NOT bypass_trade_booking), 0) fees,
        (sum(qty) FILTER (WHERE bypass_trade_booking),
            sum(principal) FILTER (WHERE bypass_trade_booking),
            sum(accrued_interest) FILTER (WHERE bypass_trade_booking),
            sum(fees) FILTER (WHERE bypass_trade_booking))::text outside_done
    FROM orders_execution GROUP BY order_id
), legs AS (
    SELECT allocation_id, sum(sign * qty) qty, sum(sign * principal) principal,
        sum(sign * accrued_interest) accrued, sum(sign * fees) fees
    FROM (SELECT *, CASE WHEN reverses_id IS NULL THEN 1 ELSE -1 END AS sign
        FROM allocations_bookingleg WHERE status NOT IN ('canceled', 'elsewhere')) l
    GROUP BY allocation_id
), outside AS (
    SELECT allocation_id, sum(qty) qty, sum(principal) principal, sum(accrued_interest) accrued,
        sum(fees) fees
    FROM allocations_bookingleg WHERE status = 'elsewhere' GROUP BY allocation_id
), parts AS (
    SELECT allocation_id, sum(requested_qty) requested, sum(actual_qty) actual
    FROM allocations_accountallocation GROUP BY allocation_id
), split AS (
    SELECT a.id, a.status, a.code, a.complete, a.requested_qty, a.actual_qty,
        -- What is entered when all is over may add up to what was executed then.
        coalesce((SELECT e.requested_qty FROM allocations_posttradeentry e
            WHERE e.id = a.entry_id AND e.requested_qty IN (e.filled_qty, o.order_qty)),
            o.order_qty) order_qty,
        coalesce(d.qty, 0) qty, coalesce(d.outside, false) outside,
        coalesce(p.requested, 0) requested, coalesce(p.actual, 0) actual,
        (coalesce(d.book_qty, 0), coalesce(d.principal, 0), coalesce(d.accrued, 0),
            coalesce(d.fees, 0))::text executed,
        (coalesce(l.qty, 0.000000), coalesce(l.principal, 0), coalesce(l.accrued, 0),
            coalesce(l.fees, 0))::text booked,
        coalesce(d.book_qty, 0) - coalesce(l.qty, 0) unbooked_qty,
        coalesce(d.principal, 0) - coalesce(l.principal, 0) unbooked_principal,
        coalesce(d.accrued, 0) - coalesce(l.accrued, 0) unbooked_accrued,
        coalesce(d.fees, 0) - coalesce(l.fees, 0) unbooked_fees,
        -- Nobody is told of what was booked elsewhere; its legs say whose it is.
        w.allocation_id IS NOT NULL AND NOT coalesce(d.taken_back, false)
            AND d.outside_done <> (w.qty, w.principal, w.accrued, w.fees)::text misplaced,
        a.code <> '' AND (coalesce(d.taken_back, false) OR NOT a.complete) with_a_person,
        EXISTS (SELECT 1 FROM orders_allocationdue w WHERE w.order_id = o.id) waits
    FROM allocations_allocation a JOIN orders_order o ON o.id = a.order_id
    LEFT JOIN done d ON d.order_id = o.id LEFT JOIN legs l ON l.allocation_id = a.id
    LEFT JOIN outside w ON w.allocation_id = a.id LEFT JOIN parts p ON p.allocation_id = a.id
    WHERE {scope}
)
"""
_MISSPLIT = f"""{_SPLITS}
SELECT id, format('legs book (qty, principal, accrued, fees) %%s, executed is %%s', booked,
    executed)
FROM split WHERE NOT waits AND NOT with_a_person AND (unbooked_qty < 0 OR complete AND
    (unbooked_qty, unbooked_principal, unbooked_accrued, unbooked_fees) <> (0, 0, 0, 0))
UNION ALL
SELECT id, 'the legs of what was booked elsewhere are not what was executed there'
FROM split WHERE NOT waits AND NOT with_a_person AND complete AND misplaced
UNION ALL
SELECT id, format('requested %%s, its accounts %%s, the order %%s', requested_qty, requested,
    order_qty)
FROM split WHERE requested_qty <> requested OR requested_qty <> order_qty
UNION ALL
SELECT id, format('actual_qty %%s, its accounts %%s, executed %%s', actual_qty, actual, qty)
FROM split WHERE NOT with_a_person AND (actual_qty <> actual OR NOT waits AND actual_qty <> qty)
"""
_ACCOUNT_PARTS = """
SELECT p.id, format('actual_qty %%s; its legs book %%s', p.actual_qty, coalesce(l.qty, 0))
FROM allocations_accountallocation p
JOIN allocations_allocation a ON a.id = p.allocation_id JOIN orders_order o ON o.id = a.order_id
LEFT JOIN (SELECT account_allocation_id,
        sum(CASE WHEN reverses_id IS NULL THEN qty ELSE -qty END) qty FROM allocations_bookingleg
    WHERE status <> 'canceled' GROUP BY account_allocation_id) l ON l.account_allocation_id = p.id
WHERE {scope} AND a.complete AND p.actual_qty <> coalesce(l.qty, 0)
    AND NOT EXISTS (SELECT 1 FROM orders_allocationdue w WHERE w.order_id = o.id)
    AND NOT EXISTS (SELECT 1 FROM orders_execution x WHERE x.order_id = o.id
        AND (x.bypass_trade_booking OR x.qty < 0))
"""
_NOT_SPLIT = """
SELECT o.id, format('executed %%s for an account, and nothing splits it', o.cum_qty)
FROM orders_order o
WHERE {scope} AND o.cum_qty > 0 AND (o.account_id IS NOT NULL OR o.allocation_id IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM allocations_allocation a WHERE a.order_id = o.id)
    AND NOT EXISTS (SELECT 1 FROM orders_allocationdue w WHERE w.order_id = o.id)
UNION ALL
SELECT o.id, format('its executions wait to be split since %%s', w.due_at)
FROM orders_allocationdue w JOIN orders_order o ON o.id = w.order_id
WHERE {scope} AND w.due_at < %(old)s
UNION ALL
SELECT o.id, format('%%s, but its allocation %%s is not complete', o.status, a.id)
FROM orders_order o JOIN allocations_allocation a ON a.order_id = o.id
WHERE {scope} AND o.status IN ('filled', 'canceled', 'expired') AND o.cum_qty > 0
    AND NOT a.complete AND a.code = ''
    AND NOT EXISTS (SELECT 1 FROM orders_allocationdue w WHERE w.order_id = o.id)
"""


def _splits(run: Run) -> Tally:
    tally = ask(
        run,
        (
            Question(_ALLOCATIONS, _MISSPLIT),
            Question(_LEGS, _ACCOUNT_PARTS),
            Question("SELECT count(*) FROM orders_order o WHERE {scope}", _NOT_SPLIT),
        ),
    )
    ((waiting,),) = rows(run, f"{_SPLITS} SELECT count(*) FROM split WHERE with_a_person")
    if waiting:
        tally.notes.append(f"{waiting} allocations wait for a person and were not summed")
    return tally


CHECKS = (
    check(
        "avg_px_is_exact",
        "An order's average price is its exact quotient, rounded once, half up, at ten places.",
        Question("SELECT count(*) FROM orders_order o WHERE {scope}", _AVERAGES),
    ),
    check(
        "money_is_to_the_cent",
        "Principal is quantity times price, and net money what is paid or received, to the cent.",
        Question(
            "SELECT count(*) FROM orders_execution x JOIN orders_order o ON o.id = x.order_id"
            " WHERE {scope}",
            _EXECUTION_MONEY,
        ),
        Question(_LEGS, _LEG_MONEY),
    ),
    Check(
        "allocations_lose_nothing",
        "The bookings of a finished allocation are what was executed: quantity, principal, accrued"
        " interest and fees; its accounts got that quantity, and no execution was forgotten.",
        _splits,
    ),
)
