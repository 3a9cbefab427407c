"""Accounts, custodians, risk groups and introducing brokers, from memory.

Asked for every order and every leg, so nothing here asks the database per call: the caller runs
`firm.generation.check` once per batch and sees every change made before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allocations.models import Account, Custodian, IntroducingBroker, RiskGroup
from oms_site.firm.generation import Cached

# From open to shut.
_CLOSED = (Account.Status.ACTIVE, Account.Status.SUSPENDED, Account.Status.CLOSED)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A client account, or a sleeve of one."""

    id: str
    code: str
    name: str
    status: str
    custodian_id: str
    risk_group_id: str
    currency: str
    lot_relief: str = "fifo"
    converts: bool = False
    margin: bool = False
    account_type: str = "individual"
    categories: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    # The account that it is a sleeve of; empty for an account that is whole.
    sleeve_of: str = ""
    # What its custodian calls it: the code of the whole.
    outside_code: str = ""
    sleeves: tuple[str, ...] = ()

    @property
    def whole_id(self) -> str:
        """The account that its custodian knows: its own, or the one that it is a sleeve of."""
        return self.sleeve_of or self.id

    @property
    def is_divided(self) -> bool:
        """Whether it is a part of something: a sleeve, or an account that has some."""
        return bool(self.sleeve_of or self.sleeves)

    def may_hold(self, currency: str) -> bool:
        """Whether money may be exchanged into this currency; without a list into any."""
        return not self.currencies or currency in (self.currency, *self.currencies)


@dataclass(frozen=True, slots=True)
class CustodianFacts:
    """Where trades are booked; `adapter` names the wire, `desk` the venue if it executes."""

    id: str
    name: str
    adapter: str
    active: bool
    desk: str = ""


@dataclass(frozen=True, slots=True)
class RiskGroupFacts:
    """A cohort of accounts with the same fees, as the guide's CustomFee objects."""

    id: str
    name: str
    fees: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """An introducing broker, and whose branch it is."""

    id: str
    name: str
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Parties:
    """Everything of this room; keys start with the organization where there is one."""

    accounts: dict[str, tuple[AccountFacts, ...]]
    by_id: dict[tuple[str, str], AccountFacts]
    by_code: dict[tuple[str, str], AccountFacts]
    custodians: dict[str, CustodianFacts]
    risk_groups: dict[tuple[str, str], RiskGroupFacts]
    brokers: dict[tuple[str, str], BrokerFacts]


def find_account(organization_id: str, id_or_code: str) -> AccountFacts | None:
    """An organization's account by id, else by code."""
    parties, key = _parties.get(), (organization_id, id_or_code)
    return parties.by_id.get(key) or parties.by_code.get(key)


def accounts_of(organization_id: str) -> tuple[AccountFacts, ...]:
    """An organization's accounts, by code."""
    return _parties.get().accounts.get(organization_id, ())


def called_outside(organization_id: str, account_id: str) -> str:
    """What custodians and other sides call an account: a sleeve by the code of its whole."""
    facts = find_account(organization_id, account_id)
    return facts.outside_code if facts else account_id


def whole_of(organization_id: str, account_id: str) -> str:
    """The id of the account that is known outside; of an unknown one its own."""
    facts = _parties.get().by_id.get((organization_id, account_id))
    return facts.whole_id if facts else account_id


def with_sleeves(organization_id: str, account_id: str) -> tuple[str, ...]:
    """An account's id, and those of its sleeves by code."""
    facts = _parties.get().by_id.get((organization_id, account_id))
    return (account_id, *(facts.sleeves if facts else ()))


def find_custodian(custodian_id: str) -> CustodianFacts | None:
    """A custodian, whoever books there."""
    return _parties.get().custodians.get(custodian_id)


def desks() -> list[CustodianFacts]:
    """The custodians that execute, by name."""
    found = [one for one in _parties.get().custodians.values() if one.active and one.desk]
    return sorted(found, key=lambda one: (one.name, one.id))


def find_risk_group(organization_id: str, risk_group_id: str) -> RiskGroupFacts | None:
    """An organization's risk group."""
    return _parties.get().risk_groups.get((organization_id, risk_group_id))


def find_ib(organization_id: str, ib_id: str) -> BrokerFacts | None:
    """An organization's introducing broker."""
    return _parties.get().brokers.get((organization_id, ib_id))


def fees_for(risk_group: RiskGroupFacts | None) -> tuple[dict[str, Any], ...]:
    """The fees of a risk group; none without one."""
    return () if risk_group is None else risk_group.fees


def _load() -> _Parties:
    accounts: dict[str, list[AccountFacts]] = {}
    parties = _Parties({}, {}, {}, {}, {}, {})
    rows = list(Account.objects.order_by("organization_id", "code"))
    whole = {row.id: row for row in rows if row.sleeve_of_id is None}
    parts: dict[str, list[str]] = {}
    for row in rows:
        if row.sleeve_of_id is not None:
            parts.setdefault(row.sleeve_of_id, []).append(row.id)
    for row in rows:
        above = whole.get(row.sleeve_of_id or "", row)
        facts = AccountFacts(
            id=row.id,
            code=row.code,
            name=row.name,
            # A sleeve trades no longer than its whole does.
            status=max(row.status, above.status, key=_CLOSED.index),
            custodian_id=row.custodian_id,
            risk_group_id=row.risk_group_id,
            currency=row.currency,
            lot_relief=row.lot_relief,
            converts=row.converts,
            margin=row.margin and above.margin,
            account_type=row.account_type,
            categories=tuple(row.categories),
            currencies=tuple(above.currencies),
            sleeve_of=row.sleeve_of_id or "",
            outside_code=above.code,
            sleeves=tuple(parts.get(row.id, ())),
        )
        accounts.setdefault(row.organization_id, []).append(facts)
        parties.by_id[row.organization_id, row.id] = facts
        parties.by_code[row.organization_id, row.code] = facts
    parties.accounts.update({name: tuple(rows) for name, rows in accounts.items()})
    for house in Custodian.objects.all():
        parties.custodians[house.id] = CustodianFacts(
            house.id, house.name, house.adapter, house.active, house.desk_id or ""
        )
    for group in RiskGroup.objects.all():
        parties.risk_groups[group.organization_id, group.id] = RiskGroupFacts(
            group.id, group.name, tuple(group.fees)
        )
    for broker in IntroducingBroker.objects.all():
        parties.brokers[broker.organization_id, broker.id] = BrokerFacts(
            broker.id, broker.name, broker.parent_id
        )
    return parties


_parties = Cached(_load)
