"""Rows of reference data, as few columns as a test cares about.

Call the functions at the end: they know what they return, which factories do not.
"""

# mypy: disable-error-code="no-untyped-call"
# Factories are untyped; only this room calls them.

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

from django.db import DatabaseError, transaction
from factory.declarations import (
    LazyAttribute,
    LazyFunction,
    SelfAttribute,
    Sequence,
    SubFactory,
)
from factory.django import DjangoModelFactory

from allocations.models import Account, Custodian, IntroducingBroker, RiskGroup
from oms_site.firm.models import Organization, Policy, User
from oms_site.firm.roles import Role
from tests import hiring
from venues.models import Instrument, Venue

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


class _Factory(DjangoModelFactory[Any]):
    class Meta:
        abstract = True


class OrganizationFactory(_Factory):
    """A tenant; its id is its name in lower case."""

    class Meta:
        model = Organization
        django_get_or_create = ("id",)

    id = "alpha"
    name = LazyAttribute(lambda made: made.id.title())


class PolicyFactory(_Factory):
    """The guide's rules, in force."""

    class Meta:
        model = Policy
        django_get_or_create = ("organization", "version")

    organization = SubFactory(OrganizationFactory)
    version = 1
    effective_at = AT
    status = Policy.Status.APPROVED
    origin = "system"


class UserFactory(_Factory):
    """A staff member; give `roles` as a list of names."""

    class Meta:
        model = User
        django_get_or_create = ("username",)

    organization = SubFactory(OrganizationFactory)
    roles = LazyFunction(lambda: [Role.TRADER.value])
    username = Sequence(lambda n: f"user{n}")
    is_staff = True


class InstrumentFactory(_Factory):
    """A Treasury bond."""

    class Meta:
        model = Instrument
        django_get_or_create = ("cusip",)

    cusip = "912810SX7"
    isin = LazyAttribute(lambda made: f"US{made.cusip}2")
    description = "T 2.375 05/15/51"
    asset_class = "treasury"
    issuer = "US Treasury"
    issue_date = date(2021, 5, 17)
    maturity_date = date(2051, 5, 15)
    coupon_percent = Decimal("2.375")
    day_count = "actual/actual icma"
    min_denomination = Decimal(100)
    min_increment = Decimal(100)


class VenueFactory(_Factory):
    """A simulated venue."""

    class Meta:
        model = Venue
        django_get_or_create = ("id",)

    id = "xsim"
    name = "Simulated Exchange"
    mpid = "XSIM"


class CustodianFactory(_Factory):
    """A simulated custodian."""

    class Meta:
        model = Custodian
        django_get_or_create = ("id",)

    id = "cust_sim"
    name = "Simulated Custodian"


class IntroducingBrokerFactory(_Factory):
    """A broker of the organization."""

    class Meta:
        model = IntroducingBroker

    id = Sequence(lambda n: f"ib_{n}")
    organization = SubFactory(OrganizationFactory)
    name = "Broker"


class RiskGroupFactory(_Factory):
    """Accounts without fees."""

    class Meta:
        model = RiskGroup

    id = Sequence(lambda n: f"rg_{n}")
    organization = SubFactory(OrganizationFactory)
    name = "Clients"


class AccountFactory(_Factory):
    """An active account in a risk group of its own organization."""

    class Meta:
        model = Account

    id = Sequence(lambda n: f"acc_{n}")
    organization = SubFactory(OrganizationFactory)
    code = LazyAttribute(lambda made: made.id.upper())
    name = LazyAttribute(lambda made: f"Client {made.code}")
    custodian = SubFactory(CustodianFactory)
    risk_group = SubFactory(RiskGroupFactory, organization=SelfAttribute("..organization"))


def organization(id: str = "alpha", **values: Any) -> Organization:
    """An organization, the same row for the same id."""
    return cast(Organization, OrganizationFactory(id=id, **values))


def user(username: str, *, of: str | None = "alpha", role: str = "", **values: Any) -> User:
    """A staff member of an organization, with one role, or of none."""
    owner = organization(of) if of else None
    roles = values.pop("roles", [role] if role else [])
    try:
        with transaction.atomic():
            made = UserFactory(username=username, organization=owner, roles=roles, **values)
    except DatabaseError:
        made = UserFactory(username=username, organization=owner, roles=[], **values)
        hiring.give(cast(User, made), roles)
    return cast(User, made)


def policy(**values: Any) -> Policy:
    """The first version of an organization's policy."""
    return cast(Policy, PolicyFactory(**values))


def instrument(**values: Any) -> Instrument:
    """The Treasury bond, or another one by its CUSIP."""
    return cast(Instrument, InstrumentFactory(**values))


def venue(**values: Any) -> Venue:
    """The simulated venue, or another one by its id."""
    return cast(Venue, VenueFactory(**values))


def custodian(**values: Any) -> Custodian:
    """The simulated custodian, or another one by its id."""
    return cast(Custodian, CustodianFactory(**values))


def introducing_broker(**values: Any) -> IntroducingBroker:
    """A new broker."""
    return cast(IntroducingBroker, IntroducingBrokerFactory(**values))


def risk_group(**values: Any) -> RiskGroup:
    """A new risk group."""
    return cast(RiskGroup, RiskGroupFactory(**values))


def account(**values: Any) -> Account:
    """A new account."""
    return cast(Account, AccountFactory(**values))
