"""Smart order routing among the venues that can take what is asked, each its part.

Called by `orders.sor` in place of the bare choice. Pure: the same facts, terms and moment give the
same decision, and every venue left out has its reason in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from venues import smart_routing
from venues.smart_routing import Decision, VenueFacts


def decide(
    venues: Sequence[VenueFacts],
    *,
    qty: Decimal,
    time_in_force: str,
    at: datetime,
    **terms: Any,
) -> Decision:
    """`smart_routing.decide` over the venues that can take what is asked, and take their part.

    A venue whose part is not of a size that it takes is left out, and the rest decided anew.
    """
    able = [_judged(one, time_in_force=time_in_force, at=at) for one in venues]
    while True:
        decision = smart_routing.decide(able, qty=qty, **terms)
        sizes = {part.venue_id: part.qty for part in decision.slices}
        faults = {
            one.id: why
            for one in able
            if one.id in sizes
            if one.capabilities is not None
            if (why := one.capabilities.why_not_size(sizes[one.id]))
        }
        if not faults:
            return decision
        able = [replace(one, why_not=faults.get(one.id, one.why_not)) for one in able]


def _judged(one: VenueFacts, *, time_in_force: str, at: datetime) -> VenueFacts:
    if one.capabilities is None:
        return one
    return replace(one, why_not=one.capabilities.why_not(time_in_force=time_in_force, at=at))
