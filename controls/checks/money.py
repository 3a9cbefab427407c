"""Can it be paid for, and is it spread? Cash, initial margin and concentration."""

from __future__ import annotations

from decimal import Decimal

from controls import wording
from controls.findings import Answer, Finding, Missing, Passed
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import EXACT, Ticket

HUNDRED = Decimal(100)
ALIKE, GROUP = ("issuer", "sector", "country"), "group:"
CASH, ASSETS = Need("cash", "account"), Need("assets", "account")
COSTS = Need("costs", "account")
POSITION = (Need("position", "account", "long"), Need("position", "account", "short"))


class CashParams(Params, frozen=True):
    """A buy and the open buys take at most the traded cash, with a buffer in percent on this."""

    buffer_percent: Decimal | None = None


class MarginParams(Params, frozen=True):
    """The initial margin in percent by asset class (Regulation T, 12 CFR 220.12: equity 50)."""

    rates: dict[str, Decimal]
    exempt_reducing: bool = False


class ConcentrationParams(Params, frozen=True):
    """At most `max_percent` of an account's assets in one issuer, sector, country or `group:NAME`.

    A group is a list of that kind: its members change by versions that two people agree.
    """

    max_percent: Decimal
    by: str = "issuer"

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.by.startswith(GROUP) and len(self.by) > len(GROUP)
        if self.by not in ALIKE and not named:
            raise ValueError(f"by is one of {', '.join(ALIKE)} or {GROUP}NAME")


def cash_needs(params: CashParams) -> tuple[Need, ...]:
    """Cash as traded less what the open buys cost, and what this one costs beyond its principal."""
    return (CASH, COSTS)


def buying_power(ticket: Ticket, params: CashParams) -> Answer:
    """Every account can pay its part of a buy with interest and fees; a sell needs no cash."""
    if ticket.signed < 0:
        return Passed(None, "sell")
    limit = needed = Decimal(0)
    for part in ticket.parts("account"):
        limit = ticket.figure(CASH, part.entity)
        needed = ticket.value_of(part.qty) + ticket.figure(COSTS, part.entity)
        if params.buffer_percent is not None:
            needed += EXACT.multiply(needed, params.buffer_percent).scaleb(-2, EXACT)
        if needed > limit:
            return Finding(
                f"{part.label[0].upper()}{part.label[1:]} has {wording.cents(limit)} to spend "
                f"after open orders; this order needs {wording.money(needed, over=limit)}.",
                limit,
                needed,
            )
    return Passed(limit, needed)


def margin_needs(params: MarginParams) -> tuple[Need, ...]:
    """Positions and open orders by asset class, and the account's equity."""
    classes = tuple(Need("margin", "account", name) for name in sorted(params.rates))
    return (ASSETS, *classes, *(POSITION if params.exempt_reducing else ()))


def margin(ticket: Ticket, params: MarginParams) -> Answer:
    """The initial margin of everything held, open and this order is covered by the equity."""
    if params.exempt_reducing and ticket.reduces():
        return Passed(None, "reducing")
    rate = params.rates.get(ticket.asset_class)
    if rate is None:
        raise Missing(f"there is no initial margin for {ticket.asset_class}")
    equity = used = Decimal(0)
    for part in ticket.parts("account"):
        equity = ticket.figure(ASSETS, part.entity)
        used = ticket.value_of(part.qty) * rate
        for name, of_class in params.rates.items():
            used += ticket.figure(Need("margin", "account", name), part.entity) * of_class
        used = used.scaleb(-2, EXACT)
        if used > equity:
            return Finding(
                f"Initial margin of {part.label} would be {wording.money(used, over=equity)}; "
                f"its equity is {wording.cents(equity)}.",
                equity,
                used,
            )
    return Passed(equity, used)


def concentration_needs(params: ConcentrationParams) -> tuple[Need, ...]:
    """What is held and bought of the same group, and all assets."""
    return (Need("group", "account", params.by), ASSETS)


def concentration(ticket: Ticket, params: ConcentrationParams) -> Answer:
    """After a buy the group is at most its share of the account's assets."""
    if ticket.signed < 0:
        return Passed(params.max_percent, "sell")
    name = params.by.removeprefix(GROUP)
    grouped = params.by.startswith(GROUP)
    if grouped and name not in ticket.list_versions:
        raise Missing(f"there is no group {name}")
    if grouped and not ticket.belongs_to(name):
        return Passed(params.max_percent, f"not in {name} version {ticket.list_versions[name]}")
    if not grouped and not getattr(ticket, params.by, ""):
        raise Missing(f"{ticket.cusip} has no {params.by}")
    share = Decimal(0)
    what = f"{name} version {ticket.list_versions[name]}" if grouped else getattr(ticket, params.by)
    for part in ticket.parts("account"):
        assets = ticket.figure(ASSETS, part.entity)
        if assets <= 0:
            raise Missing(f"{part.label} has no assets to compare with")
        held = ticket.figure(Need("group", "account", params.by), part.entity)
        after = held + ticket.value_of(part.qty)
        share = EXACT.divide(after * HUNDRED, assets).quantize(Decimal("0.00000001"))
        if after * HUNDRED > params.max_percent * assets:
            return Finding(
                f"{what} would be {wording.percent(share, over=params.max_percent)} of "
                f"{part.label} (limit {wording.percent(params.max_percent)}).",
                params.max_percent,
                share,
            )
    return Passed(params.max_percent, share)
