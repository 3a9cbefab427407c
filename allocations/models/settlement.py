"""Settling booked legs: where, what is asked of custodians, and what changed hands in their words.

Moved by `allocations.settlement` alone. Terms never change; a correction is a new row.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from allocations.models.account import Account, Custodian
from allocations.models.allocation import BookingLeg
from allocations.models.confirming import TradeConfirm, part
from allocations.settlement_states import INSTRUCTION_STEPS, OPEN_INSTRUCTION, InstructionStatus
from allocations.states import COUNTED_MAX
from oms_site.firm.models import Organization
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerFact, LedgerRow, QueueRow, ToldRow
from venues.models import Instrument


def _instruction(step: str) -> dict[str, Any]:
    sources, target = INSTRUCTION_STEPS[step]
    return {"source": list(sources), "target": target}


class StandingInstruction(models.Model):
    """Where securities and money of an account change hands (SSI). No account: all of them there.

    The most specific row counts; one that is not active says that there is none.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    custodian = models.ForeignKey(Custodian, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    depository = models.CharField(max_length=20, default="DTC")
    participant = models.CharField(max_length=20)
    delivery_account = models.CharField(max_length=40, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "custodian", "account"],
                name="one_standing_instruction",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.depository} {self.participant}"


class SettlementDue(QueueRow):
    """A leg that was made, booked or canceled, and whose settlement is to follow that.

    The database itself inserts these (a trigger on legs): no room can make a leg and forget it.
    """

    leg_id = models.CharField(max_length=40)
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.leg_id


