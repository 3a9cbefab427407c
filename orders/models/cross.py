"""An internal cross: two orders of one organization that traded with each other at the mid."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from oms_site.journal.rows import LedgerFact
from orders.models.execution import Execution
from orders.models.order import Order
from venues.models import Instrument

# The internal venue: what source and venue of both executions are.
VENUE = "INTX"
PROTOCOL, STRATEGY = "internal_cross", "midpoint"


class Cross(LedgerFact):
    """Both sides of one cross, for ever.

    The database refuses one whose two executions are not of its quantity and price, of opposite
    sides of one instrument and organization, or for one account; and an execution at the internal
    venue that is in no cross.
    """

    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    bid_px = models.DecimalField(max_digits=18, decimal_places=8)
    ask_px = models.DecimalField(max_digits=18, decimal_places=8)
    buy_order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    sell_order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    buy_execution = models.OneToOneField(Execution, on_delete=models.PROTECT, related_name="+")
    sell_execution = models.OneToOneField(Execution, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    crossed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "crosses"
        constraints = [
            models.CheckConstraint(condition=Q(qty__gt=0), name="cross_qty_positive"),
            models.CheckConstraint(
                condition=Q(price__gt=0, bid_px__lte=F("price"), ask_px__gte=F("price")),
                name="cross_inside_the_market",
            ),
            models.CheckConstraint(
                condition=~Q(buy_order=F("sell_order")) & ~Q(buy_execution=F("sell_execution")),
                name="cross_has_two_sides",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.qty} at {self.price}"
