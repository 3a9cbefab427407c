"""How legs are to be booked and when they are released, from memory.

Asked with every allocation and leg; the caller runs `firm.generation.check` once per batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from allocations.models import BookingConfiguration, Custodian, ReleaseRule
from oms_site.firm.generation import Cached
from oms_site.firm.models import Organization
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError

CONFIGURE = "config.manage"

# When an allocation's legs are queued; empty is as its strategy does.
AS_STRATEGY, AT_FILL, AT_CLOSE, BY_HAND = "", "fill", "close", "hand"


@dataclass(frozen=True, slots=True)
class ConfigurationFacts:
    """One version of what a custodian is told with every booking."""

    id: int
    booking_type: str
    instructions: str


@dataclass(frozen=True, slots=True)
class _Known:
    active: dict[tuple[str, str], ConfigurationFacts]
    by_id: dict[int, ConfigurationFacts]
    rules: dict[str, list[ReleaseRule]]


def configuration(organization_id: str, custodian_id: str) -> ConfigurationFacts | None:
    """What counts from now on; None where nobody has said anything."""
    return _known.get().active.get((organization_id, custodian_id))


def configuration_by_id(configuration_id: int | None) -> ConfigurationFacts | None:
    """The version that a leg was made under, active or not."""
    return _known.get().by_id.get(configuration_id or 0)


def release_for(organization_id: str, *, asset_class: str, strategy: str) -> str:
    """When the legs of such an allocation are queued: the first rule that matches."""
    for rule in _known.get().rules.get(organization_id, ()):
        if rule.asset_class in ("", asset_class) and rule.strategy in ("", strategy):
            return rule.release
    return AS_STRATEGY


def configure(
    custodian_id: str, *, booking_type: str, instructions: str, by: Principal, at: datetime
) -> BookingConfiguration:
    """Tell a custodian something else from now on: the next version; the one before is kept.

    Raises `OmsError` (422) for a custodian or a type that is not known.
    """
    by.require(CONFIGURE)
    if not Custodian.objects.filter(id=custodian_id).exists():
        raise OmsError("custodian_not_found", "No such custodian.", field="custodian_id")
    if booking_type not in BookingConfiguration.Type.values:
        known = ", ".join(BookingConfiguration.Type.values)
        raise OmsError("not_a_choice", f"Give one of {known}.", field="booking_type")
    mine = BookingConfiguration.objects.filter(
        organization_id=by.organization_id, custodian_id=custodian_id
    )
    with transaction.atomic():
        # Versions of one organization are made one after the other.
        Organization.objects.select_for_update().get(pk=by.organization_id)
        last = mine.order_by("-number").values_list("number", flat=True).first() or 0
        mine.filter(active=True).update(active=False)
        return BookingConfiguration.objects.create(
            organization_id=by.organization_id,
            custodian_id=custodian_id,
            number=last + 1,
            booking_type=booking_type,
            instructions=instructions,
            created_at=at,
        )


def _load() -> _Known:
    known = _Known({}, {}, {})
    for row in BookingConfiguration.objects.order_by("id"):
        facts = ConfigurationFacts(row.pk, row.booking_type, row.instructions)
        known.by_id[row.pk] = facts
        if row.active:
            known.active[row.organization_id, row.custodian_id] = facts
    for rule in ReleaseRule.objects.filter(active=True).order_by("position", "id"):
        known.rules.setdefault(rule.organization_id, []).append(rule)
    return known


_known = Cached(_load)
