"""An execution: a share that changed hands, kept once and for ever."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Concat

from oms_site.journal.rows import LedgerFact, QueueRow
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order
from orders.models.venue_order import VenueOrder

# Two dealers may call their trades alike, and one ticket may be for two orders of a firm.
_REPORTER = Case(
    When(source__startswith="external:", then=Concat("order_id", Value("/"), "counterparty")),
    default=Value(""),
)


class Execution(LedgerFact):
    """One fill, bust or correction as its source reported it.

    `qty` is signed: a bust takes back. Once per source, trade date and ExecID(17), for ever; what a
    client reports from elsewhere (`external:…`) once per order and counterparty beside that. The
    money is for the client side: principal = qty x price / 100 for bonds, net = principal + accrued
    interest and fees for a buy, less fees for a sell, all in cents.
    """

    class Kind(models.TextChoices):
        TRADE = "trade"
        BUST = "bust"
        CORRECTION = "correction"

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    execution_order = models.ForeignKey(
        ExecutionOrder, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    venue_order = models.ForeignKey(
        VenueOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="executions"
    )
    source = models.CharField(max_length=40)
    exec_id = models.CharField(max_length=80)
    exec_ref_id = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TRADE)
    sequence = models.PositiveIntegerField()
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    ytm = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    principal = models.DecimalField(max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(max_digits=20, decimal_places=2)
    fees = models.DecimalField(max_digits=20, decimal_places=2)
    net_money = models.DecimalField(max_digits=20, decimal_places=2)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    counterparty = models.CharField(max_length=40, blank=True)
    late = models.BooleanField(default=False)
    overfill = models.BooleanField(default=False)
    bypass_trade_booking = models.BooleanField(default=False)
    bypass_street_side_leg = models.BooleanField(default=False)
    executed_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "source", "trade_date", "exec_id", _REPORTER, name="execution_once"
            ),
            models.CheckConstraint(condition=~Q(qty=0), name="execution_moves_something"),
        ]
        indexes = [
            models.Index(fields=["order", "sequence"], name="executions_of_order"),
            # They come in the order of their days, so which pages hold a day costs nothing to keep.
            BrinIndex(fields=["trade_date"], name="executions_of_a_day", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.qty} at {self.price}"


class AllocationDue(QueueRow):
    """An order whose fills have not been split over its accounts yet."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "allocations due"
