"""An account's statement: positions, cash, open lots and movements at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations.holdings import views
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import TYPES, Paper, Table
from oms_site.kit import numbers
from venues.calendar import NEW_YORK

__all__ = ["MOST_MOVEMENTS", "TYPES", "of_account"]
MOST_MOVEMENTS = 500  # a statement says so when there are more


def of_account(
    organization_id: str, account_id: str, *, at: datetime, as_of: datetime | None, kind: str
) -> bytes:
    """The statement of one account now, or as it stood; `kind` is `pdf` or `csv`."""
    asked = [account_id]
    positions = views.positions(organization_id, asked, at=at, as_of=as_of)
    stood = at.astimezone(NEW_YORK)
    return paper.render(
        Paper(
            f"Statement of {views.code_of(organization_id, account_id)}",
            (f"As of {stood:%Y-%m-%d %H:%M:%S} New York", f"Account {account_id}"),
            (
                _positions(positions),
                _cash(views.balances(organization_id, asked, as_of=as_of)),
                _lots(views.lots(organization_id, asked, as_of=as_of)),
                _movements(asked, as_of),
            ),
            at,
        ),
        kind,
    )


def _positions(rows: Iterable[dict[str, Any]]) -> Table:
    names = ("CUSIP", "Security", "Quantity", "Average", "Price", "Cost", "Value", "Accrued")
    return Table(
        "Positions",
        (*names, "Unrealized", "Realized"),
        [
            (
                one["cusip"],
                one["description"],
                text(one["amount"]),
                text(one["average_price"]),
                text(one["price"]),
                *(
                    money(one[name])
                    for name in (
                        *("cost", "market_value", "accrued_interest"),
                        *("unrealized", "realized"),
                    )
                ),
            )
            for one in rows
        ],
        frozenset(range(2, 10)),
    )


def _cash(rows: Iterable[dict[str, Any]]) -> Table:
    fields = ("currency", "traded", "settled", "unsettled", "reserved", "available")
    return Table(
        "Cash",
        [name.capitalize() for name in fields],
        [(one["currency"], *(money(one[name]) for name in fields[1:])) for one in rows],
        frozenset(range(1, 6)),
    )


def _lots(rows: Iterable[dict[str, Any]]) -> Table:
    return Table(
        "Open tax lots",
        ("Acquired", "CUSIP", "Open", "Of", "Price", "Open cost"),
        [
            (
                one["acquired"].isoformat(),
                one["cusip"],
                *(text(one[name]) for name in ("open_amount", "amount", "price")),
                money(one["open_cost"]),
            )
            for one in rows
        ],
        frozenset(range(2, 6)),
    )


def _movements(asked: Sequence[str], as_of: datetime | None) -> Table:
    rows = views.movements(asked, limit=MOST_MOVEMENTS, as_of=as_of)
    title = "Movements"
    if len(rows) == MOST_MOVEMENTS:
        made = views.count_movements(asked, as_of=as_of)
        if made > len(rows):
            title = f"Movements, the latest {len(rows)} of {made}"
    return Table(
        title,
        ("Traded", "Settles", "Kind", "CUSIP", "Quantity", "Price", "Cash", "Source"),
        [
            (
                one["trade_date"].isoformat(),
                one["settlement_date"].isoformat(),
                one["kind"],
                one["name"],
                text(one["qty"] or None),
                text(one["price"]),
                money(one["cash"]),
                one["source_id"],
            )
            for one in rows
        ],
        frozenset(range(4, 7)),
    )


def money(value: Decimal | None) -> str:
    """Money with its cents; empty for what is not known."""
    return "" if value is None else f"{value:.2f}"


def text(value: Decimal | None) -> str:
    """A number with all its digits; empty for what is not known."""
    return "" if value is None else numbers.plain(value)
