"""Confirming booked legs: what we say, what the other side says, and how the two compare.

Moved by `allocations.settlement` alone. Terms never change; a correction is a new row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from allocations.models.account import Account, Custodian
from allocations.models.allocation import BookingLeg
from allocations.settlement_states import CONFIRM_STEPS, ConfirmStatus
from allocations.states import COUNTED_MAX
from oms_site.firm.models import person, person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerFact, LedgerRow
from venues.models import Instrument


def _confirm(step: str) -> dict[str, Any]:
    sources, target = CONFIRM_STEPS[step]
    return {"source": list(sources), "target": target}


def part(to: type[models.Model]) -> models.ForeignKey[models.Model]:
    """A reference without a constraint.

    Accounts, custodians and instruments are never deleted; constraints would lock the same few
    rows in every batch.
    """
    return models.ForeignKey(
        to, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )


class TradeConfirm(LedgerRow):
    """Our confirmation of one booked leg: Confirmation(AK), ConfirmID(664).

    Terms are the leg's. `side` is that of the account; a leg that takes another back has the other
    one. `ask` is what the other side is to be told next. `their_word` is the AffirmStatus(940) that
    it gave, 0 for none yet. An exception has an owner, and is closed by two through an adjustment.
    `service` is the central matching service that it goes through, none for its custodian's desk;
    `counterparty` the broker who dealt, empty where there were several.
    """

    class Ask(models.TextChoices):
        NOTHING = ""
        CONFIRM = "confirm"
        DISPUTE = "dispute"
        WITHDRAW = "withdraw"

    # Codes of what was taken back: at its service too, or before that had heard of it.
    WITHDRAWN, NOT_TOLD = "withdrawn", "not_told"

    leg = models.ForeignKey(BookingLeg, on_delete=models.PROTECT, related_name="confirms")
    order_id = models.CharField(max_length=40, db_index=True)
    custodian = part(Custodian)
    account = part(Account)
    instrument = part(Instrument)
    side = models.CharField(max_length=4)
    currency = models.CharField(max_length=3)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=24, decimal_places=10)
    principal = models.DecimalField(max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(max_digits=20, decimal_places=2)
    fees = models.DecimalField(max_digits=20, decimal_places=2)
    net_money = models.DecimalField(max_digits=20, decimal_places=2)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    created_at = models.DateTimeField()
    counterparty = models.CharField(max_length=40, blank=True, default="")
    service = models.ForeignKey(
        "allocations.MatchingService",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    status = StateField(default=ConfirmStatus.UNMATCHED.value, max_length=10)
    ask = models.CharField(max_length=8, choices=Ask.choices, blank=True, default="")
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    verdict_id = models.CharField(max_length=40, blank=True)
    their_word = models.PositiveSmallIntegerField(default=0)
    has_ssi = models.BooleanField(default=True)
    owner = person_or_none()
    reason_code = models.CharField(max_length=20, blank=True)
    resolution = models.CharField(max_length=200, blank=True)
    proposed_by = person_or_none()
    proposed_at = models.DateTimeField(null=True, blank=True)
    affirmed_by = person_or_none()
    affirmed_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "ask",
        "due_at",
        "attempts",
        "received_at",
        "code",
        "reason",
        "verdict_id",
        "their_word",
        "has_ssi",
        "owner_id",
        "reason_code",
        "resolution",
        "proposed_by_id",
        "proposed_at",
        "affirmed_by_id",
        "affirmed_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["leg"], name="one_live_confirm", condition=~Q(status="canceled")
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ConfirmStatus]),
                name="confirm_status_known",
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="confirm_qty_positive"),
            models.CheckConstraint(
                condition=~Q(status="affirmed") | Q(affirmed_at__isnull=False),
                name="confirm_affirmed_at_a_moment",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="confirm_due", condition=~Q(due_at=None)),
            models.Index(
                fields=["organization", "created_at", "id"],
                name="confirm_exception",
                condition=Q(status__in=["unmatched", "matched", "mismatched", "disputed"]),
            ),
            models.Index(
                fields=["organization"], name="confirm_without_ssi", condition=Q(has_ssi=False)
            ),
            models.Index(
                fields=["organization"],
                name="confirm_stuck",
                condition=Q(due_at=None) & ~Q(ask=""),
            ),
            models.Index(fields=["organization", "trade_date", "id"], name="confirm_of_day"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def confirm_status(self) -> int:
        """ConfirmStatus(665): 1 received, 2 mismatched, 3 missing SSI, 4 confirmed."""
        if not self.has_ssi:
            return 3
        if self.status in (ConfirmStatus.MISMATCHED, ConfirmStatus.DISPUTED):
            return 2
        return 4 if self.status == ConfirmStatus.AFFIRMED else 1

    @property
    def affirm_status(self) -> int:
        """AffirmStatus(940): 1 received, 2 rejected, 3 affirmed."""
        if self.status == ConfirmStatus.AFFIRMED:
            return 3
        return 2 if self.status == ConfirmStatus.DISPUTED else 1

    @property
    def match_status(self) -> int:
        """MatchStatus(573): 0 matched, 1 unmatched."""
        return 0 if self.status in (ConfirmStatus.MATCHED, ConfirmStatus.AFFIRMED) else 1

    @property
    def is_exception(self) -> bool:
        """Whether a person has to look, now or once the other side is late."""
        return not self.has_ssi or self.status in (
            ConfirmStatus.UNMATCHED,
            ConfirmStatus.MISMATCHED,
            ConfirmStatus.DISPUTED,
        )

    @property
    def stands_outside(self) -> bool:
        """Whether its matching service may have what was taken back, and was not told so."""
        over = self.code in (self.WITHDRAWN, self.NOT_TOLD) or self.ask == self.Ask.WITHDRAW
        return self.service_id is not None and not over

    def ask_for(self, ask: str, *, due_at: datetime | None) -> None:
        """What the other side is to be told next; nothing is told before `due_at`."""
        self.ask, self.due_at, self.attempts = ask, due_at, 0

    def lease(self, *, retry_at: datetime) -> None:
        """About to be told to the other side; again at `retry_at` unless it answers first."""
        self.attempts = min(self.attempts + 1, COUNTED_MAX)
        self.due_at = retry_at

    def receive(self, *, at: datetime) -> None:
        """The other side has heard it."""
        self.received_at = self.received_at or at
        if self.ask == self.Ask.WITHDRAW:
            self.code = self.WITHDRAWN
        self.ask, self.due_at = "", None

    def stop(self, *, code: str, reason: str) -> None:
        """The other side did not take it: a person must look."""
        self.due_at, self.code, self.reason = None, code[:40], reason[:200]

    @transition(field=status, **_confirm("confirm_match"))
    def match(self, *, verdict_id: str) -> None:
        """Every field is within its tolerance."""
        self.verdict_id = verdict_id

    @transition(field=status, **_confirm("confirm_mismatch"))
    def mismatch(self, *, verdict_id: str) -> None:
        """A field is not."""
        self.verdict_id = verdict_id

    @transition(field=status, **_confirm("confirm_dispute"))
    def dispute(self, *, code: str, reason: str) -> None:
        """One of the two sides says that it is not so."""
        self.code, self.reason = code[:40], reason[:200]

    @transition(field=status, **_confirm("confirm_affirm"))
    def affirm(self, *, user_id: int | None, at: datetime) -> None:
        """Agreed: by a person, or by the rules when it matched."""
        self._affirmed(user_id, at)

    @transition(field=status, **_confirm("confirm_accept"))
    def accept(self, *, user_id: int, at: datetime) -> None:
        """A second person agrees to take the difference as it is."""
        self._affirmed(user_id, at)

    @transition(field=status, **_confirm("confirm_cancel"))
    def cancel(self, *, reason: str) -> None:
        """What it confirms was taken back."""
        self.ask, self.due_at, self.reason = "", None, reason[:200]
        if self.service_id is not None and self.version <= 1:
            self.code = self.NOT_TOLD  # nothing has happened to it since it was made

    def propose(self, *, reason_code: str, text: str, user_id: int, at: datetime) -> None:
        """One person's explanation; a later one replaces it."""
        self.reason_code, self.resolution = reason_code, text[:200]
        self.proposed_by_id, self.proposed_at = user_id, at

    def refuse(self) -> None:
        """Another person does not agree."""
        self.reason_code = self.resolution = ""
        self.proposed_by_id = self.proposed_at = None

    def _affirmed(self, user_id: int | None, at: datetime) -> None:
        self.affirmed_by_id, self.affirmed_at = user_id, at
        self.code = self.reason = ""


