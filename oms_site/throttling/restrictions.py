"""Restricting who asks too much again and again, and lifting it: each a row with its event."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit import clock, ids
from oms_site.kit.errors import Forbidden, NotFound, OmsError
from oms_site.throttling import tiers
from oms_site.throttling.models import RateRestriction
from oms_site.throttling.windows import PENALTIES

log = logging.getLogger(__name__)
STRIKES = PENALTIES
LASTS = timedelta(hours=1)
LIFTERS = ("control.manage", "config.manage")
_REASON = f"more than {STRIKES} strikes: the limits were exceeded after every pause"


def restrict(who: Principal) -> RateRestriction:
    """Take orders from nobody who comes with this key, or from this user, for an hour.

    The one that stands already is answered. Times are the machine's: a sandbox's clock must not
    shorten it.
    """
    at = clock.machine_now()
    with unit.work(by=actors.system("throttling"), at=clock.now()) as work:
        # One at a time per user: two processes may see the last strike.
        User.objects.select_for_update(no_key=True).get(pk=who.user_id)
        held = standing(who.organization_id).filter(
            user_id=who.user_id, api_key_id=who.api_key_id, until__gt=at
        )
        known = held.first()
        if known is not None:
            return known
        row = RateRestriction(
            id=ids.prefixed("rr"),
            organization_id=who.organization_id,
            user_id=who.user_id,
            api_key_id=who.api_key_id,
            since=at,
            until=at + LASTS,
            reason=_REASON,
        )
        work.add(row)
        body = {
            "restriction_id": row.id,
            "username": who.username,
            "via": who.via,
            "until": row.until,
            "reason": row.reason,
        }
        work.record(row, "rate_restrict", body=body, msg_type=MsgType.SYSTEM_UPDATE)
    tiers.forget()
    return row


def restrict_quietly(who: Principal) -> None:
    """As `restrict`; a database that does not answer now is asked again at the next strike."""
    try:
        restrict(who)
    except Exception:
        log.exception("%s could not be restricted", who.username)


def lift(restriction_id: str, *, reason: str, by: Principal) -> RateRestriction:
    """End one at once.

    Raises not_entitled, self_approval (403), not_found (404), already_lifted (409).
    """
    if not any(by.may(need) for need in LIFTERS):
        by.require(LIFTERS[0])
    at = clock.machine_now()
    with unit.work(by=actors.person(by), at=clock.now()) as work:
        row = work.lock(RateRestriction, [restriction_id]).get(restriction_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("restriction")
        if row.user_id == by.user_id:
            raise Forbidden("self_approval", "Nobody lifts his own restriction.")
        if row.lifted_at is not None:
            raise OmsError("already_lifted", "It was lifted before.", status=409)
        row.lifted_at, row.lifted_by_id, row.lift_reason = at, by.user_id, reason
        body = {"restriction_id": row.id, "username": row.user.username, "reason": reason}
        work.record(row, "rate_lift", body=body, msg_type=MsgType.SYSTEM_UPDATE)
    transaction.on_commit(tiers.forget)
    return row


def standing(organization_id: str) -> QuerySet[RateRestriction]:
    """Those that nobody has lifted, newest first, ended ones too."""
    rows = RateRestriction.objects.filter(organization_id=organization_id, lifted_at=None)
    return rows.order_by("-since")
