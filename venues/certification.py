"""Certifications on record: noted after each run, asked before a venue becomes active.

What a venue's configuration is, the database alone says: its mark covers gateway, protocols, types,
sizes, amendment and template. Changing any of them on an active venue is refused until the new
configuration has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from oms_site.kit.errors import OmsError
from venues.acceptance import Finding
from venues.models import Certification, Venue


def configuration(venue_id: str) -> str:
    """The mark of a venue's configuration as it is stored. Raises `LookupError` without it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT venues_configuration(v) FROM venues_venue v WHERE id = %s", [venue_id]
        )
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"there is no venue {venue_id}")
    return str(row[0])


def note(
    venue: Venue, findings: Sequence[Finding], *, began_at: datetime, ended_at: datetime, by: str
) -> Certification:
    """Keep one run. It passed when no requirement has a fault."""
    return Certification.objects.create(
        venue=venue,
        configuration=configuration(venue.pk),
        passed=not any(one.fault for one in findings),
        findings=[one.told() for one in findings],
        began_at=began_at,
        ended_at=ended_at,
        by=by,
    )


def latest(venue_id: str) -> Certification | None:
    """The newest run of the venue's present configuration; None when there was none."""
    runs = Certification.objects.filter(venue_id=venue_id, configuration=configuration(venue_id))
    return runs.order_by("-id").first()


def stands(venue_id: str) -> bool:
    """Whether the venue may be active as it is configured now."""
    run = latest(venue_id)
    return run is not None and run.passed


def activate(venue: Venue) -> None:
    """Let routing use a venue. Raises `OmsError` while its configuration has not passed."""
    if not stands(venue.pk):
        raise OmsError(
            "venue_not_certified",
            f"{venue.name} has not passed its certification as it is configured now: "
            f"manage.py certify {venue.pk}",
            field="status",
            status=409,
        )
    venue.status = Venue.Status.ACTIVE
    venue.save(update_fields=["status"])
