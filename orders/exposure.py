"""What orders share, read exactly: locked first, then one grouped query for each kind of fact.

Called by the desk's drafts and by `rescreen` when a control in force uses shared figures; without
one nothing is locked and nothing is asked. Facts are derived from rows, so nothing can drift: what
is open is what the orders' leaves say, and only a venue's report moves those. Open orders are read
before positions: a fill that commits in between is counted twice rather than not at all.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from allocations import accounts, holdings
from controls import library, lists, screening
from controls.exposure import Book, Entered, Line, Traits, locks, sources, windows
from controls.library import ActiveControl
from controls.needs import CASH, DAY, OPEN, POSITIONS, SALES, Need
from controls.screening import Verdict
from controls.states import Outcome
from controls.ticket import Ticket, entity_of_whole
from orders import costs
from orders.may_be import MAY_COST, MAY_LEAVE, MAY_TAKE
from venues import instruments, market_data
from venues.calendar import new_york_date

LOCKS = 0x0E35_0010  # the first half of the advisory locks of shared limits
_BUCKETS = 1 << 10
ZERO = Decimal(0)
Smaller = Callable[[Ticket, Verdict], Ticket | None]
_LOOK_BACK = timedelta(days=7)
# What a halt must know that lets orders pass which lessen a position.
_POSITION = frozenset(Need("position", "account", way) for way in ("long", "short"))

# A block counts for its accounts as asked, less what has become its holding.
_SHARE = f"""(CASE WHEN p.id IS NULL THEN {MAY_LEAVE} ELSE
    (CASE WHEN o.status IN ('partially_filled', 'pending_approval', 'pending_execution')
     THEN {MAY_LEAVE} ELSE 0 END + o.cum_qty) * p.requested_qty / o.order_qty
    - (CASE o.side WHEN 'buy' THEN 1 ELSE -1 END) * coalesce((
        SELECT sum(m.qty) FROM allocations_movement m
        WHERE m.account_id = p.account_id AND m.instrument_id = o.instrument_id
          AND m.at >= o.created_at AND m.order_id = o.id), 0) END)"""
_FROM = """FROM orders_order o
    LEFT JOIN allocations_allocation a ON a.id = o.allocation_id AND NOT a.implicit
    LEFT JOIN allocations_accountallocation p ON p.allocation_id = a.id"""
_OPEN_ORDERS = f"""
SELECT account, trader, instrument, side, sum(qty), sum(qty) FILTER (WHERE price IS NULL),
       sum(qty * price), min(best), max(price), charged, risk_group, count(*)
FROM (
    SELECT coalesce(p.account_id, o.account_id) AS account, o.submitted_by_id AS trader,
           o.instrument_id AS instrument, o.side, {MAY_COST} AS price,
           {MAY_TAKE} AS best, {_SHARE} AS qty,
           CASE WHEN %(costs)s AND o.side = 'buy' THEN jsonb_build_array(o.fees)
               || jsonb_path_query_array(o.execution_instructions, '$[*].fees') END AS charged,
           CASE WHEN %(costs)s AND o.side = 'buy' THEN o.risk_group_id END AS risk_group
    {_FROM}
    WHERE o.organization_id = %(organization)s AND o.id <> ALL(%(without)s)
      AND (o.status IN ('partially_filled', 'pending_approval', 'pending_execution')
           OR (o.created_at > %(since)s AND o.allocation_id IS NOT NULL AND o.cum_qty > 0
               AND NOT a.complete AND a.status <> 'canceled'))
) one WHERE qty > 0 AND (%(everybody)s OR account = ANY(%(accounts)s))
GROUP BY account, trader, instrument, side, charged, risk_group
"""
_ENTERED = f"""
SELECT account, trader, instrument, side, w.seconds, count(*), count(*) FILTER (WHERE first),
       sum(qty) FILTER (WHERE price IS NULL), sum(qty * price),
       count(*) FILTER (WHERE canceled), count(*) FILTER (WHERE canceled AND first),
       sum(traded), sum(cum), sum(gross)
