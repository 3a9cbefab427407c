"""Holdings: positions, lots and cash are the fold of their movements, and those of what happened.

Executions, legs and transactions each have their movements once, with the same numbers, in the
right account; no movement is without one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

from allocations.holdings import costing
from allocations.holdings.costing import Move, Picks, State
from orders.books.statements import Question, check, rows, stream
from orders.books.verdicts import Check, Run, Tally

_POSITIONS = "SELECT count(*) FROM allocations_position p WHERE {organization:p}"
_MOVEMENTS = "SELECT count(*) FROM allocations_movement m WHERE {organization:m}"
_IS_SUSPENSE = "p.account_id LIKE 'suspense:%%'"

# --- positions and cash ----------------------------------------------------------------------
_POSITION_SUMS = """
SELECT p.id, format('qty %%s, accrued %%s, fees %%s after %%s; its movements sum to %%s, %%s, %%s'
    ' after %%s', p.qty, p.accrued_interest, p.fees, p.sequence, m.qty, m.accrued, m.fees, m.n)
FROM allocations_position p LEFT JOIN (
    SELECT account_id, instrument_id, sum(qty) qty, sum(accrued_interest) accrued, sum(fees) fees,
        count(*) n FROM allocations_movement WHERE instrument_id IS NOT NULL
    GROUP BY account_id, instrument_id) m
    ON m.account_id = p.account_id AND m.instrument_id = p.instrument_id
WHERE {organization:p} AND (p.qty, p.accrued_interest, p.fees, p.sequence)
    IS DISTINCT FROM (m.qty, m.accrued, m.fees, m.n)
UNION ALL
SELECT m.id, 'a movement of a position that does not exist'
FROM allocations_movement m WHERE {organization:m} AND m.instrument_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM allocations_position p
        WHERE p.account_id = m.account_id AND p.instrument_id = m.instrument_id)
"""
_RUNNING = """
SELECT r.id, format('number %%s leaves %%s; %%s comes before it and leaves %%s, it moves %%s',
    r.sequence, r.qty_after, r.before, r.qty_before, r.qty)
FROM (SELECT m.id, m.sequence, m.qty, m.qty_after, m.at, lag(m.at) OVER w at_before,
        coalesce(lag(m.sequence) OVER w, 0) before, coalesce(lag(m.qty_after) OVER w, 0) qty_before
    FROM allocations_movement m WHERE {organization:m} AND m.instrument_id IS NOT NULL
    WINDOW w AS (PARTITION BY m.account_id, m.instrument_id ORDER BY m.sequence)) r
WHERE r.sequence <> r.before + 1 OR r.qty_after IS DISTINCT FROM r.qty_before + r.qty
    OR r.at < r.at_before
"""
_CASH_SUMS = """
SELECT b.id, format('%%s after %%s; its movements sum to %%s after %%s', b.amount, b.sequence,
    m.cash, m.n)
FROM allocations_cashbalance b LEFT JOIN (
    SELECT account_id, currency, sum(cash) cash, count(*) n FROM allocations_movement
    WHERE cash <> 0 GROUP BY account_id, currency) m
    ON m.account_id = b.account_id AND m.currency = b.currency
WHERE {organization:b} AND (b.amount, b.sequence) IS DISTINCT FROM (m.cash, m.n)
UNION ALL
SELECT m.id, 'moves cash of a balance that does not exist' FROM allocations_movement m
WHERE {organization:m} AND m.cash <> 0 AND NOT EXISTS (SELECT 1 FROM allocations_cashbalance b
    WHERE b.account_id = m.account_id AND b.currency = m.currency)
"""
_CASH_RUNNING = """
SELECT r.id, format('number %%s leaves %%s; %%s was there, it moves %%s', r.cash_sequence,
    r.cash_after, r.cash_before, r.cash)
FROM (SELECT m.id, m.cash_sequence, m.cash, m.cash_after,
        coalesce(lag(m.cash_sequence) OVER w, 0) before,
        coalesce(lag(m.cash_after) OVER w, 0) cash_before
    FROM allocations_movement m WHERE {organization:m} AND m.cash <> 0
    WINDOW w AS (PARTITION BY m.account_id, m.currency ORDER BY m.cash_sequence)) r
