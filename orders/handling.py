"""How an order wants to be handled: what may be asked for together, and how a venue is told.

`check` refuses what contradicts itself before an order exists; `wire` says the rest to a venue.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oms_site.firm.policies import PolicyFacts
from oms_site.kit.errors import Detail
from orders import order_types, time_in_force
from orders.models import ExecutionOrder, Order
from orders.requests import Handling, OrderAsk
from venues.instruments import InstrumentFacts

_QUANTITIES = ("display_qty", "min_qty")
# ExecInst(18): all or none, and participate, don't initiate.
ALL_OR_NONE, POST_ONLY = "G", "6"


def check(
    ask: OrderAsk, instrument: InstrumentFacts, policy: PolicyFacts, faults: list[Detail]
) -> None:
    """Note every instruction that the policy does not allow or that cannot be."""
    asked = ask.handled
    for name in named(asked):
        if name not in policy["allowed_handling"]:
            text = "Your policy does not allow this instruction."
            faults.append(Detail(name, "handling_not_allowed", text))
    for name in _QUANTITIES:
        _check_size(ask, name, getattr(asked, name), instrument, faults)
    _check_resting(ask, faults)
    if asked.min_qty is not None and ask.all_or_none:
        text = "All or none is the whole: leave one of them out."
        faults.append(Detail("min_qty", "min_qty_and_all_or_none", text))
    if asked.reduce_only and not (ask.account_id or ask.allocation):
        text = "Say for which account it reduces a position."
        faults.append(Detail("reduce_only", "reduce_only_needs_account", text))
    _check_auction(ask, faults)


def named(asked: Handling) -> list[str]:
    """The names of the instructions that are given; trailing stops go by their type."""
    given = [name for name in _QUANTITIES if getattr(asked, name) is not None]
    return [*given, *(name for name in ("post_only", "reduce_only") if getattr(asked, name))]


def needs(order: Order) -> frozenset[str]:
    """What a venue must be able to do for this order."""
    found = {name for name in _QUANTITIES if getattr(order, name) is not None}
    marks = {"post_only": order.post_only, "short_sale": bool(order.short_sale)}
    return frozenset(found.union(name for name, given in marks.items() if given))


def stays_together(order: Order) -> bool:
    """Whether smart routing may not split it: what it shows, takes or waits for is one place's."""
    return bool(needs(order) - {"short_sale"}) or order.time_in_force in time_in_force.AUCTIONS


def wire(order: Order, row: ExecutionOrder, *, qty: Decimal) -> dict[str, Any]:
    """ExecInst(18), DisplayQty(1138) and MinQty(110) of what goes to a venue.

    A venue carries nothing over from an order it replaces, so this is said every time.
    """
    said = {ALL_OR_NONE: row.all_or_none, POST_ONLY: order.post_only}
    told: dict[str, Any] = {"exec_inst": " ".join(word for word, given in said.items() if given)}
    if order.display_qty is not None:
        told["display_qty"] = min(order.display_qty, qty)
    if order.min_qty is not None:
        told["min_qty"] = min(order.min_qty, qty)
    return told


def _check_size(
    ask: OrderAsk,
    name: str,
    qty: Decimal | None,
    instrument: InstrumentFacts,
    faults: list[Detail],
) -> None:
    if qty is None:
        return
    if qty > ask.qty:
        faults.append(Detail(name, "exceeds_amount", "Give no more than the amount."))
    if qty < instrument.min_denomination or qty % instrument.min_increment:
        least = f"{instrument.min_denomination.normalize():f}"
        step = f"{instrument.min_increment.normalize():f}"
        text = f"{instrument.cusip} trades from {least} in multiples of {step}."
        faults.append(Detail(name, "off_increment", text))


def _check_resting(ask: OrderAsk, faults: list[Detail]) -> None:
    """What is shown and what only waits must be able to rest at a limit."""
    asked = ask.handled
    resting = {"display_qty": asked.display_qty is not None, "post_only": asked.post_only}
    for name in [name for name, given in resting.items() if given]:
        if ask.ord_type not in order_types.WITH_LIMIT:
            text = "Only an order with a limit price rests at a venue."
            faults.append(Detail(name, "needs_limit_price", text))
        if ask.time_in_force in time_in_force.IMMEDIATE | time_in_force.AUCTIONS:
            text = f"A {ask.time_in_force} order does not rest in the book."
            faults.append(Detail(name, "never_rests", text))
    if asked.display_qty is not None and ask.all_or_none:
        text = "An all-or-none order is not shown in parts."
        faults.append(Detail("display_qty", "display_qty_and_all_or_none", text))


def _check_auction(ask: OrderAsk, faults: list[Detail]) -> None:
    if ask.time_in_force not in time_in_force.AUCTIONS:
        return
    if ask.ord_type not in (order_types.MARKET, order_types.LIMIT):
        text = "At the open and at the close there are market and limit orders only."
        faults.append(Detail("time_in_force", "auction_needs_market_or_limit", text))
    if ask.extended_hours:
        text = "The official open and close are those of the regular session."
        faults.append(Detail("extended_hours", "auction_is_regular", text))
