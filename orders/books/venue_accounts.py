"""The venue's own account: what it says was done, left, asked and reported is what we have.

Reads the simulated venue's journals, which that process alone writes. Compared is only what we have
applied so far: a report on its way is no difference, one that stays away is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from orders import sides
from orders.books.statements import rows, stream
from orders.books.verdicts import GRACE, Check, NotChecked, Run, Tally
from venues import messages
from venues.messages import (
    ExecType,
    ExecutionReport,
    NewOrder,
    QuoteResponse,
    QuoteRespType,
    Report,
)
from venues.simulator import journal

_SIDES = {"buy": "1", "sell": "2", sides.SHORT: "5", sides.EXEMPT: "6"}
_UNKNOWN = "NONE"  # OrderID(37) of an answer about an order the venue never had


@dataclass(slots=True)
class Account:
    """What one venue's journal says about our orders, by their ClOrdIDs.

    `trades` are those that stand, by first ExecID; `last` is the latest report on each order.
    """

    venue_id: str
    applied: int
    reports: list[Report]
    trades: dict[str, tuple[str, Decimal, Decimal]] = field(default_factory=dict)
    last: dict[str, ExecutionReport] = field(default_factory=dict)
    _first: dict[str, str] = field(default_factory=dict)
    first_id: dict[str, str] = field(default_factory=dict)  # by each ClOrdID it got by a replace

    def take(self, report: Report) -> None:
        """Fold one report. FIX 4.4: a bust or correction names an ExecID in ExecRefID(19)."""
        if not isinstance(report, ExecutionReport) or report.order_id == _UNKNOWN:
            return
        name = report.orig_cl_ord_id or report.cl_ord_id
        cl_ord_id = self.first_id.get(name, name)
        self.last[cl_ord_id] = report
        if report.exec_type not in (
            ExecType.TRADE,
            ExecType.TRADE_CORRECT,
            ExecType.TRADE_CANCEL,
        ):
            return
        first = self._first.get(report.exec_ref_id, report.exec_id)
        self._first[report.exec_id] = first
        if report.exec_type == ExecType.TRADE_CANCEL:
            self.trades.pop(first, None)
        elif report.last_qty is not None and report.last_px is not None:
            self.trades[first] = (cl_ord_id, report.last_qty, report.last_px)


def _accounts(run: Run) -> list[Account]:
    """Every simulated venue's account; read once per run."""
    directory = run.journals()
    if "venues" not in run.memory:
        run.memory["venues"] = [
            _read(run, venue_id)
            for (venue_id,) in rows(
                run, "SELECT id FROM venues_venue WHERE gateway = 'simulator' ORDER BY id"
            )
            if journal.path_of(directory, venue_id).exists() or _is_used(run, venue_id)
        ]
    found: list[Account] = run.memory["venues"]
    if not found:
        raise NotChecked("no venue has left a journal")
    return found


def _is_used(run: Run, venue_id: str) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM venues_outbound WHERE venue_id = %(venue)s AND sends > 0)"
    return bool(rows(run, sql, venue=venue_id)[0][0])


_REPLACED = """
SELECT l.id, l.venue_order_id FROM orders_replaceleg l
JOIN orders_venueorder t ON t.id = l.venue_order_id
WHERE t.venue_id = %(venue)s AND NOT l.emulated
"""


def _read(run: Run, venue_id: str) -> Account:
    ((applied,),) = rows(
        run,
        "SELECT coalesce(min(seq) FILTER (WHERE applied_at IS NULL) - 1, max(seq), 0)"
        " FROM venues_inbound WHERE venue_id = %(venue)s",
        venue=venue_id,
    )
    account = Account(venue_id, int(applied), journal.reports(run.journals(), venue_id))
    account.first_id = dict(rows(run, _REPLACED, venue=venue_id))
    for report in account.reports:
        if report.seq <= account.applied:
            account.take(report)
    return account


# --- executions -------------------------------------------------------------------------------
# What we refused at the wire never left: answered by ourselves, and nothing of it is anywhere.
_OURS = """
SELECT t.id, t.cum_qty, t.leaves_qty,
    CASE WHEN m.sends = 0 AND m.answered_at IS NOT NULL THEN 0 ELSE t.qty END, x.price, x.qty
FROM orders_venueorder t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN venues_outbound m ON m.cl_ord_id = t.id AND m.kind IN ('D', 'AJ1')
LEFT JOIN (SELECT venue_order_id, price, sum(qty) qty FROM orders_execution
    WHERE venue_order_id IS NOT NULL GROUP BY venue_order_id, price HAVING sum(qty) <> 0) x
    ON x.venue_order_id = t.id
WHERE {scope} AND t.venue_id = %(venue)s ORDER BY t.id
"""
Lots = dict[Decimal, Decimal]  # quantity by price


def _executions(run: Run) -> Tally:
    tally = Tally()
    for account in _accounts(run):
        theirs: defaultdict[str, Lots] = defaultdict(dict)
        for cl_ord_id, qty, px in account.trades.values():
            lots = theirs[cl_ord_id]
            lots[px] = lots.get(px, Decimal(0)) + qty
        ours: defaultdict[str, Lots] = defaultdict(dict)
        for key, _, _, _, price, qty in stream(run, _OURS, venue=account.venue_id):
            tally.looked_at += 1
            if price is not None:
                ours[key][price] = qty
            else:
                ours[key] = {}
        # Of a part of the books, the venue's other orders are not ours to judge.
        for key in ours.keys() | theirs.keys() if run.is_whole else ours:
            if ours.get(key, {}) != theirs.get(key, {}):
                said = f"{account.venue_id} has {_said(theirs.get(key, {}))}"
                tally.differs(key, f"{said}, we have {_said(ours.get(key, {}))}")
    return tally