WHERE r.cash_sequence IS DISTINCT FROM r.before + 1
    OR r.cash_after IS DISTINCT FROM r.cash_before + r.cash
"""

# --- what happened ---------------------------------------------------------------------------
_SIGN = "CASE o.side WHEN 'buy' THEN 1 ELSE -1 END"
_OF_EXECUTION = f"""
    SELECT x.id, coalesce(o.account_id, 'suspense:' || o.organization_id) account_id,
        o.instrument_id, {_SIGN} * x.qty qty, {_SIGN} * x.principal principal,
        {_SIGN} * x.accrued_interest accrued, x.fees
    FROM orders_execution x JOIN orders_order o ON o.id = x.order_id WHERE {{scope}}
"""
_EXECUTIONS = f"""
SELECT e.id, CASE WHEN m.id IS NULL THEN format('no movement of %%s in %%s', e.qty, e.account_id)
    ELSE format('%%s, %%s, %%s, %%s in %%s; its movement %%s, %%s, %%s, %%s in %%s', e.qty,
        e.principal, e.accrued, e.fees, e.account_id, m.qty, m.principal, m.accrued_interest,
        m.fees, m.account_id) END
FROM ({_OF_EXECUTION}) e LEFT JOIN allocations_movement m ON m.source_id = e.id
    AND m.kind NOT IN ('fx_buy', 'fx_sell', 'split')
WHERE (m.account_id, m.instrument_id, m.qty, m.principal, m.accrued_interest, m.fees, m.cash,
        m.consideration)
    IS DISTINCT FROM (e.account_id, e.instrument_id, e.qty, e.principal, e.accrued, e.fees,
        -(e.principal + e.accrued + e.fees), e.principal + e.fees)
"""
_TAKER = "coalesce(l.booked_account_id, c.account_id)"
_LEGS = f"""
SELECT s.id, format('gives %%s for %%s to %%s; its movements there are %%s for %%s', s.qty,
    s.principal, s.taker, s.moved, s.moved_principal)
FROM (SELECT l.id, {_TAKER} taker, w.factor * l.qty qty, w.factor * l.principal principal,
        coalesce(sum(m.qty), 0) moved, coalesce(sum(m.principal), 0) moved_principal
    FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
    JOIN allocations_accountallocation c ON c.id = l.account_allocation_id
    JOIN orders_order o ON o.id = a.order_id
    CROSS JOIN LATERAL (SELECT CASE WHEN l.status = 'canceled' OR EXISTS (SELECT 1
            FROM allocations_bookingleg r WHERE r.reverses_id = l.id) THEN 0
        WHEN a.side = 'buy' THEN 1 ELSE -1 END factor) w
    LEFT JOIN allocations_movement m ON m.source_id = l.id AND m.account_id = {_TAKER}
        AND m.kind <> 'split'
    WHERE {{scope}} AND l.reverses_id IS NULL
        AND (NOT a.implicit OR {_TAKER} <> c.account_id)
    GROUP BY l.id, c.account_id, w.factor) s
WHERE s.qty <> s.moved OR s.principal <> s.moved_principal
"""
_TWO_SIDES = """
SELECT m.source_id, format('its sides leave %%s for %%s and cash %%s', sum(m.qty),
    sum(m.consideration), sum(m.cash))
FROM allocations_movement m
WHERE {organization:m} AND m.kind IN ('allocation', 'reversal', 'transfer')
GROUP BY m.source_id HAVING sum(m.qty) <> 0 OR sum(m.consideration) <> 0 OR sum(m.cash) <> 0
"""
_SOURCES = """
SELECT m.id, format('%%s %%s does not exist', m.kind, m.source_id)
FROM allocations_movement m
WHERE {organization:m}
    AND NOT EXISTS (SELECT 1 FROM orders_execution x WHERE x.id = m.source_id)
    AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg l WHERE l.id = m.source_id)
    AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg l WHERE l.id || '~' = m.source_id)
    AND NOT EXISTS (SELECT 1 FROM allocations_transaction t
        WHERE t.id = m.source_id AND t.decision = 'applied')
    AND NOT EXISTS (SELECT 1 FROM allocations_corporateaction c
        WHERE c.id = m.source_id AND c.status = 'applied' AND c.instrument_id = m.instrument_id)
