"""The words by which the back office finds orders, apart from the orders: one row, written once."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from oms_site.firm.models import Organization
from oms_site.journal.rows import QueueRow


class OrderWords(QueueRow):
    """What an order can be found by: CUSIP, ids, trader, account, and the words of its annotation.

    Kept beside the orders so that an order costs its own transaction nothing for it. No constraint
    looks at the order: orders are never deleted.
    """

    order = models.OneToOneField(
        "orders.Order",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    created_at = models.DateTimeField()
    words = SearchVectorField()

    class Meta:
        indexes = [
            GinIndex(fields=["words"], name="order_words"),
            models.Index(fields=["organization", "created_at", "order"], name="order_words_own"),
        ]

    def __str__(self) -> str:
        return self.order_id
