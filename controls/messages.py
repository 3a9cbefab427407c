"""Sentences of a control's own, with the values that were compared filled in.

A template names values in braces: `{limit}`, `{actual}`, `{finding}` (the rule's own sentence) and
facts of the order. Nothing else is read: no attributes, no formats.
"""

from __future__ import annotations

from decimal import Decimal
from string import Formatter

from controls import wording
from controls.findings import Finding, Number
from controls.ticket import Ticket

NAMES = (
    *("limit", "actual", "finding", "cusip", "side", "quantity", "limit_price", "trader"),
    *("accounts", "asset_class"),
)


def fault(template: str) -> str:
    """Why a template cannot be used, or nothing."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"The braces do not fit: {error}."
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in NAMES or spec or conversion:
            return f"Values a message may name: {', '.join(NAMES)}."
    return ""


def filled(template: str, finding: Finding, ticket: Ticket) -> str:
    """The sentence, or nothing when there is no template or it cannot be filled."""
    if not template or fault(template):
        return ""
    values = {
        "limit": _shown(finding.limit),
        "actual": _shown(finding.actual),
        "finding": finding.message,
        "cusip": ticket.cusip,
        "side": ticket.side,
        "quantity": wording.amount(ticket.order_qty),
        "limit_price": "" if ticket.limit_price is None else wording.price(ticket.limit_price),
        "trader": ticket.username,
        "accounts": ", ".join(account.code for account in ticket.accounts),
        "asset_class": ticket.asset_class,
    }
    return template.format_map(values)


def _shown(value: Number) -> str:
    if isinstance(value, Decimal):
        return wording.amount(value)
    return "" if value is None else str(value)
