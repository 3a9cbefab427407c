"""Looks at orders again: when a person releases them, as they go to market, before the wire.

The controls are those in force now, the ticket is made of what the order is now. A control that
rejects stops it; a flag was a person's to release and is kept as evidence only. Every look is one
batch: the same few queries for one order and for hundreds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations import accounts
from allocations.models import AccountAllocation
from controls import halts, overrides, screening
from controls.models import Screening
from controls.screening import Verdict
from controls.states import Outcome
from controls.ticket import EXACT, AccountFacts, Ticket
from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError
from orders import alike, costs, exposure, tickets, time_in_force
from orders.models import Execution, Order, Replacement, VenueOrder
from orders.requests import Instruction
from venues import instruments

SUPPRESS, POST_TRADE = "pmp.suppress", "post_trade"


@dataclass(frozen=True, slots=True)
class Looked:
    """A second look: the ticket as it was then, and the verdict on it."""

    ticket: Ticket
    verdict: Verdict

    @property
    def refused(self) -> bool:
        """Whether a control rejects it now."""
        return self.verdict.outcome == Outcome.REJECTED

    @property
    def breached(self) -> bool:
        """Whether any control failed, whatever it would do to an order."""
        passing = {screening.PASS, *screening.LET_PASS}
        return any(result.effect not in passing for result in self.verdict.results)

    @property
    def noteworthy(self) -> bool:
        """Whether any control failed or was left out: kept as evidence."""
        return any(result.effect != screening.PASS for result in self.verdict.results)

    def row(self) -> Screening:
        """The evidence, for the caller's unit of work."""
        return self.verdict.row(self.ticket)

    def error(self) -> OmsError:
        """What is said to whoever asked: the first rejecting control's code, all sentences."""
        return OmsError(self.verdict.reject_code, self.verdict.reject_reason, status=409)


