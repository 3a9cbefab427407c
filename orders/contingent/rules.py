"""What a list of orders must be before any of them exists: how many, whose, of what, which way."""

from __future__ import annotations

from collections.abc import Sequence

from oms_site.firm.policies import PolicyFacts
from oms_site.kit.errors import Detail
from orders import order_types, time_in_force
from orders.desk.drafts import Draft
from orders.requests import OrderAsk
from orders.states import Contingency, Role

# The roles by position; the last one stands for all that follow. Least and most orders.
ROLES: dict[str, tuple[Role, ...]] = {
    Contingency.OCO: (Role.LEG,),
    Contingency.OTO: (Role.PARENT, Role.CHILD),
    Contingency.BRACKET: (Role.PARENT, Role.TAKE_PROFIT, Role.STOP_LOSS),
    Contingency.BASKET: (Role.LINE,),
}
SIZES: dict[str, tuple[int, int]] = {
    Contingency.OCO: (2, 2),
    Contingency.OTO: (2, 10),
    Contingency.BRACKET: (3, 3),
    Contingency.BASKET: (1, 50),
}
# ContingencyType(1385); a basket has none, its orders do not depend on each other.
FIX: dict[str, str | None] = {
    Contingency.OCO: "1",
    Contingency.OTO: "2",
    Contingency.BRACKET: "2",
    Contingency.BASKET: None,
}
_EXCLUSIVE = frozenset({Role.LEG, Role.TAKE_PROFIT, Role.STOP_LOSS})


def role_of(contingency: str, position: int) -> Role:
    """What the order at a position is in such a list."""
    roles = ROLES[contingency]
    return roles[min(position, len(roles) - 1)]


def check(contingency: str, asks: Sequence[OrderAsk], policy: PolicyFacts) -> list[Detail]:
    """Everything that is wrong with a list by what its orders say."""
    faults: list[Detail] = []
    if contingency not in policy["allowed_contingencies"]:
        allowed = ", ".join(policy["allowed_contingencies"]) or "none"
        text = f"Your policy allows lists of these types: {allowed}."
        faults.append(Detail("contingency_type", "contingency_not_allowed", text))
    if contingency == Contingency.BASKET:
        return faults
    for n, ask in enumerate(asks):
        role = role_of(contingency, n)
        _check_one(f"orders[{n}]", ask, role, faults)
    exclusive = [n for n in range(len(asks)) if role_of(contingency, n) in _EXCLUSIVE]
    _check_exclusive(asks, exclusive, faults)
    if contingency == Contingency.BRACKET:
        _check_bracket(asks, faults)
    return faults


def check_made(contingency: str, drafts: Sequence[Draft]) -> list[Detail]:
    """What is wrong once names are known: one account, and one security where legs exclude."""
    faults: list[Detail] = []
    if contingency == Contingency.BASKET:
        return faults
    first = drafts[0].order
    for n, draft in enumerate(drafts[1:], start=1):
        if draft.order.account_id != first.account_id:
            text = "All orders of this list are for one account."
            faults.append(Detail(f"orders[{n}].account_id", "contingent_account_differs", text))
        other = draft.order.instrument_id != first.instrument_id
        if other and contingency != Contingency.OTO:
            text = "All orders of this list are in one security."
            where = f"orders[{n}].instrument_id"
            faults.append(Detail(where, "contingent_instrument_differs", text))
    return faults


def _check_one(where: str, ask: OrderAsk, role: Role, faults: list[Detail]) -> None:
    if ask.allocation is not None or not ask.account_id:
        text = "An order of this list is for one account."
        faults.append(Detail(f"{where}.account_id", "contingent_needs_account", text))
    if role == Role.PARENT:
        return
    once = time_in_force.IMMEDIATE | time_in_force.AUCTIONS
    if ask.time_in_force in once:
        text = "An order that waits for another one lives for the day or longer."
        faults.append(Detail(f"{where}.time_in_force", "contingent_time_in_force", text))
    if ask.all_or_none or ask.handled.min_qty is not None:
        text = "It may be let go in parts, so it cannot be all or none."
        faults.append(Detail(f"{where}.all_or_none", "contingent_all_or_none", text))


def _check_exclusive(
    asks: Sequence[OrderAsk], positions: Sequence[int], faults: list[Detail]
) -> None:
    """One of them rests at a venue; the others wait with us, where they can be held back."""
    resting = [n for n in positions if asks[n].ord_type not in order_types.WAITING]
    for n in resting[1:]:
        text = (
            "Of orders that cancel each other only one may rest at a venue: "
            "give this one a price that we wait for (limit_if_touched, stop, stop_limit, …)."
        )
        faults.append(Detail(f"orders[{n}].type", "contingent_needs_trigger", text))
    for n in positions[1:]:
        if asks[n].qty != asks[positions[0]].qty:
            text = "Orders that cancel each other have the same amount."
            faults.append(Detail(f"orders[{n}].amount", "contingent_amount_differs", text))


def _check_bracket(asks: Sequence[OrderAsk], faults: list[Detail]) -> None:
    entry, profit, loss = asks
    for n, ask in enumerate((profit, loss), start=1):
        if ask.side == entry.side:
            text = "It closes what the entry opens: give the other side."
            faults.append(Detail(f"orders[{n}].side", "contingent_side", text))
        if ask.qty != entry.qty:
            text = "It closes what the entry opens: give the same amount."
            faults.append(Detail(f"orders[{n}].amount", "contingent_amount_differs", text))
    if loss.ord_type not in order_types.ADVERSE:
        text = "A stop-loss is a stop, a stop limit or a trailing stop."
        faults.append(Detail("orders[2].type", "contingent_needs_stop", text))
