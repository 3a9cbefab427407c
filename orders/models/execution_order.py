"""An execution order: one discrete set of execution instructions under an order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import RETURN_VALUE, transition

from allocations.models import Custodian
from controls.models import Review, Screening
from controls.states import Outcome, ReviewStatus
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models.order import ZERO, Order
from orders.states import EXECUTION_STEPS, ORDER_TERMINAL, OrderStatus, Pending
from venues.models import Venue

# Revision, screening, its outcome, and the review that released it with its status.
ReplaceClearance = tuple[int, str, str, str | None, str | None]


def _step(name: str) -> dict[str, Any]:
    sources, targets = EXECUTION_STEPS[name]
    target = targets[0] if len(targets) == 1 else RETURN_VALUE(*targets)
    return {"source": list(sources), "target": target}


class ExecutionOrder(LedgerRow):
    """Instructions for part or all of an order.

    The columns of its clearance are a composite foreign key: without a passed screening, or an
    approved review of a flagged one, of this very revision of the order, the database refuses the
    row.
    """

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="execution_orders", db_index=False
    )
    order_version = models.PositiveSmallIntegerField(default=1)
    screening = models.ForeignKey(
        Screening, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    screening_outcome = models.CharField(max_length=8)
    review = models.ForeignKey(
        Review, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    review_status = models.CharField(max_length=10, null=True, blank=True)
    client_execution_order_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    protocol = models.CharField(max_length=20)
    strategy = models.CharField(max_length=24)
    venue = models.ForeignKey(
        Venue, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Who works it at its desk, and the money that it was asked for in: its quantity came of that.
    custodian = models.ForeignKey(
        Custodian,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    notional = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    all_or_none = models.BooleanField(default=False)
    suppress_pmp_check = models.BooleanField(default=False)
    fees = models.JSONField(default=list)
    annotation = models.TextField(blank=True)
    origin = models.CharField(max_length=12)
    rule = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()

    status = StateField(default=OrderStatus.PENDING_EXECUTION.value, max_length=18)
    pending = models.CharField(max_length=8, default="", blank=True)
    cum_qty = models.DecimalField(max_digits=20, decimal_places=6, default=ZERO)
    leaves_qty = models.DecimalField(max_digits=20, decimal_places=6)
    gross = models.DecimalField(max_digits=34, decimal_places=14, default=ZERO)
    closed_at = models.DateTimeField(null=True, blank=True)
    ended = models.CharField(max_length=8, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    cancel_request_id = models.CharField(max_length=40, default="", blank=True)

    # Quantity, limit and clearance change together, by a revision of the order's terms.
    INSERTED_BY: ClassVar[tuple[str, ...]] = ("organization_id", "client_execution_order_id")
    MUTABLE: ClassVar[tuple[str, ...]] = (
        "order_version",
        "screening_id",
        "screening_outcome",
        "review_id",
        "review_status",
        "qty",
        "limit_price",
        "cancel_request_id",
        "status",
        "pending",
        "cum_qty",
        "leaves_qty",
        "gross",
        "closed_at",
        "ended",
        "reason",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_execution_order_id"],
                name="client_execution_order_id_for_ever",
                condition=~Q(client_execution_order_id=None),
            ),
            models.CheckConstraint(
                condition=(
                    Q(screening_outcome=Outcome.PASSED.value)
                    & Q(review=None)
                    & Q(review_status=None)
                )
                | (
                    Q(screening_outcome=Outcome.FLAGGED.value)
                    & Q(review__isnull=False)
                    # A check over NULL is no refusal: it must be there, then equal.
                    & Q(review_status__isnull=False)
                    & Q(review_status=ReviewStatus.APPROVED.value)
                ),
                name="execution_order_cleared",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in OrderStatus]),
                name="execution_order_status_known",
            ),
            models.CheckConstraint(
                condition=Q(pending__in=[p.value for p in Pending]),
                name="execution_order_pending_known",
            ),
            models.CheckConstraint(
                condition=Q(protocol="custodian", custodian__isnull=False, venue__isnull=False)
                | (~Q(protocol="custodian") & Q(custodian=None)),
                name="execution_order_handed_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(notional=None) | Q(protocol="custodian", notional__gt=0),
                name="execution_order_money_for_a_desk",
            ),
            models.CheckConstraint(
                condition=Q(qty__gt=0) & Q(cum_qty__gte=0) & Q(leaves_qty__gte=0),
                name="execution_order_quantities",
            ),
        ]
        indexes = [models.Index(fields=["order", "id"], name="execution_orders_of_order")]

    def __str__(self) -> str:
        return self.id

    @property
    def is_terminal(self) -> bool:
        """Whether our own commands are over."""
        return self.status in ORDER_TERMINAL

    @transition(field=status, **_step("execute"))
    def execute(self, *, qty: Decimal, gross: Decimal, at: datetime) -> str:
        """Shares moved at a venue. One that has ended stays so, except while it is complete."""
        self.cum_qty += qty
        self.gross += gross
        return self._computed(at)

    @transition(field=status, **_step("request_cancel"))
    def request_cancel(self, *, pending: str = Pending.CANCEL.value, request_id: str = "") -> str:
        """Asked to stop; the venue decides."""
        self.pending, self.cancel_request_id = pending, request_id
        return str(self.status)

    @transition(field=status, **_step("refuse_cancel"))
    def refuse_cancel(self, *, replacing: bool = False) -> str:
        """The request is over and changed nothing; `replacing` while a replacement waits too."""
        self.pending = Pending.REPLACE.value if replacing else Pending.NONE.value
        self.cancel_request_id = ""
        return str(self.status)

    @transition(field=status, **_step("request_replace"))
    def request_replace(self) -> str:
        """Venues were asked to work it on other terms; nothing else has changed."""
        self.pending = self.pending or Pending.REPLACE.value
        return str(self.status)

    @transition(field=status, **_step("refuse_replace"))
    def refuse_replace(self) -> str:
        """No replacement waits any more."""
        self._no_more_replacing()
        return str(self.status)

    @transition(field=status, **_step("replace"))
    def replace(
        self,
        *,
        qty: Decimal,
        limit_price: Decimal | None,
        cleared: ReplaceClearance,
        at: datetime,
        replacing: bool = False,
    ) -> str:
        """Other terms are in force, cleared as that revision of the order."""
        self.qty, self.limit_price = qty, limit_price
        self.order_version, self.screening_id, self.screening_outcome = cleared[:3]
        self.review_id, self.review_status = cleared[3:]
        if not replacing:
            self._no_more_replacing()
        return self._computed(at)

    @transition(field=status, **_step("cancel"))
    def cancel(self, *, at: datetime, reason: str = "") -> None:
        """Nothing of it is left working."""
        self._close(OrderStatus.CANCELED, at, reason)

    @transition(field=status, **_step("reject"))
    def reject(self, *, at: datetime, reason: str) -> None:
        """The venue refused it; its quantity is free again. Never a rejection of the order."""
        self._close(OrderStatus.REJECTED, at, reason)

    @transition(field=status, **_step("expire"))
    def expire(self, *, at: datetime, reason: str = "") -> None:
        """Its session is over."""
        self._close(OrderStatus.EXPIRED, at, reason)

    def _computed(self, at: datetime) -> str:
        done = self.cum_qty >= self.qty
        if self.ended and not done:
            self.leaves_qty = ZERO
            return str(self.ended)
        self.leaves_qty = max(self.qty - self.cum_qty, ZERO)
        if done:
            replacing = self.pending == Pending.REPLACE
            self.closed_at = at
            self.pending = Pending.REPLACE.value if replacing else Pending.NONE.value
            return OrderStatus.FILLED.value
        self.closed_at = None
        return (
            OrderStatus.PARTIALLY_FILLED if self.cum_qty > 0 else OrderStatus.PENDING_EXECUTION
        ).value

    def _no_more_replacing(self) -> None:
        if self.pending == Pending.REPLACE:
            self.pending = Pending.NONE.value

    def _close(self, ended: OrderStatus, at: datetime, reason: str) -> None:
        self.ended, self.leaves_qty, self.pending = ended.value, ZERO, ""
        self.closed_at, self.reason = at, reason[:300]
