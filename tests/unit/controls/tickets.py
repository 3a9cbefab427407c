"""A plain ticket that passes everything, and variations of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from controls.ticket import AccountFacts, Reference, Ticket

D = Decimal
# Friday 20 November 2026, 10:30 in New York.
AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


def reference(price: str = "100", *, age_s: float = 0) -> Reference:
    """A reference price made `age_s` seconds before the ticket."""
    return Reference(
        price=D(price), bid=None, ask=None, source="test", at=AT - timedelta(seconds=age_s)
    )


def account(code: str = "A1", *, status: str = "active", of: str = "alpha") -> AccountFacts:
    """An account of an organization."""
    return AccountFacts(id=f"acc_{code}", code=code, status=status, organization_id=of)


def ticket(**changes: Any) -> Ticket:
    """Buy 1,000,000 par of a Treasury at 99.5, at half past ten, for alpha."""
    return msgspec.structs.replace(_PLAIN, **changes)


_PLAIN = Ticket(
    order_id="mo_1",
    organization_id="alpha",
    user_id=1,
    username="tina",
    entitlements=frozenset({"order.submit", "order.view"}),
    accounts=(account(),),
    instrument_id=7,
    cusip="912810SX7",
    asset_class="treasury",
    instrument_status="active",
    side="buy",
    ord_type="limit",
    order_qty=D("1000000"),
    limit_price=D("99.5"),
    extended_hours=False,
    phase="open",
    reference=reference(),
    economics=42,
    recent_alike=0,
    restricted_on=(),
    at=AT,
)
