"""Orders given in money: what quantity that made, at which price, and what was left over."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from allocations.models import Account
from oms_site.journal.rows import LedgerFact
from orders.models.order import Order


class NotionalPart(LedgerFact):
    """One account's money turned into a quantity, rounded down to the increment.

    notional = principal + residual to the cent; the residual buys no further increment at this
    price, and stays with the account. `price` is clean percent of par or per share, the order's
    limit or else the reference that `price_source` names. Accrued interest is not in it.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="notional_parts")
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    position = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    notional = models.DecimalField(max_digits=20, decimal_places=2)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    price_source = models.CharField(max_length=40)
    price_at = models.DateTimeField(null=True, blank=True)
    increment = models.DecimalField(max_digits=20, decimal_places=6)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    principal = models.DecimalField(max_digits=20, decimal_places=2)
    residual = models.DecimalField(max_digits=20, decimal_places=2)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="notional_part_once"),
            models.CheckConstraint(condition=Q(qty__gt=0, price__gt=0), name="notional_buys_some"),
            models.CheckConstraint(
                condition=Q(notional=F("principal") + F("residual"), residual__gte=0),
                name="notional_to_the_cent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notional} is {self.qty} and {self.residual}"
