"""The ids that clients gave to allocations and to their accounts' parts, each used once for ever.

The database fills this table itself, with every row that carries such an id: no room can forget it,
and two requests at one moment meet in one unique index.
"""

from __future__ import annotations

from django.db import models

from oms_site.firm.models import Organization


class ClientAllocationId(models.Model):
    """One id of one kind in one organization, and what it was given to.

    `account_id` is empty for the whole allocation. What a person refused after the fact gives its
    ids back; nothing else does.
    """

    class Kind(models.TextChoices):
        ALLOCATION = "client_allocation_id"
        ACCOUNT = "client_account_allocation_id"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=28, choices=Kind.choices)
    client_id = models.CharField(max_length=80)
    order_id = models.CharField(max_length=40, db_index=True)
    account_id = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = "client's allocation id"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "client_id"], name="client_id_of_an_allocation_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.client_id}"