"""
# Both sides of a change of currency name one rate, and what leaves comes at that rate, to a cent.
_CURRENCY_LEGS = """
SELECT f.source_id, format('%%s legs in %%s currencies at %%s rates', count(*),
    count(DISTINCT f.currency), count(DISTINCT f.fx_rate))
FROM allocations_movement f
WHERE {organization:f} AND f.kind IN ('fx_buy', 'fx_sell')
GROUP BY f.source_id, f.account_id
HAVING count(*) > 2 OR count(DISTINCT f.currency) <> count(*) OR count(DISTINCT f.fx_rate) <> 1
    OR count(*) = 2 AND sign(min(f.cash)) = sign(max(f.cash))
"""
_TRANSACTIONS = """
SELECT t.id, format('%%s, and its movements sum to %%s', t.amount, coalesce(sum(m.cash), 0))
FROM allocations_transaction t LEFT JOIN allocations_movement m ON m.source_id = t.id
WHERE {organization:t} GROUP BY t.id, t.kind, t.amount, t.qty, t.decision
HAVING (t.decision = 'applied') <> (count(m.id) > 0)
    OR t.decision = 'applied' AND t.kind <> 'exchange' AND (
    coalesce(sum(m.cash), 0), coalesce(sum(m.qty), 0)) IS DISTINCT FROM (CASE t.kind
        WHEN 'transfer' THEN 0 WHEN 'withdrawal' THEN -t.amount ELSE t.amount END,
        CASE t.kind WHEN 'transfer' THEN 0 WHEN 'withdrawal' THEN -t.qty ELSE t.qty END)
"""

# --- lots ------------------------------------------------------------------------------------
_LOT_SUMS = f"""
SELECT p.id, format('holds %%s for %%s; its open lots are %%s for %%s', p.qty, p.cost,
    coalesce(l.qty, 0), coalesce(l.cost, 0))
FROM allocations_position p LEFT JOIN (SELECT position_id, sum(open_qty) qty, sum(open_cost) cost
    FROM allocations_taxlot GROUP BY position_id) l ON l.position_id = p.id
WHERE {{organization:p}} AND NOT {_IS_SUSPENSE}
    AND (p.qty, p.cost) IS DISTINCT FROM (coalesce(l.qty, 0), coalesce(l.cost, 0))
UNION ALL
SELECT p.id, format('suspense cost %%s; what came and went is %%s', p.cost, m.cost)
FROM allocations_position p LEFT JOIN (SELECT account_id, instrument_id, sum(consideration) cost
    FROM allocations_movement GROUP BY account_id, instrument_id) m
    ON m.account_id = p.account_id AND m.instrument_id = p.instrument_id
WHERE {{organization:p}} AND {_IS_SUSPENSE} AND p.cost IS DISTINCT FROM m.cost
"""
_MOVES = f"""
SELECT p.id, m.id, m.source_id, m.sequence, m.qty, m.consideration, m.trade_date, m.price,
    m.relief, m.reverses, m.ratio_new > 0, m.ratio_new, m.ratio_old
FROM allocations_movement m JOIN allocations_position p
    ON p.account_id = m.account_id AND p.instrument_id = m.instrument_id
