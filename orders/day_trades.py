"""The trades of one day from the store: every execution, and what they come to.

Only facts that never change are told, in the order they happened, so a day that is over is the same
bytes whenever it is asked for. The day is one that is stored, never the clock's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from allocations import accounts
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import Paper, Table
from allocations.settlement import daily
from oms_site.kit import numbers
from oms_site.kit.numbers import round_fraction
from orders import sides
from orders.models import Execution
from venues import instruments

ZERO = Decimal(0)
_FIELDS = (
    *("id", "order_id", "order__side", "order__short_sale", "order__account_id"),
    *("order__instrument_id", "kind"),
    *("qty", "price", "principal", "accrued_interest", "fees", "net_money", "source"),
    *("counterparty", "executed_at", "settlement_date"),
)


class _Trade(NamedTuple):
    id: str
    order_id: str
    side: str
    short_sale: str | None
    account_id: str | None
    instrument_id: int
    kind: str
    qty: Decimal
    price: Decimal
    principal: Decimal
    accrued_interest: Decimal
    fees: Decimal
    net_money: Decimal
    source: str
    counterparty: str
    executed_at: datetime
    settlement_date: date


def trades(organization_id: str, *, trade_date: date, kind: str = "csv") -> bytes:
    """The executions of a trade date, by venue and by security, as `csv` or `pdf`.

    Raises `OmsError` (422 `too_many_for_pdf`).
    """
    found = Execution.objects.filter(organization_id=organization_id, trade_date=trade_date)
    if kind == "pdf":
        daily.check_length(found[: daily.PDF_MOST + 1].count())
    rows = [
        _Trade(*row) for row in found.order_by("executed_at", "id").values_list(*_FIELDS).iterator()
    ]
    tables = (_by_venue(rows), _by_security(rows), _each(organization_id, rows))
    lines = (f"Trade date {trade_date}", f"{len(rows)} executions")
    return paper.render(Paper("Trades of a day", lines, tables, daily.opening_of(trade_date)), kind)


def _each(organization_id: str, rows: Iterable[_Trade]) -> Table:
    names = ("Executed (UTC)", "Account", "CUSIP", "Side", "Kind", "Quantity", "Price", "Principal")
    more = ("Accrued", "Fees", "Net money", "Settles", "Venue", "Counterparty", "Currency")
    return Table(
        "Executions",
        (*names, *more, "Execution", "Order"),
        [
            (
                f"{row.executed_at:%Y-%m-%d %H:%M:%S.%f}",
                _code(organization_id, row.account_id),
                instruments.by_id(row.instrument_id).cusip,
                sides.named(row.side, row.short_sale),
                row.kind,
                *(numbers.plain(value) for value in (row.qty, row.price)),
                *(f"{value:.2f}" for value in (row.principal, row.accrued_interest)),
                *(f"{value:.2f}" for value in (row.fees, row.net_money)),
                row.settlement_date.isoformat(),
                row.source,
                row.counterparty,
                _currency(row),
                row.id,
                row.order_id,
            )
            for row in rows
        ],
        frozenset(range(5, 11)),
    )


def _by_venue(rows: Iterable[_Trade]) -> Table:
    """How many trades, what was taken back, and the money, by venue and currency."""
    found: dict[tuple[str, str], list[_Trade]] = {}
    for row in rows:
        found.setdefault((row.source, _currency(row)), []).append(row)
    return Table(
        "By venue",
        ("Venue", "Executions", "Taken back", "Bought", "Sold", "Fees", "Currency"),
        [
            (
                name,
                str(sum(one.qty > 0 for one in mine)),
                str(sum(one.qty < 0 for one in mine)),
                f"{_sum(one.principal for one in mine if one.side == 'buy'):.2f}",
                f"{_sum(one.principal for one in mine if one.side != 'buy'):.2f}",
                f"{_sum(one.fees for one in mine):.2f}",
                currency,
            )
            for (name, currency), mine in sorted(found.items())
        ],
        frozenset(range(1, 6)),
    )


def _by_security(rows: Iterable[_Trade]) -> Table:
    """What was bought and sold of each security, at which average, less what was taken back."""
    found: dict[tuple[str, str, str], list[_Trade]] = {}
    for row in rows:
        key = (instruments.by_id(row.instrument_id).cusip, row.side, _currency(row))
        found.setdefault(key, []).append(row)
    names = ("CUSIP", "Side", "Executions", "Quantity", "Average price", "Principal", "Net money")
    return Table(
        "By security",
        (*names, "Currency"),
        [
            (
                cusip,
                side,
                str(len(mine)),
                numbers.plain(_sum(one.qty for one in mine)),
                _average(mine),
                f"{_sum(one.principal for one in mine):.2f}",
                f"{_sum(one.net_money for one in mine):.2f}",
                currency,
            )
            for (cusip, side, currency), mine in sorted(found.items())
        ],
        frozenset(range(2, 7)),
    )


def _average(rows: Sequence[_Trade]) -> str:
    """The exact mean by quantity, rounded once; empty where nothing stands."""
    qty = _sum(one.qty for one in rows)
    if qty <= 0:
        return ""
    gross = sum((Fraction(one.qty) * Fraction(one.price) for one in rows), Fraction(0))
    return numbers.plain(round_fraction(gross / Fraction(qty), places=10))


def _currency(row: _Trade) -> str:
    return instruments.by_id(row.instrument_id).currency


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def _code(organization_id: str, account_id: str | None) -> str:
    """The account's code; a block has none."""
    facts = accounts.find_account(organization_id, account_id) if account_id else None
    return facts.code if facts else account_id or "block"
