"""The confirmations of one trade date as a file, the same bytes whenever it is asked for.

Only terms are told, which never change; the order is that of making. The day is one that is stored,
never the clock's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal

from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import TYPES, Paper, Table
from allocations.models import TradeConfirm
from allocations.settlement import comparing
from allocations.settlement.telling import terms
from oms_site.kit.errors import OmsError
from venues.calendar import NEW_YORK

__all__ = ["PDF_MOST", "TYPES", "check_length", "confirms", "days", "latest", "opening_of"]
PDF_MOST = 5_000  # a PDF of more takes minutes and is read by nobody
_MORE = ("confirm_id", "booking_id", "order_id", "custodian_id", "fees", "currency")
_SHOWN = ("account", "cusip", "side", "qty", "price", "net_money", "settlement_date")
_SUMS = ("principal", "accrued_interest", "fees", "net_money")


def latest(organization_id: str) -> date | None:
    """The newest trade date with a confirmation; None before the first."""
    return next(iter(days(organization_id, most=1)), None)


def days(organization_id: str, *, most: int = 5) -> list[date]:
    """The newest trade dates with confirmations: a seek for each, however many these have."""
    rows = TradeConfirm.objects.filter(organization_id=organization_id).order_by("-trade_date")
    found = list[date]()
    for _ in range(most):
        older = rows.filter(trade_date__lt=found[-1]) if found else rows
        day = older.values_list("trade_date", flat=True).first()
        if day is None:
            break
        found.append(day)
    return found


def confirms(organization_id: str, *, trade_date: date, kind: str = "csv") -> bytes:
    """Every confirmation ever made for that day, as `csv` (a header, then a line each) or `pdf`.

    Raises `OmsError` (422 `too_many_for_pdf`).
    """
    rows = TradeConfirm.objects.filter(organization_id=organization_id, trade_date=trade_date)
    rows = rows.order_by("id")
    if kind == "pdf":
        check_length(rows[: PDF_MOST + 1].count())
        return paper.render(_paper(list(rows), trade_date), kind)
    return _file(rows.iterator(chunk_size=2_000))


def check_length(rows: int) -> None:
    """Raises `OmsError` (422) for more than a PDF is made of."""
    if rows > PDF_MOST:
        message = f"A PDF has at most {PDF_MOST} lines: ask for csv."
        raise OmsError("too_many_for_pdf", message, field="kind")


def opening_of(day: date) -> datetime:
    """The moment that a paper of a day carries, whenever it is printed."""
    return datetime.combine(day, time(), NEW_YORK)


def _file(rows: Iterator[TradeConfirm]) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([*_MORE, *comparing.FIELDS])
    for row in rows:
        mine = comparing.texts(terms(row))
        more = (row.id, row.leg_id, row.order_id, row.custodian_id, f"{row.fees:f}", row.currency)
        lines.writerow([*more, *(mine[name] for name in comparing.FIELDS)])
    return text.getvalue().encode()


def _paper(rows: list[TradeConfirm], day: date) -> Paper:
    sums: dict[tuple[str, str, str], list[Decimal]] = {}
    listed = []
    for row in rows:
        mine = comparing.texts(terms(row))
        listed.append([*(mine[name] for name in _SHOWN), row.currency, row.custodian_id, row.id])
        added = sums.setdefault((row.custodian_id, row.side, row.currency), [Decimal(0)] * 5)
        for n, value in enumerate((Decimal(1), *(getattr(row, name) for name in _SUMS))):
            added[n] += value
    totals = Table(
        "By custodian",
        ("Custodian", "Side", "Currency", "Confirms", "Principal", "Accrued", "Fees", "Net money"),
        [
            [*key, f"{values[0]:f}", *(f"{value:.2f}" for value in values[1:])]
            for key, values in sorted(sums.items())
        ],
        frozenset(range(3, 8)),
    )
    names = ("Account", "CUSIP", "Side", "Quantity", "Price", "Net money", "Settles", "Currency")
    each = Table("Confirmations", (*names, "Custodian", "Confirm"), listed, frozenset({3, 4, 5}))
    lines = (f"Trade date {day}", f"{len(rows)} confirmations")
    return Paper("Confirmations of a day", lines, (totals, each), opening_of(day))
