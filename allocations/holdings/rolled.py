"""An account with all its sleeves: the sums of what its parts hold and owe. Pure.

Asked by the API, the page and the statement with the lines of `views`; nothing is kept. What one
part does not know, such as a price, the whole does not know either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from allocations import accounts
from allocations.holdings import valuation

_OF_POSITIONS = (
    *("amount", "settled", "reserved", "cost", "realized", "market_value"),
    *("accrued_interest", "unrealized"),
)
_OF_CASH = ("traded", "settled", "unsettled", "reserved", "available")
# What is the same for every part of one position.
_SAME = (
    *("instrument_id", "cusip", "isin", "description", "currency", "amount_type"),
    *("price", "price_at", "price_source", "price_age_seconds", "price_stale"),
)


def parts(organization_id: str, account_id: str) -> tuple[str, ...]:
    """The ids of an account and its sleeves; of one without any none."""
    found = accounts.with_sleeves(organization_id, account_id)
    return found if len(found) > 1 else ()


def positions(
    organization_id: str, account_id: str, rows: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One line per instrument for the whole account, from the positions of all its parts."""
    named = _named(organization_id, account_id)
    found = []
    for key, mine in sorted(_grouped(rows, "instrument_id").items()):
        line = {name: mine[0][name] for name in _SAME} | _sums(mine, _OF_POSITIONS)
        line["average_price"] = valuation.average_price(key, qty=line["amount"], cost=line["cost"])
        found.append({**named, **line, "parts": _parts(account_id, mine, _OF_POSITIONS)})
    return found


def balances(
    organization_id: str, account_id: str, rows: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One line per currency for the whole account, from the balances of all its parts."""
    named = _named(organization_id, account_id)
    return [
        {
            **named,
            "currency": key,
            **_sums(mine, _OF_CASH),
            "parts": _parts(account_id, mine, _OF_CASH),
        }
        for key, mine in sorted(_grouped(rows, "currency").items())
    ]


def _named(organization_id: str, account_id: str) -> dict[str, str]:
    facts = accounts.find_account(organization_id, account_id)
    return {"account_id": account_id, "account_code": facts.code if facts else account_id}


def _grouped(rows: Iterable[dict[str, Any]], name: str) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _sums(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Decimal | None]:
    told = list(rows)
    return {name: _sum(row[name] for row in told) for name in names}


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _parts(
    account_id: str, rows: Iterable[Mapping[str, Any]], names: Iterable[str]
) -> list[dict[str, Any]]:
    """Each part's share of a line: the account's own first, then its sleeves by code."""
    kept = ("account_id", "account_code", *names)
    ordered = sorted(rows, key=lambda row: (row["account_id"] != account_id, row["account_code"]))
    return [{name: row[name] for name in kept} for row in ordered]
