"""Which venue gets an order: a pure choice over facts, explained in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """What routing needs to know of a venue."""

    id: str
    name: str
    mpid: str
    status: str
    asset_classes: frozenset[str]
    ord_types: frozenset[str]
    preference: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an execution order for one venue."""

    venue_id: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Decision:
    """The slices chosen and why; without slices, why there are none."""

    slices: tuple[Slice, ...]
    reason: str


def decide(
    venues: Sequence[VenueFacts], *, asset_class: str, ord_type: str, qty: Decimal, only: str = ""
) -> Decision:
    """Send all of it to the most preferred venue that can take it; `only` names one venue.

    Venues that cannot are left out, each with its reason.
    """
    fitting, left_out = [], []
    for venue in venues:
        why = _why_not(venue, asset_class, ord_type, only)
        if why:
            left_out.append(f"{venue.id}: {why}")
        else:
            fitting.append(venue)
    if not fitting:
        return Decision((), "no venue can take it (" + "; ".join(left_out) + ")")
    best = min(fitting, key=lambda venue: (venue.preference, venue.id))
    others = f" ({'; '.join(left_out)})" if left_out else ""
    return Decision((Slice(best.id, qty),), f"{best.id} is the preferred fitting venue{others}")


def _why_not(venue: VenueFacts, asset_class: str, ord_type: str, only: str) -> str:
    if only and venue.id != only:
        return "not the venue asked for"
    if venue.status != "active":
        return "not active"
    if venue.asset_classes and asset_class not in venue.asset_classes:
        return f"does not trade {asset_class}"
    if venue.ord_types and ord_type not in venue.ord_types:
        return f"takes no {ord_type} orders"
    return ""
