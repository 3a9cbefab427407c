"""Finds what may cross, locks it, asks every control again, crosses it: many per transaction.

A sweep over rows like every drain: run twice, or by many at once, it crosses each share once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from allocations import accounts as parties
from allocations.models import AccountAllocation
from controls.models import OrderGroup
from controls.states import Outcome
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import (
    aftermath,
    clearances,
    execution,
    markups,
    rescreen,
    sor,
    tree,
)
from orders.crossing import candidates, deciding, settling
from orders.crossing.candidates import Group
from orders.crossing.deciding import Market
from orders.crossing.pairing import Interest, Pair, Sizes, pairs
from orders.crossing.settling import Side
from orders.models import Execution, Order
from orders.models.cross import VENUE
from orders.rescreen import Looked, Part
from orders.tree import Tree
from venues import instruments, market_data, registry

_by = actors.system("crossing")
_odd = draining.Aside("cross")


def drain() -> int:
    """Cross what can be crossed now; returns how many crosses were made.

    A security that cannot be crossed is left out for a while, with a break: its orders go to the
    venues, and those of the others cross.
    """
    groups = candidates.found(at=clock.now(), without=_odd.keys())
    if not groups or not _is_open():
        return 0
    generation.check()

    def together(taken: list[Group]) -> int:
        taken += groups
        return _cross(groups)

    return draining.safely(together, lambda key: _cross({key: groups[key]}), aside=_put_aside)


def _put_aside(key: Group, error: Exception) -> None:
    _odd.put(key, error, organization_id=key.organization_id)


def _is_open() -> bool:
    facts = registry.find(VENUE)
    return facts is not None and facts.status == "active"


def _cross(groups: Mapping[Group, list[str]]) -> int:
    market_data.shelf.look(candidates.cusips(groups))
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        trees = _lock(work, [name for names in groups.values() for name in names])
        trees = {key: one for key, one in trees.items() if candidates.may(one, at=at)}
        # Groups after their orders and before the figures of limits, as everybody locks them.
        work.lock(OrderGroup, [g for one in trees.values() if (g := one.order.order_group_id)])
        cleared = clearances.of([one.order for one in trees.values()])
        wanted = _pair(work, [trees[key] for key in cleared], at=at)
        looked = _look(trees, wanted, at=at)
        made = 0
        for n, (pair, market) in enumerate(wanted):
            sides = {
                name: Side(trees[key], cleared[key], looked[f"{n}/{name}"])
                for name, key in (("buy", pair.buy), ("sell", pair.sell))
            }
            made += _settle(work, sides, pair, market, at=at)
        if made:
            _follow_up(work, trees, at=at)
    return made


def _lock(work: Unit, names: Sequence[str]) -> dict[str, Tree]:
    """Both sides in key order, leaving out what another transaction has: it is theirs to move."""
    rows = Order._base_manager.select_for_update(no_key=True, skip_locked=True).filter(pk__in=names)
    orders = {order.id: work.hold(order) for order in rows.order_by("pk")}
    return tree.below(work, orders)


def _pair(work: Unit, trees: Sequence[Tree], *, at: datetime) -> list[tuple[Pair, Market]]:
    """What crosses at the price of each security, organization by organization."""
    groups: dict[Group, list[Tree]] = {}
    for one in trees:
        key = Group(one.order.organization_id, one.order.instrument_id)
        groups.setdefault(key, []).append(one)
    accounts = _accounts(trees)
    found = []
    for key, mine in sorted(groups.items()):
        if len({one.order.side for one in mine}) < 2:
            continue
        market = deciding.market(sor.seen(work, key.instrument_id, at=at), at=at)
        if market.price is None:
            _tell_no_market(work, mine, market, at=at)
            continue
        facts = instruments.by_id(key.instrument_id)
        sizes = Sizes(facts.min_increment, facts.min_denomination)
        interests = [_interest(one, accounts, at=at) for one in mine]
        found += [(pair, market) for pair in pairs(interests, price=market.price, sizes=sizes)]
    return found


def _interest(one: Tree, accounts: Mapping[str, frozenset[str]], *, at: datetime) -> Interest:
    order = one.order
    return Interest(
        order.id,
        order.side,
        one.free(),
        # What crosses inside costs the client its markups as well.
        markups.street_limit(order, order.limit_price, at=at),
        accounts.get(order.id, frozenset()),
        order.approved_at or order.created_at,
        order.all_or_none or order.time_in_force == "fok",
        order.min_qty or Decimal(0),
    )


def _accounts(trees: Sequence[Tree]) -> dict[str, frozenset[str]]:
    """For whom each order is; those of a block by its allocation. A sleeve is its whole account:
    what two sleeves of one cross changes nobody's ownership."""
    blocks: dict[str, set[str]] = {}
    named = [o.allocation_id for o in (t.order for t in trees) if o.allocation_id]
    if named:
        rows = AccountAllocation.objects.filter(allocation_id__in=named)
        for key, account in rows.values_list("allocation_id", "account_id"):
            blocks.setdefault(key, set()).add(account)
    return {
        one.order.id: frozenset(
            parties.whole_of(one.order.organization_id, name)
            for name in (
                (one.order.account_id,)
                if one.order.account_id
                else blocks.get(one.order.allocation_id or "", ())
            )
        )
        for one in trees
    }


def _look(
    trees: Mapping[str, Tree], wanted: Sequence[tuple[Pair, Market]], *, at: datetime
) -> Mapping[str, Looked]:
    """Both sides of every pair through the gate, as the fills that they would be."""
    parts = []
    for n, (pair, market) in enumerate(wanted):
        assert market.price is not None
        for name, key in (("buy", pair.buy), ("sell", pair.sell)):
            asked = settling.instruction(trees[key], pair.qty, market.price)
            parts.append(Part(f"{n}/{name}", trees[key].order, asked))
    return rescreen.at_execution(parts, at=at)


def _settle(
    work: Unit, sides: Mapping[str, Side], pair: Pair, market: Market, *, at: datetime
) -> int:
    refused = {name: side for name, side in sides.items() if not _passes(side)}
    try:
        if refused:
            side = refused[min(refused)]
            raise OmsError(
                "control_refused", side.look.verdict.reject_reason or "A control has a question."
            )
        settling.carry_out(work, sides, pair, market, by=_by, at=at)
    except OmsError as refusal:
        _tell(work, [side.one for side in sides.values()], refusal, at=at)
        return 0
    return 1


def _passes(side: Side) -> bool:
    """Passed; a flag counts as passed only where a person has released the order from one."""
    if side.look.verdict.outcome == Outcome.PASSED:
        return True
    return not side.look.refused and side.clearance.review_id is not None


def _tell_no_market(work: Unit, mine: Sequence[Tree], market: Market, *, at: datetime) -> None:
    assert market.why_not is not None
    _tell(work, mine, OmsError(*market.why_not), at=at)


def _tell(work: Unit, mine: Sequence[Tree], refusal: OmsError, *, at: datetime) -> None:
    """Say it of those that now go to a venue; what stays staged is asked again each second."""
    for one in mine:
        if one.order.route_at is not None:
            body = {**execution.naming(one), "code": refusal.code, "reason": refusal.message}
            execution.record(
                work,
                one,
                "internal_cross_reject",
                body,
                msg_type=MsgType.INTERNAL,
                by=_by,
                at=at,
            )


def _follow_up(work: Unit, trees: Mapping[str, Tree], *, at: datetime) -> None:
    """What crossed has its consequences as after any fill."""
    fills: list[Execution] = work.added(Execution)
    aftermath.follow(work, {fill.order_id: trees[fill.order_id] for fill in fills}, at=at)
