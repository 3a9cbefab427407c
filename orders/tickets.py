"""Turns an order's terms into a controls ticket: the gate never sees an order."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal

from allocations.accounts import AccountFacts as Account
from controls import library
from controls.ticket import AccountFacts, Reference, Ticket
from oms_site.firm.principals import Principal
from orders.terms import Terms
from venues import market_data
from venues.instruments import InstrumentFacts


def economics(
    *,
    organization_id: str,
    accounts: tuple[str, ...],
    cusip: str,
    side: str,
    qty: Decimal,
    limit_price: Decimal | None,
) -> int:
    """A 63-bit number that equal orders share: who, what, which way, how much, at what price."""
    text = "|".join(
        (
            organization_id,
            ",".join(accounts),
            cusip,
            side,
            str(qty.normalize()),
            "" if limit_price is None else str(limit_price.normalize()),
        )
    )
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return number >> 1


def of_terms(
    terms: Terms, *, order_id: str, principal: Principal, alike: int, economics: int, at: datetime
) -> Ticket:
    """The ticket of an order that is being submitted."""
    ask = terms.ask
    return ticket(
        instrument=terms.instrument,
        accounts=terms.accounts,
        order_id=order_id,
        principal=principal,
        side=ask.side,
        ord_type=ask.ord_type,
        qty=ask.qty,
        limit_price=ask.limit_price,
        extended_hours=ask.extended_hours,
        phase=terms.phase,
        session_close=terms.expires_at,
        economics=economics,
        alike=alike,
        at=at,
    )


def ticket(
    *,
    instrument: InstrumentFacts,
    accounts: tuple[Account, ...],
    order_id: str,
    principal: Principal,
    side: str,
    ord_type: str,
    qty: Decimal,
    limit_price: Decimal | None,
    extended_hours: bool,
    phase: str,
    session_close: datetime | None,
    economics: int,
    alike: int,
    at: datetime,
) -> Ticket:
    """All that a control may know, gathered from memory: no query is asked here."""
    price = market_data.reference(instrument.id)
    return Ticket(
        order_id=order_id,
        organization_id=principal.organization_id,
        user_id=principal.user_id,
        username=principal.username,
        entitlements=principal.entitlements,
        accounts=tuple(
            AccountFacts(a.id, a.code, a.status, principal.organization_id) for a in accounts
        ),
        instrument_id=instrument.id,
        cusip=instrument.cusip,
        asset_class=instrument.asset_class,
        instrument_status=instrument.status,
        side=side,
        ord_type=ord_type,
        order_qty=qty,
        limit_price=limit_price,
        extended_hours=extended_hours,
        phase=phase,
        session_close=session_close,
        reference=None
        if price is None
        else Reference(price.mid, price.bid, price.ask, price.source, price.at),
        economics=economics,
        recent_alike=alike,
        restricted_on=library.restricted_on(principal.organization_id, instrument.cusip),
        at=at,
    )
