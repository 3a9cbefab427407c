"""Does the client allow it? An account's mandate against what the instrument is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from controls.findings import Answer, Finding, Missing, Passed
from controls.parameters import Params
from controls.ticket import Mandate, Ticket

# From best to worst, agencies' scales side by side: a rating's rank decides.
_SCALE = (
    *("AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-"),
    *("BB+", "BB", "BB-", "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C", "D"),
)
_MOODYS = (
    *("AAA", "AA1", "AA2", "AA3", "A1", "A2", "A3", "BAA1", "BAA2", "BAA3"),
    *("BA1", "BA2", "BA3", "B1", "B2", "B3", "CAA1", "CAA2", "CAA3", "CA"),
)
RANKS = {name: n for scale in (_MOODYS, _SCALE) for n, name in enumerate(scale)}
LISTS = {
    "asset_classes": ("asset_class", True),
    "sectors": ("sector", True),
    "countries": ("country", True),
    "currencies": ("currency", True),
    "excluded_sectors": ("sector", False),
    "excluded_countries": ("country", False),
    "excluded_issuers": ("issuer", False),
}
# Whom the account trades with: routing and inquiries keep to these, a control has no say in it.
BROKERS = frozenset({"approved_brokers", "restricted_brokers"})
KNOWN = frozenset({*LISTS, *BROKERS, "min_rating", "max_maturity_years", "sides"})


class GuidelineParams(Params, frozen=True):
    """Whether an account without a mandate fails."""

    required: bool = False


def guideline(ticket: Ticket, params: GuidelineParams) -> Answer:
    """The instrument fits the mandate of every account; a sell always does."""
    if ticket.signed < 0:
        return Passed(None, "sell")
    mandates = {one.account: one for one in ticket.mandates}
    versions = []
    for account in ticket.accounts:
        mandate = mandates.get(account.id)
        if mandate is None:
            if params.required:
                raise Missing(f"account {account.code} has no mandate")
            continue
        problem = _problem(ticket, mandate)
        if problem:
            limit, actual = problem
            return Finding(
                f"Account {account.code} may not buy {ticket.cusip}: {actual} is outside its "
                f"mandate version {mandate.version} ({limit}).",
                f"{limit} (version {mandate.version})",
                actual,
            )
        versions.append(f"{account.code} version {mandate.version}")
    return Passed(", ".join(versions) or None, ticket.rating or None)


def _problem(ticket: Ticket, mandate: Mandate) -> tuple[str, str] | None:
    rules: Mapping[str, Any] = mandate.rules
    unknown = set(rules) - KNOWN
    if unknown:
        raise Missing(f"the mandate says {', '.join(sorted(unknown))}, which nobody can check")
    for name, (attribute, allowed) in LISTS.items():
        if name in rules and (getattr(ticket, attribute) in rules[name]) is not allowed:
            words = ", ".join(map(str, rules[name]))
            return (f"{name.replace('_', ' ')}: {words}", str(getattr(ticket, attribute)))
    return _rating(ticket, rules) or _maturity(ticket, rules)


def _rating(ticket: Ticket, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    if "min_rating" not in rules:
        return None
    floor = RANKS.get(str(rules["min_rating"]).upper())
    rank = RANKS.get(ticket.rating.upper())
    if floor is None or rank is None:
        raise Missing(f"{ticket.cusip} has no rating that can be compared")
    return None if rank <= floor else (f"at least {rules['min_rating']}", ticket.rating)


def _maturity(ticket: Ticket, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    if "max_maturity_years" not in rules:
        return None
    if ticket.maturity_date is None:
        return None if ticket.asset_class == "equity" else _no_maturity(ticket)
    years = Decimal(str(rules["max_maturity_years"]))
    latest = ticket.at.date() + timedelta(days=int(years * Decimal("365.25")))
    if ticket.maturity_date <= latest:
        return None
    return (f"at most {rules['max_maturity_years']} years", f"maturity {ticket.maturity_date}")


def _no_maturity(ticket: Ticket) -> tuple[str, str]:
    raise Missing(f"{ticket.cusip} has no maturity date")
