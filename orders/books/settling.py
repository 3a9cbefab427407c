"""Confirming and settling: every booked leg once, and what changed hands is the custodian's word.

Reads the simulated custodians' settlement journals, which that process alone writes. What they have
told and we have not fetched yet is left for the next run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from allocations.custodians.simulator import desk
from orders.books.statements import Question, check, rows, stream
from orders.books.verdicts import Check, NotChecked, Run, Tally

# A leg stands that is booked and neither takes another back nor is taken back itself.
_ONCE = """
SELECT l.id, format('booked, with %%s live confirmations and %%s instructions',
    count(DISTINCT c.id), count(DISTINCT i.id))
FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
JOIN orders_order o ON o.id = a.order_id
LEFT JOIN allocations_tradeconfirm c ON c.leg_id = l.id AND c.status <> 'canceled'
LEFT JOIN allocations_settlementinstruction i ON i.leg_id = l.id AND i.status <> 'canceled'
WHERE {scope} AND l.status = 'booked' AND l.reverses_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg m
        WHERE m.reverses_id = l.id AND m.status <> 'canceled')
    AND NOT EXISTS (SELECT 1 FROM allocations_settlementdue d
        WHERE d.leg_id = l.id AND d.due_at > %(old)s)
GROUP BY l.id HAVING count(DISTINCT c.id) <> 1 OR count(DISTINCT i.id) <> 1
UNION ALL
SELECT c.id, 'its terms are not those of its leg'
FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
JOIN allocations_bookingleg l ON l.id = c.leg_id
WHERE {scope} AND (c.qty, c.price, c.principal, c.accrued_interest, c.fees, c.net_money,
    c.trade_date, c.settlement_date, c.custodian_id)
    IS DISTINCT FROM (l.qty, l.price, l.principal, l.accrued_interest, l.fees, l.net_money,
    l.trade_date, l.settlement_date, l.custodian_id)
"""
_LEGS = """
SELECT count(*) FROM allocations_bookingleg l
JOIN allocations_allocation a ON a.id = l.allocation_id JOIN orders_order o ON o.id = a.order_id
WHERE {scope} AND l.status = 'booked'
"""
_AGREED = """
SELECT c.id, format('%%s, and its last comparison does not match', c.status)
FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
LEFT JOIN allocations_matchverdict v ON v.id = c.verdict_id AND v.confirm_id = c.id
WHERE {scope} AND c.status IN ('matched', 'affirmed') AND v.is_match IS NOT TRUE
    AND NOT EXISTS (SELECT 1 FROM allocations_confirmadjustment j WHERE j.confirm_id = c.id
        AND j.made_by_id <> j.approved_by_id)
UNION ALL
SELECT v.id, format('says that it matches with %%s differences', jsonb_array_length(v.differences))
FROM allocations_matchverdict v JOIN allocations_tradeconfirm c ON c.id = v.confirm_id
JOIN orders_order o ON o.id = c.order_id
WHERE {scope} AND v.is_match <> (jsonb_array_length(v.differences) = 0)
UNION ALL
SELECT i.id, 'told to its custodian, and never affirmed'
FROM allocations_settlementinstruction i JOIN orders_order o ON o.id = i.order_id
JOIN allocations_tradeconfirm c ON c.id = i.confirm_id
WHERE {scope} AND i.was_sent AND c.affirmed_at IS NULL
UNION ALL
SELECT c.id, format('unmatched, and what the other side said of it is laid aside: message %%s',
    m.seq)
FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
JOIN allocations_custodianmessage m ON m.custodian_id = c.custodian_id AND m.note = c.leg_id
WHERE {scope} AND c.status = 'unmatched' AND c.service_id IS NULL
    AND m.verdict IN ('not_needed', 'unknown')
"""
_CONFIRMS = """
SELECT count(*) FROM allocations_tradeconfirm c JOIN orders_order o ON o.id = c.order_id
WHERE {scope}
"""
_HANDS = """
SELECT i.id, format('%%s, settled %%s for %%s of %%s for %%s; its facts say %%s for %%s',
    i.status, i.settled_qty, i.settled_money, i.qty, i.net_money, coalesce(f.qty, 0),
    coalesce(f.cash, 0))
FROM allocations_settlementinstruction i JOIN orders_order o ON o.id = i.order_id
LEFT JOIN (SELECT instruction_id, sum(qty) qty, sum(cash) cash FROM allocations_settlementfact
    GROUP BY instruction_id) f ON f.instruction_id = i.id
WHERE {scope} AND (
    i.settled_qty <> coalesce(f.qty, 0) * CASE i.side WHEN 'buy' THEN 1 ELSE -1 END
    OR i.settled_money <> coalesce(f.cash, 0) * CASE i.side WHEN 'buy' THEN -1 ELSE 1 END
    OR (i.status = 'settled') <> (i.settled_qty = i.qty AND i.settled_money = i.net_money))