FROM (
    SELECT coalesce(p.account_id, o.account_id) AS account, o.submitted_by_id AS trader,
           o.instrument_id AS instrument, o.side, {MAY_COST} AS price,
           greatest(o.order_qty, o.asked_qty) * share AS qty,
           o.cum_qty * share AS cum, o.gross * share AS gross,
           coalesce(p.position, 0) = coalesce(f.position, 0) AS first, o.created_at, o.trade_date,
           o.cancel_requested_at IS NOT NULL AS canceled, o.executions_made AS traded
    {_FROM}
    LEFT JOIN LATERAL (SELECT min(position) AS position FROM allocations_accountallocation
                       WHERE allocation_id = a.id) f ON true
    CROSS JOIN LATERAL (SELECT coalesce(p.requested_qty / o.order_qty, 1) AS share) s
    WHERE o.organization_id = %(organization)s AND o.id <> ALL(%(without)s)
      AND o.created_at > %(since)s AND o.status <> 'rejected'
) one JOIN unnest(%(windows)s::int[]) AS w(seconds)
    ON CASE WHEN w.seconds = 0 THEN trade_date = %(day)s
       ELSE created_at > %(at)s - make_interval(secs => w.seconds) END
GROUP BY account, trader, instrument, side, w.seconds
"""
_SOLD = f"""
SELECT coalesce(p.account_id, o.account_id), o.instrument_id,
       sum(o.gross) FILTER (WHERE o.side = 'sell' AND o.trade_date >= %(from)s),
       sum(o.cum_qty) FILTER (WHERE o.side = 'sell' AND o.trade_date >= %(from)s),
       sum(o.gross) FILTER (WHERE o.side = 'buy'), sum(o.cum_qty) FILTER (WHERE o.side = 'buy')
{_FROM}
WHERE o.organization_id = %(organization)s AND o.cum_qty > 0
  AND o.instrument_id = ANY(%(instruments)s)
  AND coalesce(p.account_id, o.account_id) = ANY(%(accounts)s)
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A ticket without its figures yet, and what its controls need to know."""

    ticket: Ticket
    needs: frozenset[Need]


def judge(
    tickets: Sequence[Ticket],
    *,
    at: datetime,
    locked: bool = True,
    rest: Mapping[str, Ticket] = {},
    moved: Iterable[tuple[str, str, int, Decimal]] = (),
    smaller: Smaller | None = None,
) -> list[tuple[Ticket, Verdict]]:
    """The verdict on each ticket in turn, with the figures it was given by.

    What passes or is flagged counts for the tickets after it. `rest` is, by order id, what is open
    of an order beside its ticket; `moved` are positions (organization, account, instrument, signed
    quantity) that the tables do not show yet. `smaller` says what to try in place of a
    refused ticket.
    """
    gates = [library.of(ticket.organization_id) for ticket in tickets]
    if not any(gate.shares for gate in gates) and not any(_lessens(one) for one in tickets):
        verdicts = screening.screen(tickets, at=at)
        return [_or_less(*one, smaller, at) for one in zip(tickets, verdicts, strict=True)]
    asked = [
        Asked(
            ticket,
            _needs(gate.controls_for(ticket), ticket)
            if gate.shares or _lessens(ticket)
            else frozenset(),
        )
        for gate, ticket in zip(gates, tickets, strict=True)
    ]
    books = read(asked, at=at, locked=locked)
    for ticket in rest.values():
        if ticket.organization_id in books:
            books[ticket.organization_id].take(ticket)
    for organization, account, instrument, qty in moved:
        if organization in books:
            books[organization].add_held(account, instrument, qty)
    return [_judge(one, books.get(one.ticket.organization_id), smaller, at=at) for one in asked]


def looks(organization_id: str, stage: str) -> bool:
    """Whether any control of the organization uses shared figures at this stage."""
    gate = library.of(organization_id)
    return gate.shares and any(one.needs and stage in one.stages for one in gate.controls)


def _needs(controls: Iterable[ActiveControl], ticket: Ticket) -> frozenset[Need]:
    stage = ticket.stage
    needs = frozenset(need for one in controls if stage in one.stages for need in one.needs)
    return needs | _POSITION if _lessens(ticket) else needs


def _lessens(ticket: Ticket) -> bool:
    """Whether it passes only if it lessens a position: by a halt, or because it says so itself."""
    return ticket.reduce_only or bool(ticket.reduced)


def _or_less(
    ticket: Ticket, verdict: Verdict, smaller: Smaller | None, at: datetime
) -> tuple[Ticket, Verdict]:
    """What passes in place of a refused ticket, if anything does."""
    less = smaller(ticket, verdict) if smaller and verdict.outcome == Outcome.REJECTED else None
    if less is None:
        return ticket, verdict
    (again,) = screening.screen([less], at=at)
    return (ticket, verdict) if again.outcome == Outcome.REJECTED else (less, again)


def _judge(
    one: Asked, book: Book | None, smaller: Smaller | None, *, at: datetime
) -> tuple[Ticket, Verdict]:
    ticket = one.ticket
    if book is not None and one.needs:
        ticket = msgspec.structs.replace(ticket, figures=book.figures(ticket, one.needs))
    (verdict,) = screening.screen([ticket], at=at)
    ticket, verdict = _or_less(ticket, verdict, smaller, at)
    # What was open before stays open when a later look refuses to send it on.
    if book is not None and (ticket.stage != "order" or verdict.outcome != Outcome.REJECTED):
        book.take(ticket)
    return ticket, verdict


def read(asked: Sequence[Asked], *, at: datetime, locked: bool = True) -> dict[str, Book]:
    """A book for every organization with needs; the asked orders themselves are not in it.

    Locks first, all scopes of all organizations in one order: whoever needs the same figure waits
    until this transaction has ended. A preview reads without locks.
    """
    concerned = [one for one in asked if one.needs]
    if not concerned:
        return {}
    if locked:
        _lock(one for one in concerned)
    names = sorted({one.ticket.organization_id for one in concerned})
    return {name: _book(name, concerned, at=at) for name in names}


def _lock(asked: Iterable[Asked]) -> None:
    scopes = {scope for one in asked for scope in locks(one.ticket, one.needs)}
    keys = sorted({zlib.crc32(scope.encode()) % _BUCKETS for scope in scopes})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(%s, k)) FROM unnest(%s::int[]) AS k",
            [LOCKS, keys],
        )


def _book(organization: str, asked: Iterable[Asked], *, at: datetime) -> Book:
    mine = [one for one in asked if one.ticket.organization_id == organization]
    tickets = [one.ticket for one in mine]
    needs = {need for one in mine for need in one.needs}
    spans = windows(needs) or (0,)
    groups = lists.of(organization).groups
    cash = any(need.what == "cash" for need in needs)
    book = Book(
        organization,
        traits=_traits(),
        members=lambda name: groups.get(name, frozenset()),
        day=spans,
        whole=lambda account: _whole(organization, account),
        costs=lambda ticket, qty: costs.of_ticket(ticket, qty).total if cash else ZERO,
    )
    wide = any(need.scope != "account" for need in needs)
    held_by = _accounts(organization, tickets, wide=wide)
    wanted = sources(needs)
    query: dict[str, Any] = {
        "organization": organization,
        "without": [ticket.order_id for ticket in tickets],
        "everybody": wide,
        "accounts": held_by,
        "instruments": sorted({ticket.instrument_id for ticket in tickets}),
        "at": min(ticket.at for ticket in tickets),
        "day": new_york_date(at),
    }
    if OPEN in wanted:
        _fill_open(book, {**query, "since": at - _LOOK_BACK, "costs": cash})
    if DAY in wanted:
        since = min(at - timedelta(hours=26), query["at"] - timedelta(seconds=max(spans)))
        for row in _entered({**query, "since": since, "windows": list(spans)}):
            book.add_entered(row)
    if POSITIONS in wanted:
        for (account, instrument), qty in holdings.positions(held_by).items():
            book.add_held(account, instrument, qty)
    if CASH in wanted:
        for (account, currency), money in holdings.cash(held_by).items():
            book.add_cash(account, currency, money.traded)
    if SALES in wanted:
        days = max(need.seconds for need in needs if need.what == "sales") // 86400
        _fill_sales(book, {**query, "from": query["day"] - timedelta(days=days)})
    return book


def _accounts(organization: str, tickets: Iterable[Ticket], *, wide: bool) -> list[str]:
    if wide:
        return [account.id for account in accounts.accounts_of(organization)]
    named = {account.id for ticket in tickets for account in ticket.accounts}
    wholes = {account.whole for ticket in tickets for account in ticket.accounts if account.whole}
    parts = {part for one in wholes for part in accounts.with_sleeves(organization, one)}
    return sorted(named | parts)


def _whole(organization: str, account: str) -> str:
    """The account that an account is a part of, itself if it has sleeves; "" of no part."""
    facts = accounts.find_account(organization, account) if account else None
    return facts.whole_id if facts is not None and facts.is_divided else ""


def _traits() -> Callable[[int], Traits]:
    """Securities with their prices, each looked up once for a book."""
    known: dict[int, Traits] = {}

    def of(instrument_id: int) -> Traits:
        if instrument_id not in known:
            facts = instruments.by_id(instrument_id)
            price = market_data.reference(instrument_id)
            known[instrument_id] = Traits(
                facts.asset_class,
                facts.currency,
                facts.issuer,
                facts.sector,
                facts.country,
                facts.cusip,
                None if price is None or not price.mid > 0 else price.mid,
            )
        return known[instrument_id]

    return of


def _rows(sql: str, query: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, query)
        return list(cursor.fetchall())


def _fill_open(book: Book, query: dict[str, Any]) -> None:
    for row in _rows(_OPEN_ORDERS, query):
        account, trader, instrument, side, qty, market, money, low, high, *more = row
        sums = (qty, market, money, high)
        book.add_open(
            Line(
                account=account,
                trader=str(trader),
                instrument=instrument,
                side=side,
                qty=qty,
                market_qty=market or Decimal(0),
                limit_value=money or Decimal(0),
                extra=costs.of_sums(query["organization"], instrument, sums, *more, at=query["at"]),
                low=low,
                high=high,
            )
        )


def _entered(query: dict[str, Any]) -> Iterator[Entered]:
    names = ("account", "trader", "instrument", "side", "seconds", "count", "whole", "market_qty")
    more = ("limit_value", "cancels", "whole_cancels", "trades", "traded_qty", "traded_value")
    for row in _rows(_ENTERED, query):
        values = dict(zip((*names, *more), row, strict=True))
        numbers = {name: Decimal(values[name] or 0) for name in (*names[5:], *more)}
        yield Entered(
            account=values["account"],
            trader=str(values["trader"]),
            instrument=values["instrument"],
            side=values["side"],
            seconds=values["seconds"],
            **numbers,
        )


def _fill_sales(book: Book, query: dict[str, Any]) -> None:
    wholes: defaultdict[tuple[str, int], list[list[Decimal]]] = defaultdict(list)
    for account, instrument, *read_of in _rows(_SOLD, query):
        figures = [one or ZERO for one in read_of]
        book.add_sale(account, instrument, _at_a_loss(*figures))
        if whole := entity_of_whole(_whole(query["organization"], account)):
            wholes[whole, instrument].append(figures)
    for (whole, instrument), parts in wholes.items():
        book.add_sale(whole, instrument, _any_at_a_loss(parts))


def _at_a_loss(
    sold: Decimal, sold_qty: Decimal, bought: Decimal, bought_qty: Decimal
) -> Decimal | None:
    """1 if what was sold had cost more on average, else 0; None where its cost is not known."""
    if not sold_qty:
        return ZERO
    return Decimal(int(sold * bought_qty < bought * sold_qty)) if bought_qty else None


def _any_at_a_loss(parts: Sequence[Sequence[Decimal]]) -> Decimal | None:
    """Whether any part of an account sold at a loss; what one did not buy itself cost the average.

    It may have come from another part.
    """
    together = _at_a_loss(*(sum(column, ZERO) for column in zip(*parts, strict=True)))
    said = [together if (one := _at_a_loss(*part)) is None else one for part in parts]
    losses = [one for one in said if one is not None and one > 0]
    return losses[0] if losses else None if None in said else ZERO


def open_quantities(
    organization: str, account_ids: Sequence[str], *, at: datetime
) -> dict[tuple[str, int, str], Decimal]:
    """What is open, by account, instrument and side, as the gate counts it. Locks nothing."""
    query: dict[str, Any] = {"organization": organization, "accounts": list(account_ids)}
    query |= {"without": [], "everybody": False, "costs": False, "since": at - _LOOK_BACK}
    found: dict[tuple[str, int, str], Decimal] = {}
    for account, _, *key, qty in (row[:5] for row in _rows(_OPEN_ORDERS, query)):
        named = (account, *key)
        found[named] = found.get(named, ZERO) + qty
    return found


def entered_today(organization: str, *, at: datetime) -> list[Entered]:
    """What was entered today, by account, trader, instrument and side: the day's accumulators."""
    query = {
        "organization": organization,
        "without": [],
        "at": at,
        "day": new_york_date(at),
        "since": at - timedelta(hours=26),
        "windows": [0],
    }
    return list(_entered(query))
