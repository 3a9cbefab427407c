"""Turns an order's terms into a controls ticket: the gate never sees an order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations import corporate_actions
from allocations.accounts import AccountFacts as Account
from controls import halts, lists
from controls.ticket import AccountFacts, Reference, Ticket
from oms_site.firm.principals import Principal
from orders import costs, order_types
from orders.models import Order
from orders.requests import OrderAsk
from orders.terms import Terms
from venues import market_data
from venues.instruments import InstrumentFacts
from venues.market_data import evaluated


def renew_prices(order_ids: Iterable[str], *, by: Principal) -> None:
    """Ask the price service for old prices of orders that somebody's word has looked at again.

    Called before that transaction; no query where there is no service.
    """
    rows = Order.objects.filter(pk__in=list(order_ids), organization_id=by.organization_id)
    evaluated.look(rows.values_list("instrument__cusip", flat=True))


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
    """The ticket of an order that is being submitted, without the figures that orders share."""
    ask = terms.ask
    made = ticket(
        parts=[one.qty for one in ask.allocation.accounts] if ask.allocation else (),
        ib_id=terms.ib_id or "",
        tags=tags_of(ask.trader_profile, ask.locate_id, ask.locate_broker),
        marks=marks_of(ask),
        api_key=str(principal.api_key_id or ""),
        strategies=[f"{one.protocol}/{one.strategy}" for one in ask.instructions],
        order_group=ask.group,
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
    fees = [one.fees for one in ask.instructions]
    charged = costs.sets(principal.organization_id, terms.risk_group_id or "", terms.fees, fees)
    return msgspec.structs.replace(made, charged=charged) if charged else made


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
    alike: int | None,
    at: datetime,
    stage: str = "order",
    parts: Sequence[Decimal] = (),
    ib_id: str = "",
    protocol: str = "",
    tags: Mapping[str, str] | None = None,
    pmp_suppressed_by: str = "",
    api_key: str = "",
    strategies: Sequence[str] = (),
    order_group: str = "",
    marks: Mapping[str, Any] | None = None,
) -> Ticket:
    """All that a control may know, gathered from memory: no query is asked here."""
    return Ticket(
        order_id=order_id,
        organization_id=principal.organization_id,
        user_id=principal.user_id,
        username=principal.username,
        entitlements=principal.entitlements,
        accounts=_accounts(accounts, parts, principal.organization_id),
        instrument_id=instrument.id,
        cusip=instrument.cusip,
        asset_class=instrument.asset_class,
        instrument_status=corporate_actions.ended(principal.organization_id, instrument.id)
        or instrument.status,
        side=side,
        ord_type=order_types.released_as(ord_type),
        order_qty=qty,
        limit_price=limit_price,
        extended_hours=extended_hours,
        phase=phase,
        session_close=session_close,
        reference=_reference(instrument.id),
        economics=economics,
        recent_alike=alike,
        restricted_on=(),
        at=at,
        stage=stage,
        protocol=protocol,
        ib_id=ib_id,
        **_standing(instrument, accounts, principal, api_key, strategies, order_group),
        **(marks or {}),
        tags=tags or {},
        pmp_suppressed_by=pmp_suppressed_by,
    )


def _reference(instrument_id: int) -> Reference | None:
    price = market_data.reference(instrument_id)
    if price is None:
        return None
    return Reference(price.mid, price.bid, price.ask, price.source, price.at)


def _accounts(
    accounts: tuple[Account, ...], parts: Sequence[Decimal], organization_id: str
) -> tuple[AccountFacts, ...]:
    return tuple(
        [
            AccountFacts(
                a.id,
                a.code,
                a.status,
                organization_id,
                a.risk_group_id,
                a.currency,
                parts[n] if parts else None,
                *_whole(a),
            )
            for n, a in enumerate(accounts)
        ]
    )


def _whole(account: Account) -> tuple[str, str]:
    """Id and code of what an account is a part of: of itself where it has sleeves."""
    return (account.whole_id, account.outside_code) if account.is_divided else ("", "")


def _standing(
    instrument: InstrumentFacts,
    accounts: tuple[Account, ...],
    principal: Principal,
    api_key: str,
    strategies: Sequence[str],
    order_group: str,
) -> dict[str, Any]:
    """What the security is, and what lists, mandates and halts say of it and of the accounts."""
    known = lists.of(principal.organization_id)
    ids = list(dict.fromkeys([*(a.id for a in accounts), *(a.whole_id for a in accounts)]))
    stands = halts.over(
        principal.organization_id,
        accounts=ids,
        trader=principal.username,
        cusip=instrument.cusip,
        api_key=api_key,
        strategies=strategies,
        order_group=order_group,
    )
    return {
        "issuer": instrument.issuer,
        "sector": instrument.sector,
        "country": instrument.country,
        "rating": instrument.rating,
        "currency": instrument.currency,
        "maturity_date": instrument.bond.maturity_date if instrument.bond else None,
        "min_denomination": instrument.min_denomination,
        "min_increment": instrument.min_increment,
        "listed": known.hits(cusip=instrument.cusip, issuer=instrument.issuer, accounts=ids),
        "list_versions": known.versions,
        "quiet": known.quiet,
        "api_key": api_key,
        "halted": stands.halted,
        "reduced": stands.reduced,
        "mandates": tuple([known.mandates[name] for name in ids if name in known.mandates]),
    }


def alone(ticket: Ticket, kept: Sequence[AccountFacts]) -> Ticket:
    """The ticket for some of its accounts: what stands over the others alone goes with them."""

    def over(accounts: Sequence[AccountFacts]) -> halts.Over:
        return halts.over(
            ticket.organization_id,
            accounts=_named(accounts),
            trader=ticket.username,
            cusip=ticket.cusip,
        )

    whole, left = over(ticket.accounts), over(kept)
    gone = {*whole.halted, *whole.reduced} - {*left.halted, *left.reduced}
    ids = _named(kept)
    known = lists.of(ticket.organization_id)
    return msgspec.structs.replace(
        ticket,
        accounts=tuple(kept),
        listed=known.hits(cusip=ticket.cusip, issuer=ticket.issuer, accounts=ids),
        mandates=tuple([one for one in ticket.mandates if one.account in ids]),
        halted=tuple([name for name in ticket.halted if name not in gone]),
        reduced=tuple([name for name in ticket.reduced if name not in gone]),
    )


def _named(accounts: Iterable[AccountFacts]) -> list[str]:
    """The accounts and those that they are parts of, each once."""
    found = [name for a in accounts for name in (a.id, a.whole) if name]
    return list(dict.fromkeys(found))


def marks_of(one: OrderAsk | Order) -> dict[str, Any]:
    """What few orders have, by the ticket's names: a short sale's mark, what exempts it."""
    if isinstance(one, Order):
        line, reduces = one.flatten_line_id, one.reduce_only
    else:
        line, reduces = one.flatten_line or None, one.handled.reduce_only
    found = {"short_sale": one.short_sale, "exempt_by": line, "reduce_only": reduces or bool(line)}
    return {name: said for name, said in found.items() if said}


def tags_of(
    profile: Mapping[str, Any] | None, locate_id: object = None, locate_broker: object = None
) -> dict[str, str]:
    """The order's tags: every plain value of its trader profile, as text, and its locate."""
    plain = (str, int, bool, Decimal)
    located = {"locate_id": locate_id, "locate_broker": locate_broker}
    said = {**(profile or {}), **{name: one for name, one in located.items() if one}}
    return {k: str(v) for k, v in said.items() if isinstance(v, plain)}
