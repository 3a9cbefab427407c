"""A venue order: what one venue knows of an execution order. Only its reports move it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django_fsm import RETURN_VALUE, transition

from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models.execution_order import ExecutionOrder
from orders.models.order import ZERO, Order
from orders.states import VENUE_STEPS, VENUE_TERMINAL, Pending, VenueStatus
from venues.models import Venue


def _step(name: str) -> dict[str, Any]:
    sources, targets = VENUE_STEPS[name]
    target = targets[0] if len(targets) == 1 else RETURN_VALUE(*targets)
    return {"source": list(sources), "target": target}


class VenueOrder(LedgerRow):
    """A child order at a venue; its id is its first ClOrdID(11) on the wire.

    `cl_ord_id` is the one of its present terms, once they were replaced; all of them name it.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="venue_orders")
    execution_order = models.ForeignKey(
        ExecutionOrder, on_delete=models.PROTECT, related_name="venue_orders", db_index=False
    )
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+", db_index=False)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    created_at = models.DateTimeField()

    status = StateField(default=VenueStatus.PENDING_NEW.value, max_length=18)
    pending = models.CharField(max_length=8, default="", blank=True)
    in_doubt = models.BooleanField(default=False)
    venue_order_id = models.CharField(max_length=60, blank=True)
    cancel_cl_ord_id = models.CharField(max_length=40, blank=True)
    cum_qty = models.DecimalField(max_digits=20, decimal_places=6, default=ZERO)
    leaves_qty = models.DecimalField(max_digits=20, decimal_places=6)
    ended = models.CharField(max_length=8, blank=True)
    last_report_at = models.DateTimeField(null=True, blank=True)
    text = models.CharField(max_length=200, blank=True)
    cl_ord_id = models.CharField(max_length=40, default="", blank=True)
    replace_cl_ord_id = models.CharField(max_length=40, default="", blank=True)
    cancels_sent = models.PositiveSmallIntegerField(default=0)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "qty",
        "limit_price",
        "cl_ord_id",
        "replace_cl_ord_id",
        "cancels_sent",
        "status",
        "pending",
        "in_doubt",
        "venue_order_id",
        "cancel_cl_ord_id",
        "cum_qty",
        "leaves_qty",
        "ended",
        "last_report_at",
        "text",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in VenueStatus]),
                name="venue_order_status_known",
            ),
            models.CheckConstraint(
                condition=Q(qty__gt=0) & Q(cum_qty__gte=0) & Q(leaves_qty__gte=0),
                name="venue_order_quantities",
            ),
        ]
        indexes = [
            models.Index(fields=["execution_order"], name="venue_orders_of_execution"),
            # Every report moves this moment: an index of its values would cost all others too.
            BrinIndex(fields=["last_report_at"], name="venue_orders_heard_of", autosummarize=True),
            BrinIndex(fields=["created_at"], name="venue_orders_of_a_day", autosummarize=True),
            models.Index(
                fields=["organization", "order"],
                name="venue_order_in_doubt",
                condition=Q(in_doubt=True),
            ),
            models.Index(
                fields=["venue", "id"],
                name="venue_order_live",
                condition=~Q(status__in=sorted(VENUE_TERMINAL)),
            ),
            # Which entries of a book are ours: asked for every order that is routed.
            models.Index(
                fields=["venue_order_id", "venue"],
                name="venue_order_in_books",
                condition=~Q(status__in=sorted(VENUE_TERMINAL)),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_terminal(self) -> bool:
        """Whether the venue has said it is over."""
        return self.status in VENUE_TERMINAL

    @transition(field=status, **_step("acknowledge"))
    def acknowledge(self, *, venue_order_id: str, at: datetime) -> str:
        """The venue has it. An acknowledgment after a fill takes nothing back."""
        self.venue_order_id = venue_order_id or self.venue_order_id
        self.last_report_at = at
        first = self.status == VenueStatus.PENDING_NEW
        return VenueStatus.NEW.value if first else str(self.status)

    @transition(field=status, **_step("execute"))
    def execute(self, *, qty: Decimal, at: datetime) -> str:
        """Shares moved, in whatever state we believed it to be; what has ended stays ended."""
        self.cum_qty += qty
        self.last_report_at = at
        return self._computed()

    @transition(field=status, **_step("request_cancel"))
    def request_cancel(self, *, cancel_cl_ord_id: str) -> str:
        """A cancel is on its way; nothing else has changed."""
        self.pending = Pending.CANCEL.value
        self.cancel_cl_ord_id = cancel_cl_ord_id
        self.cancels_sent += 1
        return str(self.status)

    @transition(field=status, **_step("refuse_cancel"))
    def refuse_cancel(self, *, at: datetime, text: str) -> str:
        """The venue refused the cancel: the state falls back to what the quantities say."""
        self.pending, self.cancels_sent = self._other_pending(), 0
        self.last_report_at, self.text = at, text[:200]
        return str(self.status)

    @transition(field=status, **_step("request_replace"))
    def request_replace(self, *, replace_cl_ord_id: str) -> str:
        """A replace is on its way; nothing else has changed."""
        self.replace_cl_ord_id = replace_cl_ord_id
        self.pending = self.pending or Pending.REPLACE.value
        return str(self.status)

    @transition(field=status, **_step("refuse_replace"))
    def refuse_replace(self, *, at: datetime, text: str) -> str:
        """The replace has changed nothing: a cancel may still pend."""
        self._answered()
        self.last_report_at, self.text = at, text[:200]
        return str(self.status)

    @transition(field=status, **_step("replace"))
    def replace(
        self, *, cl_ord_id: str, qty: Decimal, limit_price: Decimal | None, at: datetime
    ) -> str:
        """The venue works it on other terms under another ClOrdID; what has ended stays ended."""
        self.cl_ord_id, self.qty, self.limit_price = cl_ord_id, qty, limit_price
        self.last_report_at = at
        if self.replace_cl_ord_id == cl_ord_id:
            self._answered()
        return self._computed()

    @transition(field=status, **_step("cancel"))
    def cancel(self, *, at: datetime, text: str) -> None:
        """The venue says it is gone, asked for or not."""
        self._close(VenueStatus.CANCELED, at, text)

    @transition(field=status, **_step("reject"))
    def reject(self, *, at: datetime, text: str) -> None:
        """The venue refused it."""
        self._close(VenueStatus.REJECTED, at, text)

    @transition(field=status, **_step("expire"))
    def expire(self, *, at: datetime, text: str) -> None:
        """The venue says its time is over."""
        self._close(VenueStatus.EXPIRED, at, text)

    def end_beside_filled(self, ended: VenueStatus, *, at: datetime) -> None:
        """The venue ended what we count as filled: filled it stays, unless a bust takes back."""
        self.ended, self.last_report_at = ended.value, at

    @property
    def current_cl_ord_id(self) -> str:
        """The ClOrdID(11) under which the venue works it, as far as it has said."""
        return self.cl_ord_id or self.id

    def _computed(self) -> str:
        if self.ended and self.cum_qty < self.qty:
            self.leaves_qty = ZERO
            return str(self.ended)
        self.leaves_qty = max(self.qty - self.cum_qty, ZERO)
        if self.cum_qty >= self.qty:
            self.pending = self._other_pending()
            return VenueStatus.FILLED.value
        return (VenueStatus.PARTIALLY_FILLED if self.cum_qty > 0 else VenueStatus.NEW).value

    def _other_pending(self) -> str:
        """What pends when no cancel does."""
        return Pending.REPLACE.value if self.replace_cl_ord_id else Pending.NONE.value

    def _answered(self) -> None:
        self.replace_cl_ord_id = ""
        if self.pending == Pending.REPLACE:
            self.pending = Pending.NONE.value

    def _close(self, ended: VenueStatus, at: datetime, text: str) -> None:
        self.ended = ended.value
        self.leaves_qty, self.pending, self.in_doubt = ZERO, "", False
        self.replace_cl_ord_id = ""
        self.last_report_at, self.text = at, text[:200]