class CustodianMessage(ToldRow):
    """What a custodian told us, raw, once per number; `verdict` accounts for every one."""

    custodian = part(Custodian)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["custodian", "seq"], name="custodian_message_once")
        ]
        indexes = [
            models.Index(
                fields=["custodian", "seq"],
                name="custodian_unapplied",
                condition=Q(applied_at=None),
            ),
            models.Index(
                fields=["custodian", "note"],
                name="custodian_unaccounted",
                condition=Q(verdict__in=["unknown", "unreadable", "too_much", "wrong_money"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.custodian_id} {self.seq}"


class SettlementInstruction(LedgerRow):
    """One delivery against payment at the custodian (SWIFT 541/543), for one confirmed leg.

    `side` as the confirm's; `qty` and `net_money` positive. `ask` is what the custodian is to be
    told next, `due_at` when. `settled_*` is the fold of the custodian's own facts.
    """

    class Ask(models.TextChoices):
        NOTHING = ""
        INSTRUCT = "instruct"
        CANCEL = "cancel"
        BUY_IN = "buy_in"

    confirm = models.ForeignKey(TradeConfirm, on_delete=models.PROTECT, related_name="instructions")
    leg = models.ForeignKey(BookingLeg, on_delete=models.PROTECT, related_name="instructions")
    order_id = models.CharField(max_length=40, db_index=True)
    custodian = part(Custodian)
    account = part(Account)
    instrument = part(Instrument)
    side = models.CharField(max_length=4)
    currency = models.CharField(max_length=3)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    net_money = models.DecimalField(max_digits=20, decimal_places=2)
    settlement_date = models.DateField()
    created_at = models.DateTimeField()

    status = StateField(default=InstructionStatus.PENDING.value, max_length=10)
    ask = models.CharField(max_length=8, choices=Ask.choices, blank=True, default="")
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    was_sent = models.BooleanField(default=False)
    place = models.CharField(max_length=80, blank=True)
    ref = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    settled_qty = models.DecimalField(default=0, max_digits=20, decimal_places=6)
    settled_money = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    failed_on = models.DateField(null=True, blank=True)
    buy_in_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "ask",
        "due_at",
        "attempts",
        "was_sent",
        "place",
        "ref",
        "code",
        "reason",
        "settled_qty",
        "settled_money",
        "failed_on",
        "buy_in_on",
        "closed_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["leg"], name="one_live_instruction", condition=~Q(status="canceled")
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in InstructionStatus]),
                name="instruction_status_known",
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="instruction_qty_positive"),
            models.CheckConstraint(
                condition=Q(settled_qty__gte=0, settled_qty__lte=F("qty")),
                name="instruction_settles_at_most_once",
            ),
            models.CheckConstraint(
                condition=~Q(status="settled")
                | Q(settled_qty=F("qty"), settled_money=F("net_money")),
                name="instruction_settled_in_full",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["settled", "canceled"], closed_at__isnull=False)
                | Q(status__in=sorted(OPEN_INSTRUCTION), closed_at=None),
                name="instruction_closed_at_a_moment",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="instruction_due", condition=~Q(due_at=None)),
            models.Index(
                fields=["settlement_date"],
                name="instruction_open",
                condition=Q(closed_at=None),
            ),
            models.Index(fields=["organization", "settlement_date", "id"], name="instruction_list"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether something is still to change hands."""
        return self.closed_at is None

    @property
    def left_qty(self) -> Decimal:
        """What has not changed hands yet."""
        return self.qty - self.settled_qty

    def ask_for(self, ask: str, *, due_at: datetime | None) -> None:
        """What the custodian is to be told next; nothing is told before `due_at`."""
        self.ask, self.due_at, self.attempts = ask, due_at, 0

    def lease(self, *, retry_at: datetime) -> None:
        """About to be told; again at `retry_at` unless an answer comes first."""
        self.attempts = min(self.attempts + 1, COUNTED_MAX)
        self.due_at, self.was_sent = retry_at, True

    def answered(self) -> None:
        """The custodian has heard it: nothing more is to be told."""
        self.ask, self.due_at = "", None

    def stop(self, *, code: str, reason: str) -> None:
        """The custodian will not, or cannot be asked any more: a person must look."""
        self.due_at, self.code, self.reason = None, code[:40], reason[:200]

    def take(self, *, qty: Decimal, money: Decimal) -> None:
        """Count what has changed hands."""
        self.settled_qty += qty
        self.settled_money += money

    @transition(field=status, **_instruction("instruction_accept"))
    def accept(self) -> None:
        """The custodian has it."""
        self.code = self.reason = ""

    @transition(field=status, **_instruction("instruction_fail"))
    def fail(self, *, on: date, code: str, reason: str) -> None:
        """Its day is over and it has not settled."""
        self.failed_on = self.failed_on or on
        # A refusal that nobody has dealt with says more than that the day is over.
        if not (self.ask and self.due_at is None):
            self.code, self.reason = code[:40], reason[:200]

    @transition(field=status, **_instruction("instruction_buy_in"))
    def buy_in(self, *, on: date) -> None:
        """Open for as long as the policy bears: bought in."""
        self.buy_in_on = on

    @transition(field=status, **_instruction("instruction_settle"))
    def settle(self, *, at: datetime) -> None:
        """All of it has changed hands."""
        self.closed_at = at
        self.code = self.reason = ""
        self.answered()

    @transition(field=status, **_instruction("instruction_cancel"))
    def cancel(self, *, reason: str, at: datetime) -> None:
        """Nothing more of it will change hands."""
        self.closed_at = at
        self.answered()
        self.reason = reason[:200]


class SettlementFact(LedgerFact):
    """What changed hands, in the custodian's words, once per reference of its own.

    `qty` and `cash` are signed for the account as in `Movement`; the columns `*_after` are what of
    the account's trades had settled by then, so that any past moment is one index seek.
    """

    instruction = models.ForeignKey(
        SettlementInstruction, on_delete=models.PROTECT, related_name="facts"
    )
    custodian = part(Custodian)
    reference = models.CharField(max_length=80)
    order_id = models.CharField(max_length=40)
    account = part(Account)
    instrument = part(Instrument)
    currency = models.CharField(max_length=3)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    cash = models.DecimalField(max_digits=20, decimal_places=2)
    value_date = models.DateField()
    at = models.DateTimeField()
    sequence = models.PositiveBigIntegerField()
    qty_after = models.DecimalField(max_digits=20, decimal_places=6)
    cash_sequence = models.PositiveBigIntegerField()
    cash_after = models.DecimalField(max_digits=20, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["custodian", "reference"], name="settlement_fact_once"),
            models.UniqueConstraint(
                fields=["account", "instrument", "sequence"], name="settled_position_sequence"
            ),
            models.UniqueConstraint(
                fields=["account", "currency", "cash_sequence"], name="settled_cash_sequence"
            ),
        ]

    def __str__(self) -> str:
        return self.reference