WHERE {{organization:m}} AND NOT {_IS_SUSPENSE} ORDER BY p.id, m.sequence
"""
_CHOICES = "SELECT c.movement_id, c.lots FROM allocations_lotchoice c ORDER BY c.id"
_LOTS = """
SELECT l.position_id, l.id, l.qty, l.cost, l.open_qty, l.open_cost FROM allocations_taxlot l
WHERE {organization:l} AND (l.qty, l.cost, l.open_qty, l.open_cost) <> (0, 0, 0, 0)
ORDER BY l.position_id
"""
_ROWS = f"""
SELECT p.id, p.qty, p.cost, p.realized FROM allocations_position p
WHERE {{organization:p}} AND NOT {_IS_SUSPENSE} ORDER BY p.id
"""


def _folds(run: Run) -> Tally:
    """Fold every position again, one at a time, beside its row and its lots' rows."""
    tally = Tally()
    picks: dict[str, Picks] = {
        key: [(name, Decimal(qty)) for name, qty in _decoded(lots)]
        for key, lots in rows(run, _CHOICES)
    }
    moves, lots = _grouped(run, _MOVES), _grouped(run, _LOTS)
    more, lot = next(moves, None), next(lots, None)
    for key, *stands in stream(run, _ROWS):
        tally.looked_at += 1
        state = State()
        if more is not None and more[0] == key:
            state = costing.fold((_move(one) for one in more[1]), picks=picks)
            more = next(moves, None)
        if [state.qty, state.cost, state.realized] != stands:
            told = f"{state.qty} for {state.cost}, {state.realized} earned"
            tally.differs(key, f"folds to {told}; it says {' '.join(map(str, stands))}")
        stored = {}
        if lot is not None and lot[0] == key:
            stored = {one[1]: tuple(one[2:]) for one in lot[1]}
            lot = next(lots, None)
        _compare(tally, state, stored)
    return tally


def _compare(tally: Tally, state: State, stored: dict[str, tuple[Any, ...]]) -> None:
    folded = {
        one.id: (one.qty, one.cost, one.open_qty, one.open_cost) for one in state.lots.values()
    }
    for key in sorted(folded.keys() | stored.keys()):
        if folded.get(key) != stored.get(key):
            tally.differs(key, f"folds to {folded.get(key)}; it says {stored.get(key)}")


def _grouped(run: Run, sql: str) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for key, found in groupby(stream(run, sql), key=lambda row: row[0]):
        yield key, list(found)


def _move(row: tuple[Any, ...]) -> Move:
    names = ("id", "source_id", "sequence", "qty", "consideration", "trade_date", "price")
    return Move(
        **dict(zip(names, row[1:8], strict=True)),
        relief=row[8],
        reverses=row[9],
        is_split=row[10],
        ratio_new=row[11],
        ratio_old=row[12],
    )


def _decoded(lots: Any) -> list[list[str]]:
    found: list[list[str]] = json.loads(lots) if isinstance(lots, str) else lots
    return found


CHECKS = (
    check(
        "positions_are_their_movements",
        "A position is the sum of its movements, which are numbered without gaps, never go back in"
        " time, and each say what they left.",
        Question(_POSITIONS, _POSITION_SUMS),
        Question(_MOVEMENTS, _RUNNING),
    ),
    check(
        "cash_is_its_movements",
        "A cash balance is the sum of its movements, each of which says what it left.",
        Question(_MOVEMENTS, _CASH_SUMS),
        Question("SELECT 0", _CASH_RUNNING),
    ),
    check(
        "movements_are_what_happened",
        "Every execution, leg of a block and applied transaction has moved the right accounts once,"
        " by its own numbers, and nothing else has.",
        Question(
            "SELECT count(*) FROM orders_execution x JOIN orders_order o ON o.id = x.order_id"
            " WHERE {scope}",
            _EXECUTIONS,
        ),
        Question("SELECT 0", _LEGS),
        Question("SELECT 0", _TWO_SIDES),
        Question("SELECT 0", _TRANSACTIONS),
        Question("SELECT 0", _CURRENCY_LEGS),
        Question(_MOVEMENTS, _SOURCES),
    ),
    check(
        "lots_are_their_position",
        "The open lots of a position add up to its quantity and cost; suspense costs what came and"
        " went.",
        Question(_POSITIONS, _LOT_SUMS),
    ),
    Check(
        "lots_are_their_fold",
        "Every position's cost, profit and lots are what its movements fold to.",
        _folds,
    ),
)