@dataclass(frozen=True, slots=True)
class Part:
    """Part of an order that goes to market: how much, at what limit, on whose word."""

    key: str
    order: Order
    instruction: Instruction
    by: Principal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """An order with the whole quantity and the limit it is to have as that revision.

    `parts` are what the accounts of a block are to get of it, in their order; empty as before.
    `by` is who asks for it.
    """

    order: Order
    qty: Decimal
    limit_price: Decimal | None
    revision: int = 0
    parts: tuple[Decimal, ...] = ()
    stop_price: Decimal | None = None
    by: Principal | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is about to be sent of a venue order: how much, as part of which new terms if of any."""

    child: VenueOrder
    qty: Decimal
    change: Change | None = None


def asked_of(order: Order, row: Replacement, *, by: Principal | None = None) -> Change:
    """What a replacement asks its order to become; by whoever requested it unless somebody else."""
    return Change(
        order,
        row.order_qty,
        row.limit_price,
        row.revision,
        tuple(Decimal(part) for _, part in row.shares),
        row.stop_price,
        by or principals.of_user(row.requested_by, via="recheck"),
    )


def at_release(orders: Sequence[Order], *, at: datetime) -> list[Looked]:
    """One look at each order that is about to be released; keep each `row` with the decision."""
    made = _tickets(orders, stage="release", at=at)
    judged = exposure.judge([made[order.id] for order in orders], at=at)
    return [Looked(ticket, verdict) for ticket, verdict in judged]


def at_replace(changes: Sequence[Change], *, at: datetime) -> list[Looked]:
    """One look at each order as it would be after its change, instead of as it is now.

    What has been executed counts as held; the changed rest is what is asked about.
    """
    made = _tickets([change.order for change in changes], stage="replace", at=at)
    asked = [_changed(made[one.order.id], one) for one in changes]
    terms = [(one.order, one.qty, one.limit_price, one.stop_price) for one in changes]
    judged = exposure.judge(alike.told(asked, terms, at=at), at=at)
    return [Looked(ticket, verdict) for ticket, verdict in judged]


def _changed(ticket: Ticket, change: Change) -> Ticket:
    order, parts = change.order, change.parts
    if parts and len(parts) == len(ticket.accounts):
        accounts = tuple(
            msgspec.structs.replace(account, qty=part)
            for account, part in zip(ticket.accounts, parts, strict=True)
        )
        ticket = msgspec.structs.replace(ticket, accounts=accounts)
    if ticket.overrides:
        held = overrides.held([(order.organization_id, order.id)])[order.id]
        if not held.covers(change.qty, change.limit_price, change.stop_price):
            ticket = msgspec.structs.replace(ticket, overrides={})
    whole = change.qty if parts else order.order_qty
    return msgspec.structs.replace(
        _acted(_sized(ticket, change.qty - order.cum_qty, whole), change.by),
        order_version=change.revision or order.revision,
        limit_price=change.limit_price,
        ord_type="market" if change.limit_price is None else "limit",
    )


def at_execution(parts: Sequence[Part], *, at: datetime) -> dict[str, Looked]:
    """One look at each part that is about to go to market, by the part's key.

    The rest of an order that is open stays open beside its parts.
    """
    if not parts:
        return {}
    orders = {part.order.id: part.order for part in parts}
    made = _tickets(orders.values(), stage="execution_order", at=at)
    taken: dict[str, Decimal] = defaultdict(Decimal)
    asked = []
    for part in parts:
        taken[part.order.id] += part.instruction.qty
        asked.append(_of_part(made[part.order.id], part))
    rest = {
        key: _sized(made[key], order.leaves_qty - taken[key], order.order_qty)
        for key, order in orders.items()
        if order.leaves_qty > taken[key]
    }
    judged = exposure.judge(asked, at=at, rest=rest)
    return {
        part.key: Looked(ticket, verdict)
        for part, (ticket, verdict) in zip(parts, judged, strict=True)
    }


def at_wire(sendings: Sequence[Sending], *, at: datetime) -> dict[str, Looked]:
    """The last look before the wire at what is about to be sent, by its venue order's id.

    From memory: instrument, accounts, lists, price, hours, halts of the venue and the strategy.
    Only where a halt lets reducing orders pass are positions read.
    """
    orders = {one.child.order_id: one.child.order for one in sendings}
    made = _tickets(orders.values(), stage="wire", at=at)
    asked = []
    for one in sendings:
        child, row = one.child, one.child.execution_order
        ticket = made[child.order_id]
        if one.change is not None:
            ticket = _changed(ticket, one.change)
        strategy = f"{row.protocol}/{row.strategy}"
        asked.append(_stopped(ticket, strategy=strategy, venue=child.venue_id))
    if any(ticket.reduced for ticket in asked):
        judged = _reducing(sendings, asked, at=at)
    else:
        judged = list(zip(asked, screening.screen(asked, at=at), strict=True))
    return {
        one.child.id: Looked(ticket, verdict)
        for one, (ticket, verdict) in zip(sendings, judged, strict=True)
    }


def _reducing(
    sendings: Sequence[Sending], asked: Sequence[Ticket], *, at: datetime
) -> list[tuple[Ticket, Verdict]]:
    """Each for its own quantity, beside what else of its order is open or may become so."""
    whole = {ticket.order_id: ticket for ticket in asked}
    sized, leaves = list[Ticket](), dict[str, Decimal]()
    for one, ticket in zip(sendings, asked, strict=True):
        order, change = one.child.order, one.change
        sized.append(_sized(ticket, one.qty, ticket.order_qty))
        still = change.qty - order.cum_qty if change else order.leaves_qty
        leaves[order.id] = leaves.get(order.id, still) - one.qty
    rest = {
        key: _sized(whole[key], qty, whole[key].order_qty) for key, qty in leaves.items() if qty > 0
    }
    return exposure.judge(sized, at=at, locked=False, rest=rest)


def after_fills(
    orders: Mapping[str, Order], fills: Sequence[Execution], *, at: datetime
) -> dict[str, Looked]:
    """One look at every order that has just been filled, as nothing more than what it left behind.

    The fills are not in the tables yet, so they are added; of the orders themselves what is left
    counts as open. Empty when no control looks after trades.
    """
    rows = [o for o in orders.values() if exposure.looks(o.organization_id, POST_TRADE)]
    if not rows:
        return {}
    made = _tickets(rows, stage=POST_TRADE, at=at)
    rest = {
        order.id: _sized(made[order.id], order.leaves_qty, order.order_qty)
        for order in rows
        if order.leaves_qty
    }
    held = [
        (made[fill.order_id].organization_id, part.entity, fill.order_id, part.qty)
        for fill in fills
        if fill.order_id in made
        for part in _sized(made[fill.order_id], fill.qty, orders[fill.order_id].order_qty).shares()
    ]
    moved = [
        (organization, account, orders[key].instrument_id, qty * made[key].signed)
        for organization, account, key, qty in held
    ]
    empty = [_sized(made[order.id], Decimal(0), order.order_qty) for order in rows]
    judged = exposure.judge(empty, at=at, rest=rest, moved=moved, locked=False)
    return {ticket.order_id: Looked(ticket, verdict) for ticket, verdict in judged}


def _of_part(ticket: Ticket, part: Part) -> Ticket:
    asked, order = part.instruction, part.order
    limit = asked.limit_price if asked.limit_price is not None else order.limit_price
    who = part.by.username if part.by else ticket.username
    may = part.by.may(SUPPRESS) if part.by else SUPPRESS in ticket.entitlements
    sized = _acted(_sized(ticket, asked.qty, order.order_qty), part.by)
    return msgspec.structs.replace(
        _stopped(sized, strategy=f"{asked.protocol}/{asked.strategy}", venue=asked.venue_id),
        limit_price=limit,
        ord_type="market" if limit is None else "limit",
        charged=(asked.fees,) if asked.fees else ticket.charged,
        protocol=asked.protocol,
        pmp_suppressed_by=who if asked.suppress_pmp_check and may else "",
    )


def _stopped(ticket: Ticket, *, strategy: str, venue: str) -> Ticket:
    """The ticket with what stands over its strategy or venue alone."""
    return _over(ticket, halts.part(ticket.organization_id, strategy=strategy, venue=venue))


def _acted(ticket: Ticket, by: Principal | None) -> Ticket:
    """The ticket with what stands over whoever acts, beside what stands over its maker."""
    if by is None:
        return ticket
    key = str(by.api_key_id or "")
    return _over(ticket, halts.actor(ticket.organization_id, trader=by.username, api_key=key))


def _over(ticket: Ticket, more: halts.Over) -> Ticket:
    halted = [name for name in more.halted if name not in ticket.halted]
    reduced = [name for name in more.reduced if name not in ticket.reduced]
    if not (halted or reduced):
        return ticket
    return msgspec.structs.replace(
        ticket, halted=(*ticket.halted, *halted), reduced=(*ticket.reduced, *reduced)
    )


def ticket_of(order: Order, *, at: datetime) -> Ticket:
    """The ticket of one order as it would be entered now, without what orders share."""
    return _tickets([order], stage="order", at=at)[order.id]


def _sized(ticket: Ticket, qty: Decimal, of: Decimal) -> Ticket:
    """The ticket of part of an order: every account's part of a block in proportion."""
    parts = tuple(
        account
        if account.qty is None
        else msgspec.structs.replace(account, qty=EXACT.divide(account.qty * qty, of))
        for account in ticket.accounts
    )
    return msgspec.structs.replace(ticket, order_qty=qty, accounts=parts)


