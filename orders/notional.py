"""Orders given in money: turned into a quantity at a price, with what is left over.

Called by `terms` while a request is resolved, where the policy allows it. Pure but for the price.
The quantity is rounded down to the increment, never up: nobody is made to pay more than was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from oms_site.firm.policies import PolicyFacts
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail
from oms_site.kit.numbers import round_fraction
from orders.models import NotionalPart
from orders.requests import AllocationAsk, Instruction, OrderAsk
from venues import market_data
from venues.instruments import InstrumentFacts

KIND = "notional"
CENT = Decimal("0.01")
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Priced:
    """The price that money was turned into a quantity at, and where it comes from."""

    price: Decimal
    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One account's money: notional = principal + residual, to the cent."""

    notional: Decimal
    qty: Decimal
    principal: Decimal
    residual: Decimal
    increment: Decimal
    priced: Priced


def buys(notional: Decimal, *, price: Decimal, factor: Decimal, increment: Decimal) -> Decimal:
    """The most of whole increments that this money buys; 0 where it buys none.

    `factor` is 1 for a price per share, 0.01 for percent of par.
    """
    unit = Fraction(price) * Fraction(factor) * Fraction(increment)
    return (Fraction(notional) // unit) * increment


def part(notional: Decimal, *, priced: Priced, factor: Decimal, increment: Decimal) -> Part:
    """What becomes of one account's money, to the cent."""
    qty = buys(notional, price=priced.price, factor=factor, increment=increment)
    exact = Fraction(qty) * Fraction(priced.price) * Fraction(factor)
    principal = round_fraction(exact, places=2)
    return Part(notional, qty, principal, notional - principal, increment, priced)


def converted(
    ask: OrderAsk, facts: InstrumentFacts, policy: PolicyFacts, faults: list[Detail]
) -> tuple[OrderAsk, tuple[Part, ...]]:
    """The same request in par or shares, with a part for each account; faults are noted.

    A request that gives a quantity is answered as it is.
    """
    if ask.amount_type != KIND or KIND not in policy["allowed_amount_types"]:
        return ask, ()
    priced = _priced_at(ask.side, ask.limit_price, facts, faults)
    if priced is None:
        return ask, ()
    accounts = ask.allocation.accounts if ask.allocation else ()
    monies = [one.qty for one in accounts] or [ask.qty]
    if any(money % CENT for money in (*monies, ask.qty)):
        faults.append(Detail("amount", "too_many_places", "Give money in cents."))
        return ask, ()
    if sum(monies) != ask.qty:
        text = f"The accounts together request {sum(monies):f}, the order is for {ask.qty:f}."
        faults.append(Detail("allocations", "allocation_sum_mismatch", text))
        return ask, ()
    terms: dict[str, Any] = {
        "priced": priced,
        "factor": facts.money(ONE, ONE),
        "increment": facts.min_increment,
    }
    parts = tuple([part(money, **terms) for money in monies])
    short = [n for n, one in enumerate(parts) if not one.qty]
    for n in short:
        where = f"allocations.account_allocations[{n}].requested_amount" if accounts else "amount"
        text = f"{parts[n].notional:f} buys no {facts.min_increment.normalize():f} of it."
        faults.append(Detail(where, "notional_too_small", text))
    return (ask if short else _in_quantities(ask, parts, facts, terms, faults)), parts


def of_part(
    money: Decimal,
    facts: InstrumentFacts,
    *,
    side: str,
    limit: Decimal | None,
    faults: list[Detail],
) -> Part | None:
    """What becomes of money for a part of an order; None where a fault was noted."""
    priced = _priced_at(side, limit, facts, faults)
    if money % CENT:
        faults.append(Detail("amount", "too_many_places", "Give money in cents."))
    if priced is None or faults:
        return None
    unit = facts.money(ONE, ONE)
    made = part(money, priced=priced, factor=unit, increment=facts.min_increment)
    if not made.qty:
        text = f"{money:f} buys no {facts.min_increment.normalize():f} of it."
        faults.append(Detail("amount", "notional_too_small", text))
    return made


def _priced_at(
    side: str, limit: Decimal | None, facts: InstrumentFacts, faults: list[Detail]
) -> Priced | None:
    """The limit, else where the market stands on the other side; without either it is a fault."""
    if limit is not None:
        return Priced(limit, "limit")
    known = market_data.reference(facts.id)
    price = Decimal(0)
    if known is not None:
        price = (known.ask if side == "buy" else known.bid) or known.mid
    if known is None or price <= 0:
        text = "There is neither a limit nor a market price to turn money into a quantity."
        faults.append(Detail("amount", "notional_needs_price", text))
        return None
    return Priced(price, known.source, known.at)


def _in_quantities(
    ask: OrderAsk,
    parts: Sequence[Part],
    facts: InstrumentFacts,
    terms: dict[str, Any],
    faults: list[Detail],
) -> OrderAsk:
    whole = sum((one.qty for one in parts), Decimal(0))
    instructions: list[Instruction] = []
    for n, one in enumerate(ask.instructions):
        # An instruction for all of the money is for all of the quantity.
        qty = whole if one.qty == ask.qty else part(one.qty, **terms).qty
        if not qty:
            text = f"{one.qty:f} buys no {facts.min_increment.normalize():f} of it."
            faults.append(Detail(f"execution_instructions[{n}]", "notional_too_small", text))
        instructions.append(msgspec.structs.replace(one, qty=qty))
    return msgspec.structs.replace(
        ask,
        qty=whole,
        amount_type=facts.amount_type,
        instructions=tuple(instructions),
        allocation=_allocation(ask.allocation, parts),
    )


def _allocation(asked: AllocationAsk | None, parts: Sequence[Part]) -> AllocationAsk | None:
    if asked is None:
        return None
    accounts = [
        msgspec.structs.replace(account, qty=one.qty)
        for account, one in zip(asked.accounts, parts, strict=True)
    ]
    return msgspec.structs.replace(asked, accounts=tuple(accounts))


def rows(
    work: Unit,
    parts: Sequence[Part],
    *,
    organization_id: str,
    order_id: str,
    account_ids: Sequence[str],
    currency: str,
    at: datetime,
) -> list[NotionalPart]:
    """The facts to keep beside the order; `account_ids` is empty where nobody is named yet."""
    made = [
        NotionalPart(
            id=ids.prefixed("np"),
            organization_id=organization_id,
            order_id=order_id,
            account_id=account_ids[n] if account_ids else None,
            position=n,
            currency=currency,
            notional=one.notional,
            price=one.priced.price,
            price_source=one.priced.source,
            price_at=one.priced.at,
            increment=one.increment,
            qty=one.qty,
            principal=one.principal,
            residual=one.residual,
            at=at,
        )
        for n, one in enumerate(parts)
    ]
    work.add(*made)
    return made


def again(row: NotionalPart, facts: InstrumentFacts) -> bool:
    """Whether the same money at the same price still comes to what was kept."""
    priced = Priced(row.price, row.price_source, row.price_at)
    unit = facts.money(ONE, ONE)
    made = part(row.notional, priced=priced, factor=unit, increment=row.increment)
    return (made.qty, made.principal, made.residual) == (row.qty, row.principal, row.residual)


def view(parts: Sequence[Part] | Sequence[NotionalPart]) -> dict[str, Any] | None:
    """What an order in money came to, as answers and events tell it; None for any other order."""
    if not parts:
        return None
    return {
        "amount": sum((one.notional for one in parts), Decimal(0)),
        "principal": sum((one.principal for one in parts), Decimal(0)),
        "residual": sum((one.residual for one in parts), Decimal(0)),
        **_priced(parts[0]),
        "parts": [
            {
                "account_id": getattr(one, "account_id", None),
                "notional": one.notional,
                "quantity": one.qty,
                "principal": one.principal,
                "residual": one.residual,
            }
            for one in parts
        ],
    }


def _priced(one: Part | NotionalPart) -> dict[str, Any]:
    priced = (
        Priced(one.price, one.price_source, one.price_at)
        if isinstance(one, NotionalPart)
        else one.priced
    )
    return {"price": priced.price, "price_source": priced.source, "price_at": priced.at}


def of_order(order_id: str) -> list[NotionalPart]:
    """The facts of an order given in money, in the order of its accounts; none for any other."""
    rows = NotionalPart.objects.filter(order_id=order_id).select_related("account")
    return list(rows.order_by("position"))
