"""What open orders would still take. This floor does not know orders: it names who does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from django.utils.module_loading import import_string

# The story's own room, reached by its name as every floor reaches up.
_READER = "orders.holdings.reservations"


@dataclass(frozen=True, slots=True)
class Reserved:
    """Cash of open buys by (account, currency), securities of open sells by (account, id)."""

    cash: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    securities: Mapping[tuple[str, int], Decimal] = field(default_factory=dict)


def reserved(account_ids: Collection[str]) -> Reserved:
    """What open orders of these accounts would still take: one query for all of them."""
    reader = cast(Callable[[Collection[str]], Reserved], import_string(_READER))
    return reader(account_ids)
