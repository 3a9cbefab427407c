"""What stands over whom, in memory that follows the database exactly.

Asked for every ticket, so an engaged switch refuses at every look of the gate, the last one before
the wire included. It is loaded again whenever a halt has moved, and nothing else is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from controls.models import Halt, OrderGroup
from controls.states import HALT_STANDING, GroupStatus
from oms_site.firm.generation import Cached
from oms_site.firm.models import User

Key = tuple[str, str]
EVERYBODY, GROUP = "", "order_group"
# A reducing halt's names are kept apart: orders that reduce pass it.
_Standing = dict[Key, tuple[list[str], list[str]]]


class Over(msgspec.Struct, frozen=True):
    """The names of what stands over an order, and of what lets only reducing orders pass."""

    halted: tuple[str, ...] = ()
    reduced: tuple[str, ...] = ()


NOTHING = Over()


def _load() -> dict[str, _Standing]:
    found: dict[str, _Standing] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for row in Halt.objects.filter(status__in=sorted(HALT_STANDING)).order_by("engaged_at", "id"):
        whom = found[EVERYBODY if row.imposed else row.organization_id]
        for key in _keys(row):
            names = whom[key][row.mode == Halt.Mode.REDUCING]
            if (name := f"{row.target_name} ({row.reason})") not in names:
                names.append(name)
    for group in OrderGroup.objects.filter(status=GroupStatus.LOCKED).order_by("locked_at", "id"):
        found[group.organization_id][(GROUP, group.id)][0].append(group.standing)
    return {name: dict(standing) for name, standing in found.items()}


def _keys(row: Halt) -> list[Key]:
    if row.kind == Halt.Kind.CAPACITY:
        # It holds the intake up and stands over no order that has been taken.
        return [(Halt.Kind.CAPACITY.value, "")]
    if row.scope == Halt.Scope.ALL:
        return [("all", "")]
    if row.scope == Halt.Scope.DESK:
        members = User.objects.filter(
            groups__name=row.target, organization_id=row.organization_id
        ).order_by("username")
        return [("trader", name) for name in members.values_list("username", flat=True)]
    return [(row.scope, row.target)]


_standing = Cached(_load, quick=True)


def over(
    organization_id: str,
    *,
    accounts: Iterable[str],
    trader: str,
    cusip: str,
    api_key: str = "",
    strategies: Iterable[str] = (),
    order_group: str = "",
) -> Over:
    """What stands over an order; nothing when it may go on."""
    if not _standing.get():
        return NOTHING
    return _found(
        organization_id,
        [
            ("all", ""),
            ("organization", organization_id),
            ("trader", trader),
            ("instrument", cusip),
            *([("api_key", api_key)] if api_key else []),
            *([(GROUP, order_group)] if order_group else []),
            *(("account", account) for account in accounts),
            *(("strategy", name) for name in strategies),
        ],
    )


def actor(organization_id: str, *, trader: str, api_key: str = "") -> Over:
    """What stands over a person who acts on an order, or over the key that they act with."""
    if not _standing.get():
        return NOTHING
    keys = [("trader", trader), *([("api_key", api_key)] if api_key else [])]
    return _found(organization_id, keys)


def part(organization_id: str, *, strategy: str, venue: str) -> Over:
    """What stands over a part of an order that is worked so, or there; either may be empty."""
    if not _standing.get():
        return NOTHING
    asked = [("strategy", strategy), ("venue", venue)]
    return _found(organization_id, [key for key in asked if key[1]])


def venues(organization_id: str) -> frozenset[str]:
    """The venues where an organization may not trade now."""
    standing = _standing.get()
    whose = [standing.get(name, {}) for name in (EVERYBODY, organization_id)] if standing else []
    return frozenset(
        target
        for held in whose
        for (scope, target), (names, _) in held.items()
        if scope == "venue" and names
    )


def names(organization_id: str) -> list[str]:
    """All that stands over an organization now, oldest first; for every screen."""
    standing = _standing.get()
    found: list[str] = []
    for whose in (EVERYBODY, organization_id):
        for (scope, _), (stopped, narrowed) in standing.get(whose, {}).items():
            if scope == GROUP:
                # Its owner's own limit: no business of everybody's screen.
                continue
            but = [f"{name}, except what lessens a position" for name in narrowed]
            found += [name for name in (*stopped, *but) if name not in found]
    return found


def capacity(organization_id: str) -> str:
    """Why no orders are taken for lack of capacity; empty when they are."""
    if not _standing.get():
        return ""
    return "; ".join(_found(organization_id, [(Halt.Kind.CAPACITY.value, "")]).halted)


def _found(organization_id: str, keys: Sequence[Key]) -> Over:
    standing = _standing.get()
    halted: list[str] = []
    reduced: list[str] = []
    for whose in (EVERYBODY, organization_id):
        held = standing.get(whose)
        if held is None:
            continue
        for key in keys:
            stopped, narrowed = held.get(key, ((), ()))
            halted += stopped
            reduced += narrowed
    return Over(tuple(halted), tuple(reduced)) if halted or reduced else NOTHING