class CounterpartyTrade(LedgerFact):
    """A trade as the other side has it: parsed beside the raw text. A newer one replaces it."""

    confirm = models.ForeignKey(TradeConfirm, on_delete=models.PROTECT, related_name="statements")
    custodian = part(Custodian)
    seq = models.BigIntegerField()
    reference = models.CharField(max_length=80)
    body = models.TextField()
    terms = models.JSONField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["custodian", "reference"], name="counterparty_trade_once"
            )
        ]

    def __str__(self) -> str:
        return self.reference


class MatchVerdict(LedgerFact):
    """One comparison: with which tolerances (policy and version), and every field that differs."""

    confirm = models.ForeignKey(TradeConfirm, on_delete=models.PROTECT, related_name="verdicts")
    statement = models.ForeignKey(
        CounterpartyTrade, on_delete=models.PROTECT, related_name="verdicts"
    )
    policy_id = models.BigIntegerField()
    policy_version = models.PositiveIntegerField()
    is_match = models.BooleanField()
    differences = models.JSONField(default=list)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class ConfirmAdjustment(LedgerFact):
    """The entry by which two people took a difference as it is; nothing compared is edited."""

    class Reason(models.TextChoices):
        TOLERATED = "tolerated", "Too small to pursue"
        THEIRS = "their_error", "Their error: they settle on our terms"
        AGREED = "agreed", "Agreed with the other side outside this system"

    confirm = models.ForeignKey(TradeConfirm, on_delete=models.PROTECT, related_name="adjustments")
    reason_code = models.CharField(max_length=20, choices=Reason.choices)
    text = models.CharField(max_length=200)
    evidence = models.JSONField(default=dict)
    made_by = person()
    approved_by = person()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(made_by=F("approved_by")),
                name="confirm_adjustment_maker_is_not_checker",
            )
        ]

    def __str__(self) -> str:
        return self.id
