"""What a request to change terms comes to, and whether those terms may be; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from allocations import accounts, engine, rebasing
from oms_site.firm.policies import PolicyFacts
from oms_site.journal.unit import Unit
from oms_site.kit.errors import Detail, OmsError, refuse
from orders import markups, order_types, render, rulesets, terms, time_in_force
from orders.models import Order
from orders.requests import AmendAsk
from orders.states import OrderStatus, Pending
from orders.tree import Tree
from venues import instruments

ALLOWED = "replace_chain"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The whole terms that are asked for: what was not named stays."""

    qty: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None


def wanted(order: Order, ask: AmendAsk) -> Wanted:
    """The order's terms with what the request names of them."""
    return Wanted(
        order.order_qty if ask.qty is None else ask.qty,
        order.limit_price if ask.limit_price is None else ask.limit_price,
        order.stop_price if ask.stop_price is None else ask.stop_price,
    )


def check(
    one: Tree, ask: AmendAsk, asked: Wanted, *, policy: PolicyFacts | None, at: datetime
) -> None:
    """Refuse what may not be amended, or not to this. Raises `OmsError` with the first fault."""
    order = one.order
    _check_order(order, ask, policy, at)
    _check_prices(order, ask)
    faults: list[Detail] = []
    facts = instruments.by_id(order.instrument_id)
    if ask.amount_type and ask.amount_type != order.amount_type:
        text = f"Give the amount as {order.amount_type}."
        faults.append(Detail("amount", "amount_type_unsupported", text))
    elif asked.qty != order.order_qty:
        terms.check_size("amount", asked.qty, facts, faults)
    refuse(faults)
    if asked.qty <= order.cum_qty:
        done = f"{render.tidy(order.cum_qty):f} is filled: cancel the rest instead."
        raise OmsError("amount_below_filled", done, field="amount", status=409)
    if not ask.accounts and asked == wanted(order, AmendAsk()):
        raise OmsError("nothing_changes", "These are its terms already.", status=409)
    _check_instructions(one, asked)
    markups.street_limit(order, asked.limit_price, at=at)


def _check_order(order: Order, ask: AmendAsk, policy: PolicyFacts | None, at: datetime) -> None:
    if policy is None or policy.rules.get("order_amendment") != ALLOWED:
        text = "Your policy does not allow amendments: cancel it and enter a new one."
        raise OmsError("amendment_not_allowed", text, status=409)
    if order.is_terminal:
        raise OmsError("order_closed", f"The order is {order.status}.", status=409)
    if order.pending in (Pending.CANCEL, Pending.EXPIRE):
        raise OmsError("order_pending_cancel", "The order is being stopped.", status=409)
    if order.released_qty is not None and ask.qty is not None and ask.qty != order.order_qty:
        text = "The amounts of a list's orders depend on each other and stay."
        raise OmsError("contingent_amount_fixed", text, field="amount", status=409)
    if order.amending:
        raise OmsError(
            "replacement_pending", "An amendment is not answered yet: wait for it.", status=409
        )
    if at >= order.expires_at:
        raise OmsError("market_closed", "The order's session is over.", status=409)
    if ask.revision is not None and ask.revision != order.revision:
        text = f"You looked at revision {ask.revision}; it is revision {order.revision} now."
        raise OmsError("stale_revision", text, status=409)


def _check_prices(order: Order, ask: AmendAsk) -> None:
    if ask.limit_price is not None and order.ord_type not in order_types.WITH_LIMIT:
        text = "An order of this type has no limit price."
        raise OmsError("limit_price_forbidden", text, field="limit_price")
    if ask.stop_price is None:
        return
    if order.ord_type not in order_types.WITH_TRIGGER:
        text = "An order of this type has no stop price."
        raise OmsError("stop_price_forbidden", text, field="stop_price")
    if not order.awaits_trigger:
        text = "Its stop price has been reached."
        raise OmsError("already_triggered", text, field="stop_price", status=409)


def _check_instructions(one: Tree, asked: Wanted) -> None:
    """Instructions that are still to be routed must fit the new terms."""
    order = one.order
    is_to_come = order.route_at is not None or order.status == OrderStatus.PENDING_APPROVAL
    if not is_to_come and order.time_in_force not in time_in_force.MULTI_DAY:
        return
    given = [rulesets.instruction_of(stored) for stored in order.execution_instructions]
    if is_to_come and sum((i.qty for i in given), Decimal(0)) > asked.qty:
        text = "Its instructions together exceed the new amount."
        raise OmsError("instructions_exceed_amount", text, field="amount", status=409)
    if any(terms.worse_limit(order.side, asked.limit_price, i.limit_price) for i in given):
        text = "One of its instructions has a limit worse than the new one."
        raise OmsError("limit_worse_than_order", text, field="limit_price", status=409)


def shares(work: Unit, order: Order, ask: AmendAsk, asked: Wanted) -> list[list[str]]:
    """What each account of a block is to get, by account id; empty for a plain order.

    Without new parts all are scaled, and refused where that is not exact. Once anything was filled
    the proportions stay: who gets what of a fill is fixed before the first one.
    """
    if order.account_id is not None or order.allocation_id is None:
        if ask.accounts:
            text = "This order is for one account."
            raise OmsError("not_a_block", text, field="allocations")
        return []
    basis = engine.of_orders(work, [order.id])[order.id].accounts
    old = [account.requested_qty for account in basis]
    increment = instruments.by_id(order.instrument_id).min_increment
    scaled = rebasing.scaled(old, to=asked.qty, increment=increment)
    if ask.accounts:
        parts = _given(order, ask, [account.account_id for account in basis], asked.qty)
        if order.cum_qty and parts != scaled:
            text = "Fills are allocated by the parts they were entered with: those stay."
            raise OmsError("allocation_frozen", text, field="allocations", status=409)
    elif scaled is None:
        text = "The accounts' parts cannot be scaled exactly: give every account's new amount."
        raise OmsError("allocation_ambiguous", text, field="allocations", status=409)
    else:
        parts = scaled
    return [[account.account_id, str(part)] for account, part in zip(basis, parts, strict=True)]


def _given(order: Order, ask: AmendAsk, known: Sequence[str], qty: Decimal) -> list[Decimal]:
    named: dict[str, Decimal] = {}
    for one in ask.accounts:
        account = accounts.find_account(order.organization_id, one.account_id)
        if account is None or account.id not in known or account.id in named or one.qty <= 0:
            text = f"Name every account of the block once, with an amount; {one.account_id} is not."
            raise OmsError("allocation_accounts_differ", text, field="allocations")
        named[account.id] = one.qty
    if set(named) != set(known):
        text = "Name every account of the block once: who takes part stays."
        raise OmsError("allocation_accounts_differ", text, field="allocations")
    if sum(named.values(), Decimal(0)) != qty:
        text = f"The accounts' amounts do not add up to {render.tidy(qty):f}."
        raise OmsError("allocation_sum_mismatch", text, field="allocations")
    return [named[key] for key in known]
