"""Who dealt what a leg books: asked of the story by its name, since this floor knows no fills."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import cast

from django.utils.module_loading import import_string

from allocations.models import BookingLeg

# The story's own room, reached by its name as every floor reaches up.
_READER = "orders.street.counterparties"


def of_legs(legs: Iterable[BookingLeg]) -> dict[str, str]:
    """The broker of each leg, else the venue; empty where several dealt: one query for all."""
    asked = list(legs)
    reader = cast(Callable[[Collection[str]], dict[str, str]], import_string(_READER))
    known = reader({source for leg in asked for source in leg.source_ids})
    found = {}
    for leg in asked:
        names = {known.get(source, "") for source in leg.source_ids}
        found[leg.id] = names.pop() if len(names) == 1 else ""
    return found
