"""The rule classes: pure functions of a ticket and parameters, and what each is called.

A new rule is a function in a room of its own and an entry here; the documentation and the library
read this table. Checks never touch the database, the clock or each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from controls.checks import (
    account,
    duplicates,
    entitlement,
    instrument,
    price,
    session,
    size,
    universe,
)
from controls.findings import Answer
from controls.parameters import Params
from controls.ticket import Ticket

P = TypeVar("P", bound=Params)


class Rule(msgspec.Struct, frozen=True):
    """A rule class: its function, parameters, control type, failure code and one sentence."""

    name: str
    check: Callable[..., Answer]
    params: type[Params]
    control_type: str
    code: str
    sentence: str


RULES: dict[str, Rule] = {}


def _add(
    name: str,
    check: Callable[[Ticket, P], Answer],
    params: type[P],
    *,
    control_type: str,
    code: str,
    sentence: str,
) -> None:
    RULES[name] = Rule(name, check, params, control_type, code, sentence)


_add(
    "price.collar",
    price.collar,
    price.CollarParams,
    control_type="order",
    code="price_outside_collar",
    sentence="The limit price is within max_percent of a reference at most max_age_s seconds old.",
)
_add(
    "size.max_quantity",
    size.max_quantity,
    size.QuantityParams,
    control_type="order",
    code="quantity_over_limit",
    sentence="The quantity (par for bonds, shares for equities) is at most max_qty.",
)
_add(
    "size.max_notional",
    size.max_notional,
    size.NotionalParams,
    control_type="exposure",
    code="notional_over_limit",
    sentence="The value at the limit price, or a market order's at the reference price, is at most"
    " max_notional.",
)
_add(
    "universe.restricted",
    universe.restricted,
    universe.RestrictedParams,
    control_type="universe",
    code="instrument_restricted",
    sentence="The instrument is on none of the organization's restricted lists, or of those named.",
)
_add(
    "entitlement.trader",
    entitlement.trader,
    entitlement.TraderParams,
    control_type="universe",
    code="not_entitled",
    sentence="The trader may submit orders, for these accounts and for this asset class.",
)
_add(
    "duplicates.economic",
    duplicates.economic,
    duplicates.EconomicParams,
    control_type="order",
    code="possible_duplicate",
    sentence="No economically equal order was entered within window_s seconds.",
)
_add(
    "session.hours",
    session.hours,
    Params,
    control_type="order",
    code="market_closed",
    sentence="The session the order asks for is open, or opens later the same day.",
)
_add(
    "account.status",
    account.status,
    Params,
    control_type="universe",
    code="account_not_active",
    sentence="Every account of the order is active.",
)
_add(
    "instrument.status",
    instrument.status,
    Params,
    control_type="universe",
    code="instrument_not_active",
    sentence="The instrument is active, neither halted nor matured.",
)