UNION ALL
SELECT r.id, format('leaves %%s and %%s; what came before leaves %%s and %%s',
    r.qty_after, r.cash_after, r.qty_before, r.cash_before)
FROM (SELECT f.*, coalesce(lag(f.qty_after) OVER p, 0) qty_before,
        coalesce(lag(f.cash_after) OVER c, 0) cash_before,
        coalesce(lag(f.sequence) OVER p, 0) sequence_before,
        coalesce(lag(f.cash_sequence) OVER c, 0) cash_sequence_before
    FROM allocations_settlementfact f WHERE {organization:f}
    WINDOW p AS (PARTITION BY f.account_id, f.instrument_id ORDER BY f.sequence),
        c AS (PARTITION BY f.account_id, f.currency ORDER BY f.cash_sequence)) r
WHERE (r.qty_after, r.cash_after, r.sequence, r.cash_sequence) IS DISTINCT FROM
    (r.qty_before + r.qty, r.cash_before + r.cash, r.sequence_before + 1,
        r.cash_sequence_before + 1)
"""
_INSTRUCTIONS = """
SELECT count(*) FROM allocations_settlementinstruction i JOIN orders_order o ON o.id = i.order_id
WHERE {scope}
"""
_FACTS = """
SELECT f.reference, f.instruction_id, abs(f.qty), abs(f.cash), f.value_date
FROM allocations_settlementfact f JOIN orders_order o ON o.id = f.order_id
WHERE {scope} AND f.custodian_id = %(custodian)s
"""


def _custodians(run: Run) -> list[str]:
    directory = run.journals()
    found = rows(
        run,
        "SELECT id FROM allocations_custodian WHERE adapter IN ('simulated', 'files') ORDER BY 1",
    )
    named = [key for (key,) in found if desk.path_of(directory, key).exists()]
    if not named:
        raise NotChecked("no settlement desk has left a journal")
    return named


def _outside(run: Run) -> Tally:
    tally = Tally()
    for custodian in _custodians(run):
        there = desk.settled(run.journals(), custodian)
        for reference, *ours in stream(run, _FACTS, custodian=custodian):
            tally.looked_at += 1
            theirs = there.pop(reference, None)
            if theirs is None:
                tally.differs(reference, f"{custodian} has not settled it")
            elif fault := _fault(ours, theirs):
                tally.differs(reference, f"{custodian}: {fault}")
        if run.is_whole:
            _missed(run, custodian, there, tally)
    return tally


def _fault(ours: list[Any], theirs: desk.Settled) -> str:
    """What is wrong between a fact and the custodian's own line; empty when they agree."""
    names = ("instruction_id", "qty", "net_money", "value_date")
    wrong = [
        f"{name} {mine} here, {other} there"
        for name, mine in zip(names, ours, strict=True)
        if (other := getattr(theirs, name)) != mine
    ]
    return "; ".join(wrong)


def _missed(run: Run, custodian: str, there: dict[str, desk.Settled], tally: Tally) -> None:
    """What changed hands there, was told, and was not counted here."""
    ((last,),) = rows(
        run,
        "SELECT coalesce(min(seq) FILTER (WHERE applied_at IS NULL) - 1, max(seq), 0)"
        " FROM allocations_custodianmessage WHERE custodian_id = %(custodian)s",
        custodian=custodian,
    )
    for reference, one in there.items():
        if one.seq <= last:
            moved = f"{one.qty} for {one.net_money:f}" if one.net_money != Decimal(0) else one.qty
            tally.differs(reference, f"{custodian} settled {moved}, which is not counted here")


CHECKS = (
    check(
        "booked_legs_are_confirmed_once",
        "Every booked leg that stands has exactly one live confirmation with its own terms, and"
        " exactly one live settlement instruction.",
        Question(_LEGS, _ONCE),
    ),
    check(
        "what_is_affirmed_was_agreed",
        "What is affirmed matched within its policy's tolerances or was accepted by two people, and"
        " nothing was instructed that was not affirmed, and nothing that the other side said of"
        " what is unmatched was laid aside.",
        Question(_CONFIRMS, _AGREED),
    ),
    check(
        "settled_is_its_facts",
        "What instructions, positions and cash say has settled is the sum of the settlement facts.",
        Question(_INSTRUCTIONS, _HANDS),
    ),
    Check(
        "custodians_agree_on_settlements",
        "Every settlement fact is in its custodian's own journal once, with the same quantity,"
        " money and day, and everything that changed hands there is counted here.",
        _outside,
    ),
)
