"""For whom a control is: any subset of dimensions, each with the values it is for.

A slice is read once, when the library loads it. A dimension that the ticket cannot tell (None)
never keeps a control away: rather one order asked too many than one too few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from controls.ticket import Ticket
from oms_site.kit.errors import Detail

Values: TypeAlias = tuple[str, ...] | None
Scope: TypeAlias = Mapping[str, frozenset[str]]

STAGES = ("order", "execution_order", "replace", "release", "wire", "post_trade")
PROTOCOLS = ("limit_order_book", "rfq", "external", "custodian", "internal_cross")
SIDES = ("buy", "sell", "sell_short", "sell_short_exempt")
MOST_VALUES = 1000


def _one(name: str) -> Callable[[Ticket], Values]:
    def read(ticket: Ticket) -> Values:
        value = getattr(ticket, name, None)
        return None if value is None or value == "" else (str(value),)

    return read


def _accounts(ticket: Ticket) -> Values:
    own = [one.id for one in ticket.accounts] + [one.code for one in ticket.accounts]
    if not ticket.is_divided:
        return tuple(own)
    # A control for an account is for all parts of it.
    whole = [name for one in ticket.accounts for name in (one.whole, one.whole_code) if name]
    return tuple(dict.fromkeys([*own, *whole]))


def _of_accounts(name: str) -> Callable[[Ticket], Values]:
    def read(ticket: Ticket) -> Values:
        value = getattr(ticket, name, None)
        found = [getattr(account, name, None) for account in ticket.accounts]
        if value:
            found.append(value)
        if not found or not all(found):
            return None
        return tuple(str(one) for one in found)

    return read


def _sides(ticket: Ticket) -> Values:
    """A short sale is a sale too; one that is exempt has a side of its own."""
    mark = {"short": ("sell_short",), "exempt": ("sell_short_exempt",)}
    return (ticket.side, *mark.get(ticket.short_sale, ()))


def _instrument(ticket: Ticket) -> Values:
    return (ticket.cusip,)


def _lists(ticket: Ticket) -> Values:
    held: Iterable[str] = getattr(ticket, "lists", ticket.restricted_on)
    return tuple(held)


READERS: dict[str, Callable[[Ticket], Values]] = {
    "ib": lambda ticket: (ticket.ib_id,) if ticket.ib_id else (),
    "risk_group": _of_accounts("risk_group_id"),
    "account": _accounts,
    "trader": _one("username"),
    "api_key": _one("api_key"),
    "asset_class": _one("asset_class"),
    "instrument": _instrument,
    "instrument_list": _lists,
    "side": _sides,
    "protocol": _one("protocol"),
    "stage": lambda ticket: (str(getattr(ticket, "stage", None) or "order"),),
}
KNOWN: dict[str, Sequence[str]] = {"side": SIDES, "protocol": PROTOCOLS, "stage": STAGES}


def compile(raw: Mapping[str, Iterable[str]], asset_classes: Iterable[str] = ()) -> Scope:
    """A stored slice as sets; raises ValueError for a dimension that nobody knows."""
    unknown = set(raw) - set(READERS)
    if unknown:
        raise ValueError(f"nobody knows the slice {', '.join(sorted(unknown))}")
    scope = {name: frozenset(map(str, values)) for name, values in raw.items() if values}
    classes = frozenset(asset_classes)
    return {**scope, "asset_class": classes} if classes else scope


def matches(scope: Scope, facts: Mapping[str, Values]) -> bool:
    """Whether a control of this scope is for an order with these facts."""
    for name, wanted in scope.items():
        given = facts[name]
        if given is not None and wanted.isdisjoint(given):
            return False
    return True


def facts_of(ticket: Ticket, dimensions: Iterable[str]) -> tuple[Values, ...]:
    """What the ticket says in each of these dimensions, in their order."""
    return tuple([READERS[name](ticket) for name in dimensions])


def faults(raw: Any) -> list[Detail]:
    """What is wrong with a slice that somebody wrote, field by field."""
    if not isinstance(raw, dict):
        return [Detail("slice", "invalid_slice", "Give an object of dimensions.")]
    found = []
    for name, values in raw.items():
        field = f"slice.{name}"
        if name not in READERS:
            known = ", ".join(READERS)
            found.append(Detail(field, "unknown_slice", f"Known dimensions: {known}."))
        elif not _texts(values):
            found.append(
                Detail(field, "invalid_slice", f"Give a list of 1 to {MOST_VALUES} distinct texts.")
            )
        elif name in KNOWN and set(values) - set(KNOWN[name]):
            found.append(Detail(field, "invalid_slice", f"One of: {', '.join(KNOWN[name])}."))
    return found


def _texts(values: Any) -> bool:
    return (
        isinstance(values, list)
        and 0 < len(values) <= MOST_VALUES
        and all(isinstance(value, str) and value.strip() for value in values)
        and len(set(values)) == len(values)
    )
