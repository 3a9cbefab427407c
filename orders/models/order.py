"""An order: terms that change by revisions only, and a projection that only transitions move."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import RETURN_VALUE, transition

from allocations.models import Account, Allocation, Custodian, IntroducingBroker, RiskGroup
from controls.models import OrderGroup, Screening
from oms_site.firm.models import ApiKey, Policy, person
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models import handling
from orders.states import (
    ORDER_OPEN,
    ORDER_STEPS,
    ORDER_TERMINAL,
    Amending,
    OrderStatus,
    Pending,
)
from venues.models import Instrument

ZERO = Decimal(0)


def _step(name: str) -> dict[str, Any]:
    sources, targets = ORDER_STEPS[name]
    target = targets[0] if len(targets) == 1 else RETURN_VALUE(*targets)
    return {"source": list(sources), "target": target}


class Order(handling.Handling, LedgerRow):
    """The request a client made, and how far it has come.

    Quantities are par for bonds and shares for equities; prices are clean percent of par, or per
    share, in the end client's view. `cum_qty + leaves_qty = order_qty` while it is open.
    """

    # --- terms: what was asked; quantity and prices change by a revision, nothing else does -----
    client_order_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    ib = models.ForeignKey(
        IntroducingBroker,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    risk_group = models.ForeignKey(
        RiskGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    custodian = models.ForeignKey(
        Custodian, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    allocation = models.OneToOneField(
        Allocation, null=True, blank=True, on_delete=models.PROTECT, related_name="order"
    )
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    submitted_by = person(constraint=False)
    # The key it came in with; None for a person at a screen.
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # A composite constraint of the migration sees to it that it is of the same organization.
    order_group = models.ForeignKey(
        OrderGroup,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    amount_type = models.CharField(max_length=8, default="par")
    order_qty = models.DecimalField(max_digits=20, decimal_places=6)
    side = models.CharField(max_length=4)
    ord_type = models.CharField(max_length=20)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    stop_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    time_in_force = models.CharField(max_length=4, default="day")
    extended_hours = models.BooleanField(default=False)
    all_or_none = models.BooleanField(default=False)
    explicit_cancelation_required = models.BooleanField(default=False)
    bypass_auto_execution = models.BooleanField(default=False)
    execution_instructions = models.JSONField(default=list)
    fees = models.JSONField(default=list)
    trader_profile = models.JSONField(null=True, blank=True)
    annotation = models.TextField(blank=True)
    economics = models.BigIntegerField()
    trade_date = models.DateField()
    eligible_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    # --- projection: moved by transitions only ------------------------------------------------
    revision = models.PositiveSmallIntegerField(default=1)
    revisions_made = models.PositiveSmallIntegerField(default=1)
    # What it has been asked to become and may become at any moment: limits count the greater.
    amending = models.CharField(max_length=6, default="", blank=True)
    asked_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    asked_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    cancel_request_id = models.CharField(max_length=40, default="", blank=True)
    status = StateField(default=OrderStatus.PENDING_APPROVAL.value, max_length=18)
    pending = models.CharField(max_length=8, default="", blank=True)
    in_doubt = models.BooleanField(default=False)
    cum_qty = models.DecimalField(max_digits=20, decimal_places=6, default=ZERO)
    leaves_qty = models.DecimalField(max_digits=20, decimal_places=6)
    gross = models.DecimalField(max_digits=34, decimal_places=14, default=ZERO)
    avg_px = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    avg_ytm = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    screening = models.ForeignKey(
        Screening, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    route_at = models.DateTimeField(null=True, blank=True)
    execution_orders_made = models.PositiveSmallIntegerField(default=0)
    executions_made = models.PositiveIntegerField(default=0)
    approved_at = models.DateTimeField(null=True, blank=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    rejected_by = models.CharField(max_length=12, blank=True)
    reject_code = models.CharField(max_length=60, blank=True)
    reject_reason = models.CharField(max_length=300, blank=True)

    INSERTED_BY: ClassVar[tuple[str, ...]] = ("organization_id", "client_order_id")
    MUTABLE: ClassVar[tuple[str, ...]] = (
        *handling.MUTABLE,
        "order_qty",
        "limit_price",
        "stop_price",
        "revision",
        "revisions_made",
        "amending",
        "asked_qty",
        "asked_price",
        "cancel_request_id",
        "status",
        "pending",
        "in_doubt",
        "cum_qty",
        "leaves_qty",
        "gross",
        "avg_px",
        "avg_ytm",
        "screening_id",
        "route_at",
        "execution_orders_made",
        "executions_made",
        "approved_at",
        "triggered_at",
        "filled_at",
        "canceled_at",
        "rejected_at",
        "expired_at",
        "cancel_requested_at",
        "rejected_by",
        "reject_code",
        "reject_reason",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_order_id"],
                name="client_order_id_for_ever",
                condition=~Q(client_order_id=None),
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in OrderStatus]), name="order_status_known"
            ),
            models.CheckConstraint(
                condition=Q(pending__in=[p.value for p in Pending]), name="order_pending_known"
            ),
            models.CheckConstraint(
                condition=Q(amending__in=[a.value for a in Amending]),
                name="order_amending_known",
            ),
            models.CheckConstraint(
                condition=Q(amending="", asked_qty=None)
                | (~Q(amending="") & Q(asked_qty__isnull=False)),
                name="order_amending_asks_something",
            ),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="order_side_known"),
            models.CheckConstraint(condition=Q(order_qty__gt=0), name="order_qty_positive"),
            *handling.CONSTRAINTS,
            # An overfill is a fact and is kept: only what is left may not go below zero.
            models.CheckConstraint(
                condition=Q(cum_qty__gte=0) & Q(leaves_qty__gte=0), name="order_quantities"
            ),
            models.CheckConstraint(
                condition=Q(account=None) | Q(allocation=None), name="account_or_allocation"
            ),
        ]
        indexes = [
            *handling.INDEXES,
            models.Index(fields=["organization", "created_at", "id"], name="order_blotter"),
            models.Index(fields=["route_at"], name="order_route_due", condition=~Q(route_at=None)),
            models.Index(
                fields=["expires_at"],
                name="order_expiry_due",
                condition=~Q(status__in=sorted(ORDER_TERMINAL)),
            ),
            models.Index(fields=["economics", "created_at"], name="order_economics"),
            models.Index(
                fields=["organization", "account"],
                name="order_open",
                condition=Q(status__in=sorted(ORDER_OPEN)),
            ),
            models.Index(
                fields=["order_group"], name="order_of_group", condition=~Q(order_group=None)
            ),
            models.Index(
                fields=["instrument"],
                name="order_waits_for_price",
                condition=~Q(stop_price=None)
                & Q(triggered_at=None)
                & ~Q(status__in=sorted(ORDER_TERMINAL)),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_terminal(self) -> bool:
        """Whether our own commands are over; a venue's facts never are."""
        return self.status in ORDER_TERMINAL

    @transition(field=status, **_step("approve"))
    def approve(self, *, at: datetime, route_at: datetime | None) -> None:
        """Passed the gate; routed at `route_at`, or staged when that is None."""
        self.approved_at = at
        self.route_at = route_at

    @transition(field=status, **_step("reject"))
    def reject(self, *, at: datetime, rejected_by: str, code: str, reason: str) -> None:
        """Refused before any venue saw it, by `control`, `session` or `reviewer`."""
        self.rejected_at = at
        self.rejected_by, self.reject_code, self.reject_reason = rejected_by, code, reason[:300]
        self.leaves_qty, self.route_at = ZERO, None

    @transition(field=status, **_step("execute"))
    def execute(self, *, qty: Decimal, gross: Decimal, at: datetime) -> str:
        """Shares moved: positive for a trade, negative for a bust. Never refused.

        One that has ended stays so, except while it is complete (FIX 4.4: Filled outranks Canceled
        and Expired; matrices J.1).
        """
        self.cum_qty += qty
        self.gross += gross
        self.executions_made += 1
        return self._computed(at)

    @transition(field=status, **_step("request_cancel"))
    def request_cancel(
        self, *, at: datetime, pending: str = Pending.CANCEL.value, request_id: str = ""
    ) -> str:
        """Asked to stop; nothing else moves until every venue has answered."""
        self.pending = pending
        self.route_at = None
        if pending == Pending.CANCEL.value:
            self.cancel_requested_at, self.cancel_request_id = at, request_id
        return str(self.status)

    @transition(field=status, **_step("refuse_cancel"))
    def refuse_cancel(self) -> str:
        """The request is over and changed nothing; a replacement may still wait for its answer."""
        self.pending, self.cancel_requested_at = self._other_pending(), None
        self.cancel_request_id = ""
        return str(self.status)

    @transition(field=status, **_step("request_replace"))
    def request_replace(self, *, amending: Amending, qty: Decimal, price: Decimal | None) -> str:
        """Asked to become something else; it stays what it is until that is answered.

        In review it goes on as before, unless `amending` says that it is held; sent, it pends.
        """
        self.amending, self.asked_qty, self.asked_price = amending.value, qty, price
        if not self.pending:
            self.pending = self._other_pending()
        return str(self.status)

    @transition(field=status, **_step("refuse_replace"))
    def refuse_replace(self) -> str:
        """The request is over and changed nothing."""
        self._forget_replace()
        return str(self.status)

    @transition(field=status, **_step("replace"))
    def replace(
        self,
        *,
        revision: int,
        qty: Decimal,
        limit_price: Decimal | None,
        stop_price: Decimal | None,
        screening_id: str,
        at: datetime,
    ) -> str:
        """New terms are in force; what was filled stays filled, and what is complete is filled."""
        self.revision, self.screening_id = revision, screening_id
        self.order_qty, self.limit_price, self.stop_price = qty, limit_price, stop_price
        self._forget_replace()
        if self.status == OrderStatus.PENDING_APPROVAL:
            self.leaves_qty = qty
            return OrderStatus.PENDING_APPROVAL.value
        return self._computed(self.filled_at or at)

    @transition(field=status, **_step("cancel"))
    def cancel(self, *, at: datetime) -> None:
        """Nothing is left working; what was filled stays filled."""
        self.canceled_at = at
        self._close()

    @transition(field=status, **_step("expire"))
    def expire(self, *, at: datetime) -> None:
        """Its session is over and nothing is left working."""
        self.expired_at = at
        self._close()

    def routed(self, *, execution_orders: int) -> None:
        """Its due instructions have become execution orders, or it was staged."""
        self.route_at = None
        self.execution_orders_made += execution_orders

    def trigger(self, *, at: datetime, route_at: datetime | None) -> None:
        """The market has come to its stop price: it is an ordinary order from now on."""
        self.triggered_at, self.route_at = at, route_at

    def carry(self, *, route_at: datetime | None) -> None:
        """It lives on after a session and is routed again then; None stages it."""
        self.route_at = route_at

    def average(self, *, avg_px: Decimal | None, avg_ytm: Decimal | None) -> None:
        """The average so far: price exact to 10 places, yield recomputed from that price."""
        self.avg_px, self.avg_ytm = avg_px, avg_ytm

    def _ended(self) -> str:
        """How it ended before or beside being filled; empty while it has not."""
        if self.canceled_at is not None:
            return OrderStatus.CANCELED.value
        if self.expired_at is not None:
            return OrderStatus.EXPIRED.value
        return "" if self.rejected_at is None else OrderStatus.REJECTED.value

    def _close(self) -> None:
        self.leaves_qty, self.pending, self.route_at = ZERO, "", None

    def _computed(self, at: datetime) -> str:
        """The status that the quantities say, by FIX's precedence, with leaves and `filled_at`."""
        done = self.cum_qty >= self.order_qty
        ended = self._ended()
        if ended and not done:
            self.filled_at, self.leaves_qty = None, ZERO
            return ended
        self.leaves_qty = max(self.order_qty - self.cum_qty, ZERO)
        if done:
            # A replacement at a venue is still answered, and may open it again (FIX: C.1.c).
            self.filled_at, self.pending = at, self._other_pending()
            return OrderStatus.FILLED.value
        self.filled_at = None
        return (
            OrderStatus.PARTIALLY_FILLED if self.cum_qty > 0 else OrderStatus.PENDING_EXECUTION
        ).value

    def _other_pending(self) -> str:
        """What pends when no cancel does."""
        waits = self.amending in (Amending.SENT, Amending.HELD)
        return Pending.REPLACE.value if waits else Pending.NONE.value

    def _forget_replace(self) -> None:
        self.amending, self.asked_qty, self.asked_price = "", None, None
        if self.pending == Pending.REPLACE:
            self.pending = Pending.NONE.value
