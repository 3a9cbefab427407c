"""Currencies, corporate actions and margin: what moves or binds holdings beside trades."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from allocations.models.account import Account
from oms_site.firm.models import Organization, person_or_none
from oms_site.journal.rows import LedgerRow
from venues.models import Instrument

ZERO = Decimal("0.00")


class FxRate(models.Model):
    """What one unit of `base` costs in `quote`, who says so, and when. Added, never changed.

    Every organization has its own: none values its books by what another one says.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    source = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="fx_rate_positive"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="fx_of_two_currencies"),
            models.UniqueConstraint(
                fields=["organization", "base", "quote", "at", "source"], name="fx_rate_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.rate}"


class CorporateAction(LedgerRow):
    """What an issuer does to holdings: a coupon, a redemption, a split.

    Who held at the end of `record_date` is entitled; cash moves on `pay_date`. `rate` is percent
    of par for bonds (a coupon, a redemption price) and money per share for equities (a dividend);
    a split gives `ratio_new` for `ratio_old`. Applied once; made by one person, or by the bond's
    own schedule, and applied by another person or by the schedule.
    """

    class Kind(models.TextChoices):
        COUPON = "coupon"
        DIVIDEND = "dividend"
        REDEMPTION = "redemption", "redemption at maturity"
        CALL = "call", "full call"
        SPLIT = "split"

    class Status(models.TextChoices):
        ANNOUNCED = "announced"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"

    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    record_date = models.DateField()
    pay_date = models.DateField()
    rate = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    ratio_new = models.PositiveIntegerField(default=0)
    ratio_old = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=40)
    reason = models.CharField(max_length=300, blank=True)
    maker = person_or_none()
    announced_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ANNOUNCED)
    checker = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    entitled = models.PositiveIntegerField(default=0)
    # What a call pays beside its price, in percent of par; None until it is applied.
    accrued = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        *("status", "checker_id", "decided_at", "entitled", "accrued"),
    )

    class Meta:
        constraints = [
            # A bond's own schedule says each coupon once; who withdraws one may announce it again.
            models.UniqueConstraint(
                fields=["organization", "instrument", "kind", "record_date"],
                name="corporate_action_once",
                condition=~Q(status="withdrawn"),
            ),
            models.CheckConstraint(
                condition=Q(checker=None) | Q(maker=None) | ~Q(checker=F("maker")),
                name="action_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(status="applied") | Q(maker=None) | Q(checker__isnull=False),
                name="action_has_a_checker",
            ),
            models.CheckConstraint(
                condition=Q(kind="split", ratio_new__gt=0, ratio_old__gt=0)
                | (~Q(kind="split") & Q(rate__gte=0)),
                name="action_has_its_terms",
            ),
            models.CheckConstraint(
                condition=Q(pay_date__gte=F("record_date")), name="action_pays_after_record"
            ),
        ]
        indexes = [
            models.Index(
                fields=["record_date"], name="action_due", condition=Q(status="announced")
            ),
            models.Index(fields=["organization", "announced_at", "id"], name="action_list"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    def apply(
        self, *, entitled: int, accrued: Decimal | None, checker_id: int | None, at: datetime
    ) -> None:
        """Everybody entitled got theirs."""
        self.status, self.entitled = self.Status.APPLIED, entitled
        self.accrued = accrued
        self.checker_id, self.decided_at = checker_id, at

    def withdraw(self, *, checker_id: int | None, at: datetime) -> None:
        """It is not going to happen, or was announced wrongly."""
        self.status, self.checker_id, self.decided_at = self.Status.WITHDRAWN, checker_id, at


class MarginRate(models.Model):
    """How much of a position's worth an account must own itself, in percent, by asset class."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    asset_class = models.CharField(max_length=12)
    percent = models.DecimalField(max_digits=7, decimal_places=4)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "asset_class"], name="margin_rate_once"
            ),
            models.CheckConstraint(
                condition=Q(percent__gt=0, percent__lte=100), name="margin_rate_sensible"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_class} {self.percent} %"


class MarginCall(LedgerRow):
    """An account whose own money does not cover its requirement, until it does again.

    Amounts are in the account's currency as they were when it was opened, and last looked at.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()

    requirement = models.DecimalField(max_digits=20, decimal_places=2)
    equity = models.DecimalField(max_digits=20, decimal_places=2)
    met_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("requirement", "equity", "met_at")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], name="one_open_margin_call", condition=Q(met_at=None)
            ),
        ]
        indexes = [models.Index(fields=["organization", "opened_at", "id"], name="margin_list")]

    def __str__(self) -> str:
        return self.id
