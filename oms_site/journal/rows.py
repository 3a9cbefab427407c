"""The three kinds of rows that the one door writes.

`LedgerRow` lives and is versioned, `LedgerFact` is inserted once and never changes, `QueueRow` is a
message waiting for a worker. Ledger rows may change only under an event; queue rows need none.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from oms_site.firm.models import Organization


# Organizations, policies and users are never deleted (a trigger refuses it) and are known to every
# process. Constraints on them would lock the same few rows in every transaction of the day.
class LedgerRow(models.Model):
    """A living row: every version of it has exactly one event."""

    id = models.CharField(primary_key=True, max_length=40)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    version = models.PositiveIntegerField(default=0)

    # Attribute names that may change after insert; the database refuses changes of the others.
    MUTABLE: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def state(self) -> dict[str, Any]:
        """The values of the mutable columns now."""
        values = self.__dict__
        return {name: values[name] for name in self.MUTABLE}


class LedgerFact(models.Model):
    """A fact: inserted once, under an event, never changed."""

    id = models.CharField(primary_key=True, max_length=40)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        abstract = True


class QueueRow(models.Model):
    """Work that waits in a table: inserted with the facts that cause it, drained by a worker."""

    class Meta:
        abstract = True
