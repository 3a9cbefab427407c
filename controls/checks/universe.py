"""May this security be traded at all? Lists of restricted instruments."""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding, Missing, Noted, Passed
from controls.parameters import Params
from controls.ticket import WATCH, Ticket


class RestrictedParams(Params, frozen=True):
    """Only these lists count; all of them when none is named."""

    lists: tuple[str, ...] = ()


class EligibleParams(Params, frozen=True):
    """The list of what may be traded, and the risk groups it is for; all when none is named."""

    universe: str
    risk_groups: tuple[str, ...] = ()


class InstrumentParams(Params, frozen=True):
    """The entitlement that trading this takes: at or below a rating, or in these asset classes."""

    entitlement: str
    asset_classes: tuple[str, ...] = ()
    group: str = ""


# Lists of these kinds forbid, those of the next let pass and tell compliance; the other kinds name
# what is allowed, or what belongs together.
FORBIDDING = frozenset({"restricted", "do_not_trade"})
WATCHING = frozenset({WATCH})
# What two people may lift for one order; what is restricted is nobody's to lift.
LIFTED = frozenset({"do_not_trade"})


def restricted(ticket: Ticket, params: RestrictedParams) -> Answer:
    """Neither the security, nor its issuer, nor an account of the order is on a list."""
    unknown = [
        name
        for name in params.lists
        if name not in ticket.list_versions and name not in ticket.restricted_on
    ]
    old = [name for name in ticket.restricted_on if not params.lists or name in params.lists]
    hits = [
        one
        for one in ticket.listed
        if one.kind in FORBIDDING and (not params.lists or one.name in params.lists)
    ]
    if unknown and not (old or hits):
        raise Missing(f"there is no list {unknown[0]}")
    if not (old or hits):
        # Whoever sees an order sees this: a watch list is nothing he may hear of.
        told = [n for n in ticket.list_versions if n not in ticket.quiet]
        looked = [f"{n} version {ticket.list_versions[n]}" for n in told]
        return Passed(None, ", ".join(looked)) if looked else PASSED
    # A list may name the security and several of the accounts: it is told once, they are all.
    lists = list(dict.fromkeys([*old, *(f"{one.name} version {one.version}" for one in hits)]))
    who = sorted({*(one.hit for one in hits), *([ticket.cusip] if old else [])})
    noun, verb = "list" if len(lists) == 1 else "lists", "is" if len(who) == 1 else "are"
    names = ", ".join(lists)
    lifted = not ticket.restricted_on and all(one.kind in LIFTED for one in hits)
    about = {f"{one.name}: {one.hit}" for one in hits} if lifted else ()
    said = f"{', '.join(who)} {verb} on the {noun} {names}."
    return Finding(said, None, names, tuple(sorted(about)))


def watched(ticket: Ticket, params: Params) -> Answer:
    """Always passes; noted when a watch list names the security, its issuer or an account."""
    hits = [one for one in ticket.listed if one.kind in WATCHING]
    if not hits:
        return PASSED
    who = ", ".join(sorted({one.hit for one in hits}))
    names = ", ".join(f"{one.name} version {one.version}" for one in hits)
    return Noted(f"{who}: watched by {names}.", names)


def eligible(ticket: Ticket, params: EligibleParams) -> Answer:
    """The security is in the universe that the risk group of the accounts may trade."""
    concerned = not params.risk_groups or any(
        account.risk_group_id in params.risk_groups for account in ticket.accounts
    )
    version = ticket.list_versions.get(params.universe)
    if version is None:
        raise Missing(f"there is no universe {params.universe}")
    limit = f"{params.universe} version {version}"
    if not concerned or ticket.belongs_to(params.universe):
        return Passed(limit, "in" if concerned else "not concerned")
    return Finding(f"{ticket.cusip} is not in the universe {limit}.", limit, ticket.cusip)


def entitled(ticket: Ticket, params: InstrumentParams) -> Answer:
    """The trader holds the entitlement that securities of this kind take."""
    if params.asset_classes and ticket.asset_class not in params.asset_classes:
        return Passed(params.entitlement, "not needed")
    if params.group:
        version = ticket.list_versions.get(params.group)
        if version is None:
            raise Missing(f"there is no group {params.group}")
        if not ticket.belongs_to(params.group):
            return Passed(params.entitlement, f"not in {params.group} version {version}")
    if params.entitlement in ticket.entitlements:
        return Passed(params.entitlement, "held")
    return Finding(
        f"{ticket.username} is not entitled to trade {ticket.cusip}: it takes "
        f"{params.entitlement}.",
        params.entitlement,
        "not held",
    )
