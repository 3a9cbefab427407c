"""Whose limits count for a caller, from memory that is at most a second old.

Rows are read once a second per caller and process, as keys are; a change of a tier, a grant or a
restriction counts everywhere within that second, and at once in the process that made it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.db.models import Q

from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.fresh import MISSING, Fresh
from oms_site.throttling.limits import STANDARD, STRANGER, Lane, Subject, Tier, tier
from oms_site.throttling.models import RateGrant, RateRestriction, RateTier

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The subjects of one caller by lane, and until when it may send no orders."""

    lanes: dict[Lane, tuple[Subject, ...]]
    restricted_until: datetime | None = None


# By user and key.
_held: Fresh[tuple[int, int | None], Caller] = Fresh(keep_s=1.0, again_s=0.7, most=10_000)


def known(principal: Principal) -> Caller | None:
    """What memory has about the caller, None when it is too old. Never a query.

    Who is told None has to ask `of`, also on behalf of those who are answered meanwhile.
    """
    caller = _held.known((principal.user_id, principal.api_key_id))
    return None if caller is MISSING else caller


def of(principal: Principal) -> Caller:
    """What counts for the caller. A database that does not answer changes nothing."""
    who = (principal.user_id, principal.api_key_id)

    def load() -> Caller:
        try:
            return _load(principal)
        except (DatabaseError, InterfaceError):
            log.warning("rate tiers could not be read; keeping the last ones")
            last = _held.last(who)
            return Caller(_lanes(principal, {})) if last is MISSING else last

    return _held.get(who, load)


def stranger(address: str, lane: Lane) -> tuple[Subject, ...]:
    """The subject of somebody who has not said who he is."""
    return (Subject(f"a{address}:{Lane.OTHERS}", STRANGER.lanes[lane]),)


def forget() -> None:
    """Read everything again at the next request."""
    _held.forget()


def _load(principal: Principal) -> Caller:
    mine = Q(user_id=principal.user_id)
    if principal.api_key_id is not None:
        mine |= Q(api_key_id=principal.api_key_id)
    if principal.organization_id:
        mine |= Q(organization_id=principal.organization_id)
    rows = RateGrant.objects.filter(mine).select_related("tier")
    grants = {_kind(row): of_row(row.tier) for row in rows}
    standard = RateTier.objects.filter(name=STANDARD.name).first()
    if standard is not None:
        grants["standard"] = of_row(standard)
    keys = Q(api_key=None) | Q(api_key_id=principal.api_key_id)
    restrictions = RateRestriction.objects.filter(
        keys, user_id=principal.user_id, lifted_at=None, until__gt=clock.machine_now()
    )
    until = restrictions.order_by("-until").values_list("until", flat=True).first()
    return Caller(_lanes(principal, grants), until)


def _kind(row: RateGrant) -> str:
    if row.user_id is not None:
        return "user"
    return "key" if row.api_key_id is not None else "organization"


def of_row(row: RateTier) -> Tier:
    """The limits of a stored tier."""
    return tier(
        row.name,
        orders=(row.orders_per_second, row.orders_per_minute),
        cancels=(row.cancels_per_second, row.cancels_per_minute),
        others=(row.others_per_second, row.others_per_minute),
        burst_factor=row.burst_factor,
        burst_seconds=row.burst_seconds,
    )


def _lanes(principal: Principal, grants: dict[str, Tier]) -> dict[Lane, tuple[Subject, ...]]:
    standard = grants.get("standard", STANDARD)
    named = [(f"u{principal.user_id}", grants.get("user", standard))]
    if principal.api_key_id is not None:
        # The most particular first: it is the one that gets the strikes.
        named.insert(0, (f"k{principal.api_key_id}", grants.get("key", standard)))
    lanes = {}
    for lane in Lane:
        whose = list(named)
        # What stops orders is never held up by what others of the house send.
        if "organization" in grants and lane is not Lane.CANCELS:
            whose.append((f"o{principal.organization_id}", grants["organization"]))
        lanes[lane] = tuple(Subject(f"{key}:{lane}", held.lanes[lane]) for key, held in whose)
    return lanes
