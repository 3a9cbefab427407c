"""Clearing: what asks for it is told once to each party, as the party's own journal has it.

Reads the simulated parties' journals, which that process alone writes.
"""

from __future__ import annotations

from typing import Any

from allocations.custodians.simulator import clearing
from orders.books.statements import Question, check, rows, stream
from orders.books.verdicts import Check, NotChecked, Run, Tally

_REPORTS = """
SELECT count(*) FROM allocations_clearingreport r JOIN orders_order o ON o.id = r.order_id
WHERE {scope}
"""
_TERMS = """
SELECT r.id, 'its terms are not those of its execution'
FROM allocations_clearingreport r JOIN orders_order o ON o.id = r.order_id
LEFT JOIN orders_execution e ON e.id = r.execution_id
WHERE {scope} AND (e.order_id, abs(e.qty), e.price, abs(e.principal), abs(e.accrued_interest),
    e.exec_id, e.trade_date, o.side, e.bypass_street_side_leg)
    IS DISTINCT FROM (r.order_id, r.qty, r.price, r.principal, r.accrued_interest, r.exec_id,
    r.trade_date, r.side, false)
UNION ALL
SELECT e.id, format('told to %%s, and its bust or correction is not', r.party_id)
FROM allocations_clearingreport r JOIN orders_order o ON o.id = r.order_id
JOIN orders_execution was ON was.id = r.execution_id
JOIN orders_execution e ON e.order_id = r.order_id AND e.source = was.source AND e.qty < 0
    AND was.exec_id IN (e.exec_ref_id, e.exec_ref_id || '+') AND e.sequence > was.sequence
WHERE {scope} AND NOT EXISTS (SELECT 1 FROM allocations_clearingreport f
        WHERE f.refers_to_id = r.id AND f.party_id = r.party_id)
    AND NOT EXISTS (SELECT 1 FROM orders_execution c
        WHERE c.order_id = r.order_id AND c.source = was.source AND c.sequence > was.sequence
            AND c.exec_id = was.exec_id || '+' AND was.exec_id = e.exec_ref_id)
    AND NOT EXISTS (SELECT 1 FROM allocations_clearingdue d WHERE d.execution_id = e.id)
"""
_TOLD = """
SELECT r.id, r.ref, r.exec_id, r.qty, r.price, r.net_money
FROM allocations_clearingreport r JOIN orders_order o ON o.id = r.order_id
WHERE {scope} AND r.party_id = %(party)s AND r.status = 'accepted'
"""


def _outside(run: Run) -> Tally:
    tally, directory = Tally(), run.journals()
    known = [key for (key,) in rows(run, "SELECT id FROM allocations_clearingparty ORDER BY 1")]
    parties = [key for key in known if clearing.path_of(directory, key).exists()]
    if not parties:
        raise NotChecked("no clearing party has left a journal")
    for party in parties:
        there: dict[str, clearing.Line] = {}
        for line in clearing.lines(directory, party):
            if line.key in there:
                tally.differs(line.key, f"{party} has it twice")
            there[line.key] = line
        for key, *ours in stream(run, _TOLD, party=party):
            tally.looked_at += 1
            if key not in there:
                tally.differs(key, f"{party} does not have it")
            elif fault := _fault(ours, there[key]):
                tally.differs(key, f"{party}: {fault}")
    return tally


def _fault(ours: list[Any], line: clearing.Line) -> str:
    """What is wrong between a report and the party's own line; empty when they agree."""
    report = line.report
    theirs = (line.ref, report.exec_id, report.qty, report.price, report.net_money)
    names = ("ref", "exec_id", "qty", "price", "net_money")
    wrong = [
        f"{name} {mine} here, {other} there"
        for name, mine, other in zip(names, ours, theirs, strict=True)
        if mine != other
    ]
    return "; ".join(wrong)


CHECKS = (
    check(
        "cleared_trades_are_their_executions",
        "Every report to a clearing party has the terms of its execution, and what took a reported"
        " trade back was reported to the same party.",
        Question(_REPORTS, _TERMS),
    ),
    Check(
        "clearing_parties_agree",
        "Every report that a party has accepted is in its own journal once, with the same terms.",
        _outside,
    ),
)