def _said(lots: Lots) -> str:
    said = [f"{qty.normalize():f} at {px.normalize():f}" for px, qty in sorted(lots.items())]
    return ", ".join(said) or "nothing"


def _left(run: Run) -> Tally:
    tally = Tally()
    seen: set[str] = set()
    for account in _accounts(run):
        for key, cum, leaves, qty, _, _ in stream(run, _OURS, venue=account.venue_id):
            if key in seen:
                continue
            seen.add(key)
            tally.looked_at += 1
            last = account.last.get(key)
            theirs = (last.cum_qty, last.leaves_qty) if last else (Decimal(0), qty)
            if theirs != (cum, leaves):
                tally.differs(
                    key,
                    f"{account.venue_id} says cum {theirs[0]}, leaves {theirs[1]};"
                    f" we say {cum}, {leaves}",
                )
    return tally


# --- reports ----------------------------------------------------------------------------------
_STORED = "SELECT m.seq, m.body FROM venues_inbound m WHERE m.venue_id = %(venue)s ORDER BY m.seq"


def _reports(run: Run) -> Tally:
    tally = Tally()
    for account in _accounts(run):
        waiting = {report.seq: report for report in account.reports}
        for seq, body in stream(run, _STORED, venue=account.venue_id):
            tally.looked_at += 1
            report = waiting.pop(seq, None)
            if report is None:
                tally.differs(f"{account.venue_id} {seq}", "we have a report it never made")
            elif not _same(report, body):
                tally.differs(f"{account.venue_id} {seq}", "what we stored is not what it reported")
        for seq, report in waiting.items():
            if report.transact_time < run.at - GRACE:
                tally.differs(
                    f"{account.venue_id} {seq}", f"reported at {report.transact_time}, never stored"
                )
    return tally


def _same(report: Report, body: str) -> bool:
    if messages.encode(report).decode() == body:
        return True
    try:
        return messages.decode_report(body) == report
    except msgspec.MsgspecError:
        return False


# --- orders -----------------------------------------------------------------------------------
_SENT = """
SELECT t.id, i.cusip, coalesce(o.short_sale, o.side), coalesce(f.was_qty, t.qty),
    CASE WHEN f.id IS NULL THEN t.limit_price ELSE f.was_limit_price END,
    m.answered_at IS NOT NULL AND m.sends > 0
FROM orders_venueorder t JOIN orders_order o ON o.id = t.order_id
JOIN venues_instrument i ON i.id = o.instrument_id
LEFT JOIN LATERAL (SELECT l.id, l.was_qty, l.was_limit_price FROM orders_replaceleg l
    WHERE l.venue_order_id = t.id ORDER BY l.id LIMIT 1) f ON true
LEFT JOIN venues_outbound m ON m.cl_ord_id = t.id AND m.kind IN ('D', 'AJ1')
WHERE {scope} AND t.venue_id = %(venue)s
"""


def _orders(run: Run) -> Tally:
    tally = Tally()
    for account in _accounts(run):
        came: dict[str, NewOrder | QuoteResponse] = {}
        times: Counter[str] = Counter()
        for order in _new_orders(run, account.venue_id):
            came[order.cl_ord_id] = order
            times[order.cl_ord_id] += 1
        for key, n in times.items():
            if n > 1:
                tally.differs(key, f"{account.venue_id} got its NewOrder {n} times")
        for key, cusip, side, qty, price, answered in stream(run, _SENT, venue=account.venue_id):
            tally.looked_at += 1
            there = came.pop(key, None)
            if there is None:
                if answered:
                    tally.differs(key, f"{account.venue_id} answered and never had it")
                continue
            said = (there.security_id, there.short_sale or there.side, there.order_qty, there.price)
            if said != (cusip, _SIDES[side], qty, price):
                tally.differs(key, f"{account.venue_id} has it as {' '.join(map(str, said))}")
        for key, order in came.items() if run.is_whole else ():
            if order.transact_time < run.at - GRACE:
                tally.differs(key, f"{account.venue_id} has an order that is not ours")
    return tally


def _new_orders(run: Run, venue_id: str) -> Iterator[NewOrder | QuoteResponse]:
    """Every order and hit that reached the venue, repeated ones too: its register has each once."""
    path = journal.path_of(run.journals(), venue_id)
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.startswith((b'{"msg":"D"', b'{"msg":"AJ"')) and line.endswith(b"\n"):
                order = messages.decode_outgoing(line)
                if isinstance(order, NewOrder) or (
                    isinstance(order, QuoteResponse) and order.resp_type == QuoteRespType.HIT
                ):
                    yield order


CHECKS = (
    Check(
        "venues_agree_on_executions",
        "Each venue order's live executions, busts and corrections folded, are those in the venue's"
        " own journal, at the same prices.",
        _executions,
    ),
    Check(
        "venues_agree_on_what_is_left",
        "What a venue order has done and has left is what the venue's last report on it says.",
        _left,
    ),
    Check(
        "venues_reports_are_stored",
        "Every report a venue has made is stored as it was made, and no other.",
        _reports,
    ),
    Check(
        "venues_got_each_order_once",
        "Every venue order reached its venue at most once, with our terms, and no other did.",
        _orders,
    ),
)
