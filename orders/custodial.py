"""Execution orders that a custodian works at its desk: what may be handed over, and how much.

A desk is a venue that nobody chooses: its custodian is named. From then on it is sent to, heard,
canceled and reconciled as every venue. Shares alone go there; money is turned into them here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from allocations import accounts
from oms_site.firm import policies
from oms_site.kit.errors import Detail, OmsError, refuse
from orders import brokers, destinations, fitness, notional
from orders.models import ExecutionOrder, Order
from orders.requests import Instruction
from venues import instruments
from venues.capabilities import CUSTODIAN
from venues.smart_routing import Decision, Slice


def resolved(order: Order, asked: Instruction) -> tuple[Instruction, notional.Part | None]:
    """What is asked for with its desk, in shares, and what money came to where it was money.

    Raises `OmsError` (422) when the money buys nothing, or there is no price to tell.
    """
    made = destinations.resolved(asked, order.custodian_id)
    if made.notional is msgspec.UNSET:
        return made, None
    part = _bought(order, made.notional, limit=made.limit_price)
    return msgspec.structs.replace(made, qty=part.qty), part


def _bought(order: Order, money: Decimal, *, limit: Decimal | None) -> notional.Part:
    facts = instruments.by_id(order.instrument_id)
    policy = policies.pinned(order.organization_id, order.policy_id)
    allowed = policy["allowed_amount_types"] if policy else ()
    if notional.KIND not in allowed or order.amount_type != "shares":
        text = f"Give the amount of {facts.cusip} as {facts.amount_type}."
        raise OmsError("amount_type_unsupported", text, field="amount")
    bound = order.limit_price if limit is None else limit
    faults: list[Detail] = []
    part = notional.of_part(money, facts, side=order.side, limit=bound, faults=faults)
    refuse(faults)
    assert part is not None
    return part


def check(order: Order, instruction: Instruction, *, at: datetime) -> None:
    """Refuse what its custodian cannot work (422), or its desk does not take now (409)."""
    if instruction.protocol != CUSTODIAN:
        return
    kept_by = _keepers(order)
    refuse(destinations.custodian_faults(instruction, kind=order.amount_type, kept_by=kept_by))
    limit = order.limit_price if instruction.limit_price is None else instruction.limit_price
    desk, qty = instruction.venue_id, instruction.qty
    why = fitness.fault(desk, order, qty=qty, limit=limit, at=at, protocol=CUSTODIAN)
    if why is not None:
        raise why


def _keepers(order: Order) -> set[str]:
    """The custodians of an order's accounts; none while nobody has said for whom it is."""
    found = (
        accounts.find_account(order.organization_id, name) for name in brokers.accounts_of(order)
    )
    return {one.custodian_id for one in found if one is not None}


def decision(row: ExecutionOrder) -> Decision:
    """All of it to the desk: nothing was chosen, so nothing is kept of a choice."""
    assert row.venue_id is not None
    house = accounts.find_custodian(row.custodian_id or "")
    name = row.custodian_id if house is None else house.name
    return Decision((Slice(row.venue_id, row.qty),), f"handed to {name}")
