"""The three kinds of rows that the one door writes.

`LedgerRow` lives and is versioned, `LedgerFact` is inserted once and never changes, `QueueRow` is a
message waiting for a worker, `ToldRow` such a one from outside. Ledger rows may change only under
an event; queue rows need none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from operator import itemgetter
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models.base import ModelState

from oms_site.firm.models import Organization


@lru_cache
def _attributes(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


@lru_cache
def _reader(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    # One call for all of them: a loop over the names takes several times as long.
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


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
    # Names that exist once and that others choose. A unit inserts its rows in their order, or two
    # units with the same names would wait for each other.
    INSERTED_BY: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        **options: Any,
    ) -> Self:
        """A stored row. Whole rows, as locks read them, skip setting each column by name."""
        names = _attributes(cls)
        if len(values) != len(names):
            return super().from_db(db, field_names, values, **options)
        row = cls.__new__(cls)
        row._state = ModelState()
        row._state.adding, row._state.db = False, db
        row.__dict__.update(zip(names, values, strict=True))
        return row

    def state(self) -> dict[str, Any]:
        """The values of the mutable columns now."""
        return dict(zip(self.MUTABLE, self.mutable(), strict=True))

    def mutable(self) -> tuple[Any, ...]:
        """The values of `MUTABLE` now, in its order."""
        return _reader(self.MUTABLE)(self.__dict__)


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


class ToldRow(QueueRow):
    """What an outside party told, raw, once per number of its own (`laws.told` keeps it so).

    Applied in the order of `seq`; `verdict` accounts for every one. Whose it is each table says.
    """

    seq = models.BigIntegerField()
    body = models.TextField()
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=16, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True
