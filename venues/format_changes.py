"""Formats of venues change by two people: one proposes the next version, another puts it in force.

Called by the back office. What has been approved is sent from then on, so the database takes an
active venue to testing until it has passed its certification with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from oms_site.firm.principals import Principal
from oms_site.kit.errors import Forbidden, NotFound, OmsError
from venues import formats
from venues.models import Venue, VenueFormat


def propose(
    venue_id: str, *, content: Mapping[str, Any], reason: str, by: Principal, at: datetime
) -> VenueFormat:
    """The next version, waiting for a second person.

    Raises `NotFound`, format_invalid and reason_required (422), nothing_changed (409).
    """
    try:
        formats.read(dict(content))
    except ValueError as error:
        raise OmsError("format_invalid", f"{error}.", field="content") from error
    if not reason.strip():
        raise OmsError("reason_required", "Say why.", field="reason")
    with transaction.atomic():
        venue = Venue.objects.select_for_update().filter(pk=venue_id).first()
        if venue is None:
            raise NotFound("venue")
        if venue.template == content:
            raise OmsError("nothing_changed", "The format in force says the same.", status=409)
        last = VenueFormat.objects.filter(venue=venue).order_by("-version").first()
        return VenueFormat.objects.create(
            venue=venue,
            version=last.version + 1 if last else 1,
            content=dict(content),
            reason=reason.strip()[:500],
            proposed_by_id=by.user_id,
            proposed_at=at,
        )


def approve(format_id: int, *, by: Principal, at: datetime) -> VenueFormat:
    """Put a proposed version in force: the venue is to be certified with it.

    Raises `NotFound`, self_approval (403), already_decided, newer_version_in_force (409).
    """
    with transaction.atomic():
        row = _proposed(format_id)
        if row.proposed_by_id == by.user_id:
            raise Forbidden("self_approval", "Who proposed a format may not approve it.")
        newer = VenueFormat.objects.filter(
            venue_id=row.venue_id, version__gt=row.version, status=VenueFormat.Status.APPROVED
        )
        if newer.exists():
            text = "A newer version was approved before: propose this one anew."
            raise OmsError("newer_version_in_force", text, status=409)
        return _decided(row, VenueFormat.Status.APPROVED, by=by, at=at)


def reject(format_id: int, *, by: Principal, at: datetime) -> VenueFormat:
    """Refuse a proposed version; its proposer withdraws it by the same way. Raises as `approve`."""
    with transaction.atomic():
        row = _proposed(format_id)
        own = row.proposed_by_id == by.user_id
        status = VenueFormat.Status.WITHDRAWN if own else VenueFormat.Status.REJECTED
        return _decided(row, status, by=by, at=at)


def _proposed(format_id: int) -> VenueFormat:
    row = VenueFormat.objects.filter(pk=format_id).first()
    if row is None:
        raise NotFound("format")
    Venue.objects.select_for_update().get(pk=row.venue_id)
    row = VenueFormat.objects.select_for_update().get(pk=format_id)
    if row.status != VenueFormat.Status.PROPOSED:
        raise OmsError("already_decided", f"This format is {row.status}.", status=409)
    return row


def _decided(
    row: VenueFormat, status: VenueFormat.Status, *, by: Principal, at: datetime
) -> VenueFormat:
    row.status, row.decided_by_id, row.decided_at = status, by.user_id, at
    row.save(update_fields=["status", "decided_by", "decided_at"])
    return row
