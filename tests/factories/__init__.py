"""Rows of reference data, as few columns as a test cares about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from allocations.models import Account, Custodian, IntroducingBroker, RiskGroup
from oms_site.firm.models import Organization, Policy, User
from oms_site.firm.roles import Role
from venues.models import Instrument, Venue

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


class _Factory(DjangoModelFactory):  # type: ignore[type-arg,misc]  # carries no types
    class Meta:
        abstract = True


class OrganizationFactory(_Factory):
    """A tenant; its id is its name in lower case."""

    class Meta:
        model = Organization
        django_get_or_create = ("id",)

    id = "alpha"
    name = factory.LazyAttribute(lambda made: made.id.title())


class PolicyFactory(_Factory):
    """The guide's rules, in force."""

    class Meta:
        model = Policy
        django_get_or_create = ("organization", "version")

    organization = factory.SubFactory(OrganizationFactory)
    version = 1
    effective_at = AT


class UserFactory(_Factory):
    """A staff member; give `roles` as a list of names."""

    class Meta:
        model = User
        django_get_or_create = ("username",)

    organization = factory.SubFactory(OrganizationFactory)
    roles = factory.LazyFunction(lambda: [Role.TRADER.value])
    username = factory.Sequence(lambda n: f"user{n}")
    is_staff = True


class InstrumentFactory(_Factory):
    """A Treasury bond."""

    class Meta:
        model = Instrument
        django_get_or_create = ("cusip",)

    cusip = "912810SX7"
    isin = factory.LazyAttribute(lambda made: f"US{made.cusip}2")
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

    id = factory.Sequence(lambda n: f"ib_{n}")
    organization = factory.SubFactory(OrganizationFactory)
    name = "Broker"


class RiskGroupFactory(_Factory):
    """Accounts without fees."""

    class Meta:
        model = RiskGroup

    id = factory.Sequence(lambda n: f"rg_{n}")
    organization = factory.SubFactory(OrganizationFactory)
    name = "Clients"


class AccountFactory(_Factory):
    """An active account in a risk group of its own organization."""

    class Meta:
        model = Account

    id = factory.Sequence(lambda n: f"acc_{n}")
    organization = factory.SubFactory(OrganizationFactory)
    code = factory.LazyAttribute(lambda made: made.id.upper())
    name = factory.LazyAttribute(lambda made: f"Client {made.code}")
    custodian = factory.SubFactory(CustodianFactory)
    risk_group = factory.SubFactory(
        RiskGroupFactory, organization=factory.SelfAttribute("..organization")
    )


def organization(id: str = "alpha", **values: Any) -> Organization:
    """An organization, the same row for the same id."""
    made: Organization = OrganizationFactory(id=id, **values)
    return made


def user(username: str, *, of: str | None = "alpha", role: str = "", **values: Any) -> User:
    """A staff member of an organization, with one role, or of none."""
    owner = organization(of) if of else None
    roles = [role] if role else []
    made: User = UserFactory(username=username, organization=owner, roles=roles, **values)
    return made
