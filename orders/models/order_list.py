"""Lists of orders: staged together, and what a fill of one means for the others."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from oms_site.firm.models import person
from oms_site.journal.rows import LedgerFact, LedgerRow, QueueRow
from orders.models.order import Order
from orders.states import Contingency, Role


class OrderList(LedgerRow):
    """What was asked for in one request. Its state is that of its orders: nothing is kept twice."""

    client_order_list_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64)
    contingency = models.CharField(max_length=8)
    submitted_by = person(constraint=False)
    created_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("cancel_requested_at",)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_order_list_id"],
                name="client_order_list_id_for_ever",
                condition=~Q(client_order_list_id=None),
            ),
            models.CheckConstraint(
                condition=Q(contingency__in=[c.value for c in Contingency]),
                name="order_list_contingency_known",
            ),
        ]
        indexes = [models.Index(fields=["organization", "created_at", "id"], name="order_lists")]

    def __str__(self) -> str:
        return self.id

    def request_cancel(self, *, at: datetime) -> None:
        """Somebody asked all of it to stop."""
        self.cancel_requested_at = at


class OrderListLeg(LedgerFact):
    """One order's place in a list: its role never changes, nor does an order change its list."""

    order_list = models.ForeignKey(
        OrderList, on_delete=models.PROTECT, related_name="legs", db_index=False
    )
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="leg")
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=12)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_list", "position"], name="order_list_place"),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="order_list_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.order_id}"


class OrderListWatch(QueueRow):
    """A list whose orders depend on each other: due when any of them has moved since `seen`.

    `seen` adds up the versions of its orders, so no caller has to remember to ring.
    """

    order_list = models.OneToOneField(OrderList, on_delete=models.PROTECT, related_name="watch")
    seen = models.BigIntegerField(default=0)
    over = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["order_list"], name="order_list_watched", condition=Q(over=False))
        ]

    def __str__(self) -> str:
        return f"watch of {self.order_list_id}"


class PriceWatch(QueueRow):
    """When waiting orders were last held against the market: a gap means nobody looked."""

    name = models.CharField(max_length=20, unique=True)
    looked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.looked_at}"