def _tickets(orders: Iterable[Order], *, stage: str, at: datetime) -> dict[str, Ticket]:
    """The tickets of orders as they are now: a query each for makers, overrides, blocks if any."""
    rows = list(orders)
    by_two = overrides.held((order.organization_id, order.id) for order in rows)
    makers = User.objects.in_bulk({order.submitted_by_id for order in rows})
    owners = {key: principals.of_user(user, via="recheck") for key, user in makers.items()}
    blocks = _blocks(rows)
    made = {
        order.id: _ticket(order, owners[order.submitted_by_id], blocks, stage=stage, at=at)
        for order in rows
    }
    for key in made.keys() & by_two.keys():
        made[key] = msgspec.structs.replace(made[key], overrides=by_two[key].approved)
    return made


def _strategies(order: Order) -> list[str]:
    return [f"{one['protocol']}/{one['strategy']}" for one in order.execution_instructions]


def _blocks(orders: Iterable[Order]) -> Mapping[str, list[tuple[str, Decimal]]]:
    found: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    wanted = {order.allocation_id for order in orders if order.account_id is None}
    if wanted:
        rows = AccountAllocation.objects.filter(allocation_id__in=wanted).order_by("position")
        for key, account, qty in rows.values_list("allocation_id", "account_id", "requested_qty"):
            found[key].append((account, qty))
    return found


def _ticket(
    order: Order,
    maker: Principal,
    blocks: Mapping[str, list[tuple[str, Decimal]]],
    *,
    stage: str,
    at: datetime,
) -> Ticket:
    facts = instruments.by_id(order.instrument_id)
    named = blocks.get(order.allocation_id or "", []) if order.account_id is None else []
    ids = [order.account_id] if order.account_id else [account for account, _ in named]
    found = [accounts.find_account(order.organization_id, name) for name in ids]
    made = tickets.ticket(
        instrument=facts,
        accounts=tuple(account for account in found if account is not None),
        order_id=order.id,
        principal=maker,
        side=order.side,
        ord_type=order.ord_type,
        qty=order.order_qty,
        limit_price=order.limit_price,
        extended_hours=order.extended_hours,
        phase=time_in_force.phase_of(order, at=at),
        session_close=order.expires_at,
        economics=order.economics,
        alike=None,
        at=at,
        stage=stage,
        parts=[qty for _, qty in named],
        ib_id=order.ib_id or "",
        tags=tickets.tags_of(order.trader_profile, order.locate_id, order.locate_broker),
        marks=tickets.marks_of(order),
        api_key=str(order.api_key_id or ""),
        order_group=order.order_group_id or "",
        strategies=_strategies(order) if stage in ("release", "replace") else (),
    )
    charged = costs.sets_of(order)
    if order.revision > 1 or charged:
        made = msgspec.structs.replace(made, order_version=order.revision, charged=charged)
    if len(made.accounts) == len(ids):
        return made
    # An account that cannot be found is no reason to look at fewer of them.
    lost = tuple(
        AccountFacts(name, name, "unknown", order.organization_id)
        for name, account in zip(ids, found, strict=True)
        if account is None
    )
    return msgspec.structs.replace(made, accounts=(*made.accounts, *lost))


def evidence(looked: Looked | None) -> tuple[Any, ...]:
    """The rows to keep of a look: always at a release, elsewhere when a control had to say."""
    kept = looked is not None and (looked.noteworthy or looked.ticket.stage == "release")
    return (looked.row(),) if kept and looked is not None else ()
