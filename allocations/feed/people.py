"""Who is told: endpoints registered, paused and given new secrets, dead deliveries sent again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings

from allocations.feed import addresses, outbox, signing
from allocations.models import FeedEndpoint
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError

MANAGE = "config.manage"
REPAIR = "booking.repair"
ENDPOINTS_MOST = 20


def register(
    *, name: str, url: str, by: Principal, at: datetime, correlation_id: str = ""
) -> tuple[FeedEndpoint, str]:
    """A new endpoint and its secret, which is shown this once.

    Raises `Forbidden`, `OmsError` (422 `feed_address_refused`, `name_required`; 409 `feed_known`,
    `too_many_feeds`).
    """
    by.require(MANAGE)
    if not name.strip():
        raise OmsError("name_required", "Give it a name.", field="name")
    # Names are looked up before the transaction begins.
    addresses.check(url, sandbox=settings.SANDBOX)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        mine = FeedEndpoint.objects.filter(organization_id=by.organization_id, active=True)
        if mine.filter(url=url).exists():
            raise OmsError("feed_known", "This address is told already.", field="url", status=409)
        if mine.count() >= ENDPOINTS_MOST:
            raise OmsError("too_many_feeds", f"At most {ENDPOINTS_MOST} are told.", status=409)
        row = FeedEndpoint(
            id=ids.prefixed("fe"),
            organization_id=by.organization_id,
            name=name.strip()[:80],
            url=url,
            created_by_id=by.user_id,
            created_at=at,
        )
        work.add(row)
        _tell(work, row, "feed_register")
    return row, signing.secret_of(row.id, row.secret_version)


def pause(endpoint_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> None:
    """Send nothing there for now; nothing new is queued. Raises `NotFound`, `Forbidden`."""
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, endpoint_id, by, MANAGE)
        if row.active:
            row.pause()
            _tell(work, row, "feed_pause")


def resume(endpoint_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> None:
    """Tell it again, of what was queued too. Raises `NotFound`, `Forbidden`, `OmsError`."""
    found = FeedEndpoint.objects.filter(id=endpoint_id, organization_id=by.organization_id)
    url = found.values_list("url", flat=True).first()
    if url is not None:
        addresses.check(url, sandbox=settings.SANDBOX)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, endpoint_id, by, MANAGE)
        others = FeedEndpoint.objects.filter(
            organization_id=by.organization_id, url=row.url, active=True
        )
        if not row.active and others.exists():
            raise OmsError("feed_known", "This address is told already.", status=409)
        if not row.active:
            row.resume()
            _tell(work, row, "feed_resume")
        work.ring("allocations.tasks.feed")


def rotate(endpoint_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> str:
    """A new secret, shown this once. Raises `NotFound`, `Forbidden`."""
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, endpoint_id, by, MANAGE)
        row.rotate()
        _tell(work, row, "feed_rotate")
    return signing.secret_of(row.id, row.secret_version)


def redeliver(
    endpoint_id: str,
    ids_given: Collection[int] | None,
    *,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> list[int]:
    """Queue dead deliveries again, all of them if none is named; which ones were dead."""
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, endpoint_id, by, REPAIR)
        found = outbox.revive(row.id, ids_given, at=at)
        if found:
            _tell(work, row, "feed_redeliver", deliveries=len(found))
            work.ring("allocations.tasks.feed")
    return found


def _held(work: Unit, endpoint_id: str, by: Principal, entitlement: str) -> FeedEndpoint:
    by.require(entitlement)
    row = work.lock(FeedEndpoint, [endpoint_id]).get(endpoint_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("feed")
    return row


def _tell(work: Unit, row: FeedEndpoint, event_type: str, **facts: Any) -> None:
    body = {
        "endpoint_id": row.id,
        "name": row.name,
        "url": row.url,
        "active": row.active,
        "secret_version": row.secret_version,
    }
    work.record(row, event_type, body={**body, **facts})
