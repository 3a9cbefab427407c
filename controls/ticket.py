"""The ticket: all that a control may know about an order, frozen before the first control looks.

The floor that owns the orders fills it; the checks read it and nothing else. Plain values only, so
the same ticket always gets the same verdict.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from controls.findings import Missing

# Wide enough that a product of two database numbers is never rounded.
EXACT = Context(prec=80)
PER_SHARE = frozenset({"equity"})


class AccountFacts(msgspec.Struct, frozen=True):
    """An account that the order is for."""

    id: str
    code: str
    status: str
    organization_id: str


class Reference(msgspec.Struct, frozen=True):
    """The price that orders are measured against: `price` is the mid, `at` when it was made."""

    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    source: str
    at: datetime


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one order as the controls see it.

    `phase` is where `at` lies in the order's session (before, open, closed, no_session);
    `session_close` the close of that session, when known. `economics` hashes what makes two orders
    alike, `recent_alike` counts those in the duplicate window, None when nobody has counted.
    """

    order_id: str
    order_version: int = 1
    organization_id: str
    user_id: int
    username: str
    entitlements: frozenset[str]
    accounts: tuple[AccountFacts, ...]
    instrument_id: int
    cusip: str
    asset_class: str
    instrument_status: str
    side: str
    ord_type: str
    order_qty: Decimal
    limit_price: Decimal | None
    extended_hours: bool
    phase: str
    session_close: datetime | None = None
    reference: Reference | None
    economics: int
    recent_alike: int | None
    restricted_on: tuple[str, ...]
    at: datetime

    @property
    def working_price(self) -> Decimal | None:
        """The limit, or for a market order the reference price; None when there is neither."""
        if self.ord_type == "limit":
            return self.limit_price
        return self.reference.price if self.reference is not None else None

    @property
    def notional(self) -> Decimal | None:
        """Exact money: qty x working price, over 100 for bonds; None when there is no price."""
        price = self.working_price
        if price is None:
            return None
        value = EXACT.multiply(self.order_qty, price)
        return value if self.asset_class in PER_SHARE else value.scaleb(-2, EXACT)

    def fresh_reference(self, max_age_s: int) -> Reference:
        """The reference price; raises Missing without one, or when it is older than that.

        One as far in the future is refused too: a clock is wrong and its age unknown.
        """
        reference = self.reference
        if reference is None or not reference.price > 0:
            raise Missing(f"there is no reference price for {self.cusip}")
        age = (self.at - reference.at).total_seconds()
        if age > max_age_s:
            raise Missing(
                f"the reference price of {self.cusip} is {age:.0f} s old (at most {max_age_s} s)"
            )
        if age < -max_age_s:
            raise Missing(f"the reference price of {self.cusip} is dated in the future")
        return reference

    def facts(self) -> dict[str, Any]:
        """What was looked at, as it is stored with the verdict; decimals stay exact."""
        reference = self.reference
        facts: dict[str, Any] = {
            "user_id": self.user_id,
            "username": self.username,
            "entitlements": _sorted(self.entitlements),
            "accounts": [[a.id, a.code, a.status, a.organization_id] for a in self.accounts],
            "instrument_id": self.instrument_id,
            "cusip": self.cusip,
            "asset_class": self.asset_class,
            "instrument_status": self.instrument_status,
            "side": self.side,
            "ord_type": self.ord_type,
            "order_qty": self.order_qty,
            "limit_price": self.limit_price,
            "extended_hours": self.extended_hours,
            "phase": self.phase,
            "economics": self.economics,
            "recent_alike": self.recent_alike,
            "restricted_on": self.restricted_on,
            "at": self.at,
        }
        if self.session_close is not None:
            facts["session_close"] = self.session_close
        if reference is not None:
            facts["reference"] = {
                "price": reference.price,
                "bid": reference.bid,
                "ask": reference.ask,
                "source": reference.source,
                "at": reference.at,
            }
        return facts


@lru_cache(maxsize=1024)
def _sorted(entitlements: frozenset[str]) -> list[str]:
    return sorted(entitlements)
