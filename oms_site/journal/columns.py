"""Columns that most tables have, for the migrations of every floor above the firm.

A migration that has run describes the same column for ever, so nothing here ever changes what it
returns: a table that needs another column writes it out.
"""

from __future__ import annotations

from typing import Any

from django.db import models


def number() -> models.BigAutoField[Any, Any]:
    """The primary key of rows that nobody outside names."""
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def to(
    model: str,
    name: str = "+",
    *,
    index: bool = False,
    constraint: bool = True,
    null: bool = False,
) -> models.ForeignKey[Any, Any]:
    """A reference to a row that may not go while this one names it; `name` leads back from it.

    Without `constraint` the database does not look: for rows that are never deleted.
    """
    return models.ForeignKey(
        blank=null,
        db_constraint=constraint,
        db_index=index,
        null=null,
        on_delete=models.PROTECT,
        related_name=name,
        to=model,
    )


def one(model: str, name: str = "+", *, null: bool = False) -> models.OneToOneField[Any, Any]:
    """A reference that no other row of the table has; `name` leads back from it."""
    return models.OneToOneField(
        blank=null, null=null, on_delete=models.PROTECT, related_name=name, to=model
    )


def organization() -> models.ForeignKey[Any, Any]:
    """Whose row of a ledger it is: organizations stay, and other indexes begin with it."""
    return to("firm.organization", constraint=False)


def qty(*, null: bool = False, **more: Any) -> models.DecimalField[Any, Any]:
    """A quantity of a security, in the units of its order."""
    return models.DecimalField(blank=null, decimal_places=6, max_digits=20, null=null, **more)


def price(*, null: bool = False, **more: Any) -> models.DecimalField[Any, Any]:
    """A price as venues state it."""
    return models.DecimalField(blank=null, decimal_places=8, max_digits=18, null=null, **more)


def money(*, null: bool = False, **more: Any) -> models.DecimalField[Any, Any]:
    """An amount to the cent."""
    return models.DecimalField(blank=null, decimal_places=2, max_digits=20, null=null, **more)
