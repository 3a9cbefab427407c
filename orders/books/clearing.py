"""Clearing: what asks for it is told once to each party, as the party's own journal has it.

Reads the simulated parties' journals, which that process alone writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from allocations.clearing_states import ClearingStatus
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
    abs(e.principal) + abs(e.accrued_interest), e.exec_id, e.trade_date, e.settlement_date, o.side,
    e.bypass_street_side_leg)
    IS DISTINCT FROM (r.order_id, r.qty, r.price, r.principal, r.accrued_interest, r.net_money,
    r.exec_id, r.trade_date, r.settlement_date, r.side, false)
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
_REPORTED = """
SELECT r.id, r.status, r.trans_type, coalesce(r.refers_to_id, ''), r.ref, r.member, r.exec_id,
    i.cusip, CASE r.side WHEN 'buy' THEN '1' ELSE '2' END, r.qty, r.price, r.net_money,
    r.trade_date, r.settlement_date
FROM allocations_clearingreport r JOIN orders_order o ON o.id = r.order_id
JOIN venues_instrument i ON i.id = r.instrument_id
WHERE {scope} AND r.party_id = %(party)s
"""
_NAMES = (
    *("member", "exec_id", "cusip", "side", "qty", "price", "net_money"),
    *("trade_date", "settlement_date"),
)


class _Ours(NamedTuple):
    """A report as we have it: the terms in the order of `_NAMES`."""

    status: str
    trans_type: str
    refers_to: str
    ref: str
    terms: tuple[Any, ...]


def _outside(run: Run) -> Tally:
    tally, directory = Tally(), run.journals()
    known = [key for (key,) in rows(run, "SELECT id FROM allocations_clearingparty ORDER BY 1")]
    parties = [key for key in known if clearing.path_of(directory, key).exists()]
    if not parties:
        raise NotChecked("no clearing party has left a journal")
    for party in parties:
        # What was taken after this run began is left for the next one.
        lines = [
            line
            for line in clearing.lines(directory, party)
            if line.at is None or line.at <= run.machine_at
        ]
        found = stream(run, _REPORTED, party=party)
        ours = {row[0]: _Ours(row[1], row[2], row[3], row[4], tuple(row[5:])) for row in found}
        tally.looked_at += len(ours)
        for key, fault in [*_faults(ours, lines, run), *_standing(ours, lines)]:
            tally.differs(key, f"{party}: {fault}")
    return tally


def _faults(
    ours: dict[str, _Ours], lines: Sequence[clearing.Line], run: Run
) -> Iterator[tuple[str, str]]:
    """Each of our reports, and each of their lines, that the other side has otherwise."""
    there: dict[str, clearing.Line] = {}
    for line in lines:
        if line.key in there:
            yield line.key, "has it twice"
        there[line.key] = line
    for key, mine in ours.items():
        taken = there.pop(key, None)
        if taken is not None and (fault := _fault(mine, taken)):
            yield key, fault
        elif taken is None and mine.status == ClearingStatus.ACCEPTED:
            yield key, "does not have it"
    for key in there if run.is_whole else ():
        yield key, "has it, and it is no report of ours"


def _fault(mine: _Ours, line: clearing.Line) -> str:
    """What is wrong between a report and the party's own line; empty when they agree."""
    if mine.status in (ClearingStatus.REJECTED, ClearingStatus.DROPPED):
        return f"{mine.status} here, taken there as {line.ref}"
    wrong = [
        f"{name} {here} here, {theirs} there"
        for name, here in zip(_NAMES, mine.terms, strict=True)
        if (theirs := getattr(line.report, name)) != here
    ]
    # Nobody has heard the reference of what is still asked for.
    if mine.status == ClearingStatus.ACCEPTED and mine.ref != line.ref:
        wrong.append(f"ref {mine.ref} here, {line.ref} there")
    return "; ".join(wrong)


def _standing(ours: dict[str, _Ours], lines: Sequence[clearing.Line]) -> Iterator[tuple[str, str]]:
    """Trades that stand at the party more than once, or though they were taken back."""
    stands: dict[str, None] = {}
    for line in lines:
        if line.report.trans_type != "0":
            stands.pop(line.report.refers_to, None)
        if line.report.trans_type != "1":
            stands[line.key] = None
    trades: dict[str, list[str]] = {}
    for key in stands:
        if key in ours:
            trades.setdefault(_first(ours, key), []).append(key)
    busted = {
        _first(ours, key)
        for key, mine in ours.items()
        if mine.trans_type == "cancel" and mine.status != ClearingStatus.PENDING
    }
    for first, keys in trades.items():
        if first in busted:
            yield first, f"{', '.join(keys)} stands there, and was taken back"
        elif len(keys) > 1:
            yield first, f"{', '.join(keys)} all stand there for one trade"


def _first(ours: dict[str, _Ours], key: str) -> str:
    """The report that told of a trade first."""
    for _ in ours:
        if ours[key].refers_to not in ours:
            break
        key = ours[key].refers_to
    return key


CHECKS = (
    check(
        "cleared_trades_are_their_executions",
        "Every report to a clearing party has the terms of its execution, and what took a reported"
        " trade back was reported to the same party.",
        Question(_REPORTS, _TERMS),
    ),
    Check(
        "clearing_parties_agree",
        "What a party has accepted, and nothing else of ours, is in its own journal once, with the"
        " same terms; each trade stands there at most once, and not after it was taken back.",
        _outside,
    ),
)
