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
SIDES, RATING, MATURITY = "sides", "min_rating", "max_maturity_years"
_NAMES = frozenset({*LISTS, *BROKERS, SIDES})
KNOWN = frozenset({*_NAMES, RATING, MATURITY})


class GuidelineParams(Params, frozen=True):
    """Whether an account without a mandate fails."""

    required: bool = False


def fault(rules: Mapping[str, Any]) -> str:
    """What nobody could check of these rules, as a sentence without its end; empty when all can be.

    Asked when a mandate is written and whenever it is looked at: what is written otherwise would
    be read otherwise, or not at all.
    """
    for name, value in rules.items():
        if name in _NAMES:
            if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
                return f"{name} is no list of names"
        elif name == RATING:
            if not isinstance(value, str) or value.upper() not in RANKS:
                return f"{name} is no rating"
        elif name != MATURITY:
            return f"nobody can check {name}"
        elif not _is_number(value) or not value > 0:
            return f"{name} is no number of years"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def guideline(ticket: Ticket, params: GuidelineParams) -> Answer:
    """The instrument and the side fit the mandate of every account; to sell takes only the side."""
    if ticket.signed < 0 and not any(SIDES in one.rules for one in ticket.mandates):
        return Passed(None, "sell")
    mandates = {one.account: one for one in ticket.mandates}
    versions = []
    for account in ticket.accounts:
        # What a client has agreed for an account holds for every sleeve of it, beside its own.
        names = {account.id: account.code}
        if account.whole:
            names.setdefault(account.whole, account.whole_code)
        found = [(code, mandates[name]) for name, code in names.items() if name in mandates]
        if not found and params.required and ticket.signed > 0:
            raise Missing(f"account {account.code} has no mandate")
        for code, mandate in found:
            if problem := _problem(ticket, mandate):
                limit, actual = problem
                return Finding(
                    f"Account {code} may not {ticket.side} {ticket.cusip}: {actual} is outside "
                    f"its mandate version {mandate.version} ({limit}).",
                    f"{limit} (version {mandate.version})",
                    actual,
                )
            versions.append(f"{code} version {mandate.version}")
    return Passed(", ".join(versions) or None, ticket.rating or None)


def _problem(ticket: Ticket, mandate: Mandate) -> tuple[str, str] | None:
    rules: Mapping[str, Any] = mandate.rules
    if ticket.signed < 0:
        # Whatever else is agreed, what is held may be sold.
        rules = {name: value for name, value in rules.items() if name == SIDES}
    if wrong := fault(rules):
        raise Missing(f"of the mandate, {wrong}")
    if SIDES in rules and ticket.side not in rules[SIDES]:
        return (f"sides: {', '.join(rules[SIDES])}", ticket.side)
    for name, (attribute, allowed) in LISTS.items():
        if name not in rules:
            continue
        actual = str(getattr(ticket, attribute))
        if not actual:
            raise Missing(f"nobody knows the {attribute.replace('_', ' ')} of {ticket.cusip}")
        if (actual in rules[name]) is not allowed:
            return (f"{name.replace('_', ' ')}: {', '.join(rules[name])}", actual)
    return _rating(ticket, rules) or _maturity(ticket, rules)


def _rating(ticket: Ticket, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    if RATING not in rules:
        return None
    floor = RANKS.get(str(rules[RATING]).upper())
    rank = RANKS.get(ticket.rating.upper())
    if floor is None or rank is None:
        raise Missing(f"{ticket.cusip} has no rating that can be compared")
    return None if rank <= floor else (f"at least {rules[RATING]}", ticket.rating)


def _maturity(ticket: Ticket, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    if MATURITY not in rules:
        return None
    if ticket.maturity_date is None:
        return None if ticket.asset_class == "equity" else _no_maturity(ticket)
    years = Decimal(str(rules[MATURITY]))
    latest = ticket.at.date() + timedelta(days=int(years * Decimal("365.25")))
    if ticket.maturity_date <= latest:
        return None
    return (f"at most {rules[MATURITY]} years", f"maturity {ticket.maturity_date}")


def _no_maturity(ticket: Ticket) -> tuple[str, str]:
    raise Missing(f"{ticket.cusip} has no maturity date")
