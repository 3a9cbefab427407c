"""For whom we trade: accounts, the groups that set their fees, their brokers and custodians."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models

from oms_site.firm.models import Organization
from venues.capabilities import CUSTODIAN
from venues.models import Venue


class Custodian(models.Model):
    """Where trades are booked: which adapter speaks to it and where.

    One that also executes has a desk: the venue that trades by the protocol `custodian` alone.
    """

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80)
    adapter = models.CharField(max_length=20, default="simulated")
    active = models.BooleanField(default=True)
    desk = models.OneToOneField(
        Venue,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        limit_choices_to={"protocols": [CUSTODIAN]},
        help_text="the venue that works what is handed to it; none: it only books",
    )
    keep_files_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="files with it are removed after so many days; none: never",
    )

    def __str__(self) -> str:
        return self.name


class IntroducingBroker(models.Model):
    """The broker that brought the client; `parent` is the firm that it is a branch of."""

    id = models.CharField(primary_key=True, max_length=40)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="branches", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(parent=None) | ~models.Q(parent=models.F("id")),
                name="ib_is_not_its_own_parent",
            )
        ]

    def __str__(self) -> str:
        return self.name


class RiskGroup(models.Model):
    """A cohort of accounts with the same fees. `fees` are the guide's CustomFee objects."""

    id = models.CharField(primary_key=True, max_length=40)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    fees = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """A client account. `code` is unique within its organization, `id` everywhere.

    One with `sleeve_of` is a part of that account which is managed by itself: it trades and keeps
    books like any account, and the custodian knows only the whole. The database keeps it one level
    deep, for good, and with the custodian and the currency of the whole.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    class Relief(models.TextChoices):
        """Which lots a sale is taken from."""

        FIFO = "fifo", "first in, first out"
        LIFO = "lifo", "last in, first out"
        HIFO = "hifo", "highest cost first"
        AVERAGE = "average", "average cost: all shares are one lot"
        SPECIFIC = "specific", "the lots that are named, else the first in"

    class Type(models.TextChoices):
        """Whose money it is."""

        INDIVIDUAL = "individual"
        JOINT = "joint"
        RETIREMENT = "retirement"
        TRUST = "trust"
        CORPORATE = "corporate"
        INSTITUTION = "institution"
        OMNIBUS = "omnibus", "omnibus: several clients of another firm"
        HOUSE = "house", "house: the firm's own"

    id = models.CharField(primary_key=True, max_length=40)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="accounts"
    )
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    account_type = models.CharField(max_length=12, choices=Type.choices, default=Type.INDIVIDUAL)
    categories = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="names to find it by, separated by commas",
    )
    sleeve_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="sleeves",
        null=True,
        blank=True,
        help_text="the account that it is a part of; stays as it was made",
    )
    custodian = models.ForeignKey(Custodian, on_delete=models.PROTECT, related_name="+")
    risk_group = models.ForeignKey(RiskGroup, on_delete=models.PROTECT, related_name="accounts")
    currency = models.CharField(max_length=3, default="USD")
    currencies = ArrayField(
        models.CharField(max_length=3),
        default=list,
        blank=True,
        help_text="other currencies it may exchange money into; none named: any",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    lot_relief = models.CharField(max_length=8, choices=Relief.choices, default=Relief.FIFO)
    converts = models.BooleanField(
        default=False, help_text="trades in other currencies are paid in the account's own"
    )
    margin = models.BooleanField(
        default=False, help_text="may owe money; must own a part of what it holds"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "code"], name="account_code_once"),
            models.CheckConstraint(
                condition=models.Q(sleeve_of=None) | ~models.Q(sleeve_of=models.F("id")),
                name="account_is_no_sleeve_of_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
