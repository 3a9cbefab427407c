"""An account's statement: positions, cash, open lots and movements at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeAlias

from allocations.holdings import rolled, views
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import TYPES, Paper, Table
from oms_site.kit import numbers
from venues import instruments
from venues.calendar import NEW_YORK

__all__ = ["MOST_MOVEMENTS", "TYPES", "of_account"]
_Moment: TypeAlias = tuple[str, datetime, datetime | None]
MOST_MOVEMENTS = 500  # a statement says so when there are more
ZERO = Decimal("0.00")
_WORTH = {
    "cost": "Cost",
    "market_value": "Value",
    "accrued_interest": "Accrued",
    "unrealized": "Unrealized",
    "realized": "Realized",
}
_PARTS = ("Principal", "Interest", "Fees", "Other")
_SIGNS = (
    "Movements: what the account paid is below zero;"
    " cash is principal, interest, fees and other together."
)


def of_account(
    organization_id: str, account_id: str, *, at: datetime, as_of: datetime | None, kind: str
) -> bytes:
    """The statement of one account now, or as it stood; `kind` is `pdf` or `csv`.

    Of an account with sleeves it says first what all of it comes to, then each part by itself.
    """
    stood = at.astimezone(NEW_YORK)
    lines = [f"As of {stood:%Y-%m-%d %H:%M:%S} New York", f"Account {account_id}", _SIGNS]
    moment: _Moment = (organization_id, at, as_of)
    tables = _of_part(account_id, moment)
    if parts := rolled.parts(organization_id, account_id):
        codes = [views.code_of(organization_id, one) for one in parts]
        lines.append(f"With its sleeves {', '.join(codes[1:])}")
        tables = _of_whole(account_id, parts, moment)
        for code, part in zip(codes, parts, strict=True):
            where = f", {code}" if part != account_id else f", {code} itself"
            own = _of_part(part, moment)
            tables += [replace(table, title=f"{table.title}{where}") for table in own]
    elif above := views.sleeve_of(organization_id, account_id):
        lines.append(f"A sleeve of {views.code_of(organization_id, above)}")
    title = f"Statement of {views.code_of(organization_id, account_id)}"
    return paper.render(Paper(title, tuple(lines), tuple(tables), at), kind)


def _of_part(account_id: str, moment: _Moment) -> list[Table]:
    organization_id, at, as_of = moment
    asked = [account_id]
    held = views.positions(organization_id, asked, at=at, as_of=as_of)
    owed = views.balances(organization_id, asked, as_of=as_of)
    moved = views.movements(asked, limit=MOST_MOVEMENTS, as_of=as_of)
    return [
        _positions(held),
        _sums(held),
        _cash(owed),
        _lots(views.lots(organization_id, asked, as_of=as_of)),
        _movements(moved, asked, as_of),
        _moved(moved, owed),
    ]


def _of_whole(account_id: str, parts: Sequence[str], moment: _Moment) -> list[Table]:
    organization_id, at, as_of = moment
    held = rolled.positions(
        organization_id,
        account_id,
        views.positions(organization_id, parts, at=at, as_of=as_of),
    )
    owed = views.balances(organization_id, parts, as_of=as_of)
    return [
        _positions(held, "Positions, all together"),
        _sums(held, "Positions by currency, all together"),
        _cash(rolled.balances(organization_id, account_id, owed), "Cash, all together"),
    ]


def _positions(rows: Iterable[dict[str, Any]], title: str = "Positions") -> Table:
    names = ("CUSIP", "Security", "Currency", "Quantity", "Average", "Price", "Price time")
    return Table(
        title,
        (*names, *_WORTH.values()),
        [
            (
                *(one[name] for name in ("cusip", "description", "currency")),
                *(text(one[name]) for name in ("amount", "average_price", "price")),
                _price_of(one),
                *(money(one[name]) for name in _WORTH),
            )
            for one in sorted(rows, key=itemgetter("currency"))
        ],
        frozenset((3, 4, 5, *range(7, 12))),
    )


def _price_of(one: dict[str, Any]) -> str:
    """When the price is of, in New York, and whether it was old by then."""
    if one["price"] is None:
        return "no price" if one["amount"] else ""
    told = f"{one['price_at'].astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"
    return f"{told} (stale)" if one["price_stale"] else told


def _sums(rows: Sequence[dict[str, Any]], title: str = "Positions by currency") -> Table:
    """What the positions come to, by currency; the last column names what has no price.

    Value, accrued and unrealized are of the others, cost and realized of everything.
    """
    found = [
        (
            currency,
            *(money(line[name]) for name in _WORTH),
            f"no price: {', '.join(line['left_out'])}" if line["left_out"] else "",
        )
        for currency, line in sorted(views.totals(rows).items())
    ]
    names = ("Currency", *_WORTH.values(), "Left out of value")
    return Table(title, names, found, frozenset(range(1, 6)))


def _cash(rows: Iterable[dict[str, Any]], title: str = "Cash") -> Table:
    fields = ("currency", "traded", "settled", "unsettled", "reserved", "available")
    return Table(
        title,
        [name.capitalize() for name in fields],
        [(one["currency"], *(money(one[name]) for name in fields[1:])) for one in rows],
        frozenset(range(1, 6)),
    )


def _lots(rows: Iterable[dict[str, Any]]) -> Table:
    told = [
        (
            one["acquired"].isoformat(),
            one["cusip"],
            instruments.by_id(one["instrument_id"]).currency,
            *(text(one[name]) for name in ("open_amount", "amount", "price")),
            money(one["open_cost"]),
        )
        for one in rows
    ]
    return Table(
        "Open tax lots",
        ("Acquired", "CUSIP", "Currency", "Open", "Of", "Price", "Open cost"),
        sorted(told, key=itemgetter(2)),
        frozenset(range(3, 7)),
    )


def _movements(
    rows: Sequence[dict[str, Any]], asked: Sequence[str], as_of: datetime | None
) -> Table:
    title = "Movements"
    if len(rows) == MOST_MOVEMENTS:
        made = views.count_movements(asked, as_of=as_of)
        if made > len(rows):
            title = f"Movements, the latest {len(rows)} of {made}"
    names = ("Traded", "Settles", "Kind", "CUSIP", "Quantity", "Price", "Currency")
    return Table(
        title,
        (*names, *_PARTS, "Cash", "Source"),
        [
            (
                one["trade_date"].isoformat(),
                one["settlement_date"].isoformat(),
                one["kind"],
                one["name"],
                text(one["qty"] or None),
                text(one["price"]),
                one["currency"],
                *(money(part or None) for part in _parts(one)),
                money(one["cash"]),
                one["source_id"],
            )
            for one in rows
        ],
        frozenset((4, 5, *range(7, 12))),
    )


def _parts(one: dict[str, Any]) -> tuple[Decimal, ...]:
    """What a movement's cash is made of, each as the account got it: paid is below zero."""
    cash: Decimal = one["cash"]
    of_trade = (-one["principal"], -one["accrued_interest"], -one["fees"])
    if not cash:
        return (ZERO, ZERO, ZERO, ZERO)  # securities alone have moved
    return (*of_trade, cash - sum(of_trade, ZERO))


def _moved(rows: Sequence[dict[str, Any]], owed: Iterable[dict[str, Any]]) -> Table:
    """From the balance before the movements that are shown to the balance of now."""
    told = []
    for currency, closing in sorted((one["currency"], one["traded"]) for one in owed):
        mine = [one for one in rows if one["currency"] == currency]
        sums = [sum(each, ZERO) for each in zip(*map(_parts, mine), strict=True)] or [ZERO] * 4
        cash = sum((one["cash"] for one in mine), ZERO)
        told.append((currency, *map(money, (closing - cash, *sums, cash, closing))))
    return Table(
        "Cash from the movements",
        ("Currency", "Opening", *_PARTS, "Cash", "Closing"),
        told,
        frozenset(range(1, 8)),
    )


def money(value: Decimal | None) -> str:
    """Money with its cents; empty for what is not known."""
    return "" if value is None else f"{value:.2f}"


def text(value: Decimal | None) -> str:
    """A number with all its digits; empty for what is not known."""
    return "" if value is None else numbers.plain(value)
